"""Work on shards: the same rows whoever does it, and after whatever kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_helpers import fail, succeed
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from recipes.bulk.formats import levels, write_shard
from recipes.bulk.shards import are_shards, find_shards, read_columns, shards_to_draw
from recipes.bulk.storage import Storage
from zoo.applications import AnomalyDetector

DIGITS = "dense_vae_digits"
BUCKET = "s3://pictures"


@pytest.fixture(scope="module")
def store():
    """An object store on this machine that speaks S3, with one bucket."""
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir(BUCKET)
        yield BUCKET
    server.stop()


@pytest.fixture(scope="module")
def model():
    return zoo.from_preset(DIGITS)


@pytest.fixture(scope="module")
def digits(model, tmp_path_factory):
    """A folder of three shards, one of each kind, of 20 images with names."""
    folder = tmp_path_factory.mktemp("shards")
    images = levels(model.sample(60, seed=5).round())
    for i, kind in enumerate(("npz", "parquet", "tfrecord")):
        part = slice(20 * i, 20 * (i + 1))
        columns = {
            "image": images[part],
            "name": np.array([f"digit {n}" for n in range(60)])[part],
            "label": np.arange(60)[part] % 10,
        }
        write_shard(Storage(folder), f"part-{i}", kind, columns)
    return folder, images


def columns_of(folder, kind="parquet"):
    """The columns of all shards in a folder, one after another."""
    storage = Storage(folder)
    ending = ".csv" if kind == "png" else f".{kind}"
    names = sorted(name for name in storage.names() if name.endswith(ending))
    parts = [read_columns(storage, name) for name in names]
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def bytes_of(folder):
    storage = Storage(folder)
    return {name: storage.read(name) for name in storage.names()}


# Shards themselves.


@given(st.integers(1, 10**9), st.integers(1, 300))
def test_rows_of_a_seed_are_in_one_shard_each(rows, shards):
    if shards > rows:
        with pytest.raises(ValueError, match="at most the number of samples"):
            shards_to_draw(rows, shards)
        return
    found = shards_to_draw(rows, shards)
    assert [s.first for s in found[1:]] == [s.first + s.count for s in found[:-1]]
    assert (found[0].first, found[-1].first + found[-1].count) == (0, rows)
    counts = [shard.count for shard in found]
    assert max(counts) - min(counts) <= 1 and len({s.stem for s in found}) == shards


@pytest.mark.parametrize("kind", ["parquet", "npz", "tfrecord"])
def test_a_shard_says_what_was_written(kind, tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "image": rng.integers(0, 256, (3, 9, 8, 3), np.uint8),
        "draws": rng.integers(0, 256, (3, 2, 9, 8, 1), np.uint8),
        "mean": rng.normal(size=(3, 4)).astype("f4"),
        "row": np.arange(3),
        "elbo": rng.normal(size=3).astype("f4"),
        "name": np.array(["a", "ä", "c d"]),
    }
    storage = Storage(tmp_path / "new")
    size = write_shard(storage, "one", kind, columns)
    (name,) = storage.names()
    assert size == len(storage.read(name))
    found = read_columns(storage, name)
    if kind == "tfrecord":  # whose vectors and draws are read by others alone
        pictures = found.pop("image")
        assert [png[:4] for png in pictures] == [b"\x89PNG"] * 3
        columns = {k: columns[k] for k in ("row", "elbo", "name")}
        found = {k: found[k] for k in columns}
    assert set(found) == set(columns)
    for column, array in columns.items():
        assert np.array_equal(found[column], array), column
        assert column in ("row", "name") or found[column].dtype == array.dtype


def test_tensorflow_reads_records(tmp_path):
    tf = pytest.importorskip("tensorflow")
    columns = {
        "image": np.arange(192, dtype=np.uint8).reshape(2, 12, 8, 1),
        "mean": np.array([[1.5, 2], [3, 4]], "f4"),
        "label": np.array([7, 9]),
    }
    write_shard(Storage(tmp_path), "one", "tfrecord", columns)
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "mean": tf.io.FixedLenFeature([2], tf.float32),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    records = tf.data.TFRecordDataset(str(tmp_path / "one.tfrecord"))
    rows = [tf.io.parse_single_example(record, features) for record in records]
    images = np.stack([tf.io.decode_png(row["image"]).numpy() for row in rows])
    assert np.array_equal(images, columns["image"])
    assert [row["label"].numpy() for row in rows] == [7, 9]
    assert np.array_equal([row["mean"].numpy() for row in rows], columns["mean"])


def test_what_is_taken_for_shards(tmp_path, digits):
    (tmp_path / "photos").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "photos" / "a.png")
    for data in ("s3://a/b", "in/*.npz", digits[0], digits[0] / "part-1.parquet"):
        assert are_shards(data)
    for data in ("mnist", tmp_path / "photos", digits[0] / "part-0.npz", "no/folder"):
        assert not are_shards(data)
    assert [s.files for s in find_shards(tmp_path / "photos")[1]] == [("a.png",)]
    assert len(find_shards(digits[0])[1]) == 3
    assert len(find_shards(f"{digits[0]}/*.npz")[1]) == 1
    assert len(find_shards(f"{digits[0].parent}/*/part-?.parquet")[1]) == 1
    with pytest.raises(ValueError, match="names no shards"):
        find_shards(f"{digits[0]}/*.txt")
    Image.new("L", (9, 9)).save(digits[0] / "a.png")
    with pytest.raises(ValueError, match="give a pattern"):
        find_shards(digits[0])
    (digits[0] / "a.png").unlink()


# Samples.


def test_shards_hold_the_rows_of_a_seed(model, tmp_path):
    out = tmp_path / "out"
    command = "sample", DIGITS, "-n", 70, "--shards", 3, "--out", out, "--seed", 4
    assert "70 rows in 3 shards" in succeed(*command)
    found = columns_of(out)
    assert np.array_equal(found["row"], np.arange(70))
    wanted = model.sample(70, seed=4)
    assert np.abs(found["image"] / 255 - wanted).max() < 0.51 / 255
    before = bytes_of(out)
    # Exactly what is missing is done again.
    shard = out / "part-00001-of-00003.parquet"
    shard.unlink()
    kept = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    assert "2 of 3 shards are there already" in succeed(*command)
    assert bytes_of(out) == before
    assert {p: p.stat().st_mtime_ns for p in out.iterdir() if p != shard} == kept
    assert "3 of 3 shards are there already" in succeed(*command)
    assert "begun with num_rows 70, not 71" in fail(*command, "-n", 71)
    assert "begun with seed 4, not 5" in fail(*command, "--seed", 5)
    assert bytes_of(out) == before


def test_pictures_of_every_class(tmp_path):
    out = tmp_path / "out"
    model = "conditional_vae_mnist"
    given = "--shards", 2, "--format", "png", "--out", out
    succeed("sample", model, "-n", 14, *given)
    found = columns_of(out, "png")
    assert np.array_equal(found["label"], np.arange(14) % 10)
    pixels = np.stack([np.asarray(Image.open(out / name)) for name in found["image"]])
    wanted = zoo.from_preset(model).sample(14, labels=np.arange(14) % 10, seed=0)
    assert np.abs(pixels / 255 - wanted[..., 0]).max() < 0.51 / 255


def test_an_object_store_holds_what_a_folder_does(store, tmp_path):
    command = "sample", DIGITS, "-n", 20, "--shards", 2, "--format", "npz", "--out"
    succeed(*command, tmp_path / "here")
    succeed(*command, f"{store}/there")
    assert bytes_of(f"{store}/there") == bytes_of(tmp_path / "here")
    assert "2 of 2 shards are there already" in succeed(*command, f"{store}/there")
    encode = "encode", DIGITS, "--out"
    succeed(*encode, f"{store}/codes", f"{store}/there/*.npz")
    succeed(*encode, tmp_path / "codes", tmp_path / "here")
    there, here = bytes_of(f"{store}/codes"), bytes_of(tmp_path / "codes")
    assert there == here and len(here) == 3


# Images that are there.


def test_latents_are_those_of_the_model(model, digits, tmp_path):
    folder, images = digits
    succeed("encode", DIGITS, folder, "--out", tmp_path / "out")
    found = columns_of(tmp_path / "out")
    posterior = model.encode(images.astype("f4") / 255)
    for name in ("mean", "log_var"):
        wanted = np.asarray(getattr(posterior, name))
        np.testing.assert_allclose(found[name], wanted, atol=1e-5)
    assert found["name"].tolist() == [f"digit {n}" for n in range(60)]
    assert np.array_equal(found["label"], np.arange(60) % 10)


def test_latents_of_a_set_by_name_and_of_pictures(model, tmp_path):
    succeed("encode", DIGITS, "digits", "--out", tmp_path / "digits")
    assert columns_of(tmp_path / "digits")["label"].shape == (297,)
    # Of a file all images, not those that a tenth would be tested on.
    np.savez(tmp_path / "mine.npz", images=levels(model.sample(30, seed=2)))
    succeed("encode", DIGITS, tmp_path / "mine.npz", "--out", tmp_path / "of_mine")
    assert columns_of(tmp_path / "of_mine")["mean"].shape[0] == 30
    (tmp_path / "photos").mkdir()
    pixels = levels(model.sample(3, seed=1).round())
    for i, plane in enumerate(pixels[..., 0]):
        Image.fromarray(plane).save(tmp_path / "photos" / f"{i}.png")
    given = "--format", "npz", "--out", tmp_path / "out"
    succeed("encode", DIGITS, tmp_path / "photos", *given)
    found = columns_of(tmp_path / "out", "npz")
    assert found["name"].tolist() == ["0.png", "1.png", "2.png"]
    wanted = np.asarray(model.encode(pixels / np.float32(255)).mean)
    np.testing.assert_allclose(found["mean"], wanted, atol=1e-5)


def test_figures_of_each_image_and_of_all(model, digits, tmp_path):
    out = tmp_path / "out"
    given = "--data", digits[0], "--out", out, "--num-importance-samples", 20
    said = succeed("evaluate", DIGITS, *given)
    found, summary = columns_of(out), json.loads((out / "summary.json").read_text())
    assert summary["rows"] == 60 and "elbo: " in said
    assert np.isclose(summary["elbo"]["mean"], found["elbo"].mean())
    error = found["elbo"].std(ddof=1) / np.sqrt(60)
    assert np.isclose(summary["elbo"]["standard_error"], error)
    np.testing.assert_allclose(
        found["elbo"], found["log_likelihood"] - found["kl"], rtol=1e-4
    )
    # Of other noise than the model's own `elbo`, and a looser bound than with K.
    elbo = model.elbo(digits[1] / np.float32(255), seed=0)["elbo"]
    assert abs(elbo.mean() - found["elbo"].mean()) < 1
    assert -found["nll"].mean() > found["elbo"].mean()


def test_scores_are_those_of_the_detector(model, digits, tmp_path):
    x = model.sample(50, seed=2).round()
    detector = AnomalyDetector(model, "reconstruction", quantile=0.9).fit(x)
    detector.save_to_preset(tmp_path / "detector")
    out = tmp_path / "out"
    said = succeed("anomaly", "score", tmp_path / "detector", digits[0], "--out", out)
    wanted = detector.score_samples(digits[1] / np.float32(255))
    found = columns_of(out)
    np.testing.assert_allclose(found["score"], wanted, rtol=1e-4)
    # One of grey images is given grey ones, whatever its model was trained on.
    grey = model.sample(20, seed=6)
    detector.fit(grey).save_to_preset(tmp_path / "of_grey")
    np.savez(tmp_path / "grey.npz", images=grey)
    given = tmp_path / "of_grey", f"{tmp_path}/grey*.npz", "--out", tmp_path / "scores"
    succeed("anomaly", "score", *given)
    wanted_grey = detector.score_samples(grey)
    np.testing.assert_allclose(
        columns_of(tmp_path / "scores")["score"], wanted_grey, rtol=1e-4
    )
    detector.fit(x)
    assert np.array_equal(found["anomaly"], found["score"] < detector.offset_)
    assert f"{found['anomaly'].sum()} of 60 images are anomalies" in said


def test_missing_pixels_of_shards(model, digits, tmp_path):
    x = digits[1][:4]
    observed = np.random.default_rng(0).random((4, 28, 28)) < 0.5
    columns = {"image": x, "observed": observed}
    write_shard(Storage(tmp_path / "in"), "a", "parquet", columns)
    few = "--num-draws", 2, "--num-steps", 5
    succeed("impute", DIGITS, tmp_path / "in", "--out", tmp_path / "out", *few)
    found = columns_of(tmp_path / "out")
    assert found["draws"].shape == (4, 2, 28, 28, 1)
    for draw in np.swapaxes(found["draws"], 0, 1):
        assert np.array_equal(draw[observed], x[observed])
    np.testing.assert_allclose(
        found["mean"], (found["draws"] / 255).mean(axis=1), atol=1e-6
    )
    half = "--missing", "lower", *few, "--format", "png"
    succeed("impute", DIGITS, digits[0], "--out", tmp_path / "png", *half)
    assert len(list((tmp_path / "png").rglob("draws-*.png"))) == 120


# Mistakes.


def test_one_bad_shard_does_not_stop_the_others(digits, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for name, content in bytes_of(digits[0]).items():
        Storage(source).write(name, content)
    good = (source / "part-1.parquet").read_bytes()
    (source / "part-1.parquet").write_bytes(good[: len(good) // 2])
    command = "encode", DIGITS, source, "--out", out
    said = fail(*command)
    assert "1 of 3 shards could not be done: part-1" in said and "again" in said
    assert {p.stem for p in out.glob("*.parquet")} == {"part-0", "part-2"}
    (source / "part-1.parquet").write_bytes(good)
    assert "2 of 3 shards are there already" in succeed(*command)
    assert len(columns_of(out)["mean"]) == 60


def test_mistakes_are_told_before_the_work(digits, tmp_path):
    out = tmp_path / "out"
    sample = "sample", DIGITS, "--shards", 2, "--out"
    assert "is no address: Protocol not known: nowhere" in fail(*sample, "nowhere://x")
    assert "at most the number of samples, 1" in fail(*sample, out, "-n", 1)
    assert "at most 10,000" in fail("sample", DIGITS, "-n", 10_001, code=2)
    assert "must be a folder or an address; got 'samples.png'" in fail(*sample[:-1])
    assert "there is no --overwrite" in fail(*sample, out, "--overwrite", code=2)
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    assert "holds files (mine.txt) and no plan.json" in fail(*sample, out)
    assert "names no shards" in fail("encode", DIGITS, "in/*.parquet", "--out", out)
    wide = "encode", DIGITS, digits[0], "--out", tmp_path / "o", "--format", "png"
    assert "no place for mean, log_var" in fail(*wide)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o", "out"]
    table = pa.table({"a": [1, 2], "b": [3, 4]})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    given = "--out", tmp_path / "p"
    assert "one column of images" in fail("encode", DIGITS, tmp_path / "in", *given)
    impute = "impute", DIGITS, digits[0], "--out", tmp_path / "q"
    assert "must have a column 'observed'" in fail(*impute)


def test_a_full_store_leaves_nothing_half_written(store):
    missing = fail("sample", DIGITS, "--shards", 1, "--out", "s3://no-such-bucket/x")
    assert "'s3://no-such-bucket/x/plan.json' cannot be written" in missing


# Ray.


def test_any_number_of_workers_gives_the_same_after_any_kill(tmp_path):
    command = [sys.executable, "-m", "recipes.commands.cli", "sample", DIGITS]
    command += ["-n", "600", "--shards", "30", "--backend", "torch", "--out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment.pop("KERAS_BACKEND", None)

    def start(out, *more):
        return subprocess.Popen(
            [*command, str(out), *more],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    killed = start(tmp_path / "two", "--workers", "2")
    shards = Path(tmp_path / "two")
    for _ in range(600):
        if list(shards.glob("*.parquet")) or killed.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    again = start(tmp_path / "two", "--workers", "2")
    alone = start(tmp_path / "one")
    for process in (again, alone):
        said, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")
    assert len(bytes_of(tmp_path / "one")) == 31
