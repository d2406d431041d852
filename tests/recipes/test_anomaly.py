"""`vae-zoo anomaly`: what it writes, and what it refuses."""

import csv

import numpy as np
import pytest
from command_helpers import fail, succeed
from PIL import Image

import zoo
from zoo.applications import AnomalyDetector


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A detector of the smallest preset, as the command fits it."""
    folder = tmp_path_factory.mktemp("detector") / "digits"
    said = succeed(
        *("anomaly", "fit", "dense_vae_digits", "digits"),
        *("--out", folder, "--score", "reconstruction", "--quantile", "0.95"),
    )
    assert "95 % of 150 validation images of digits score at least" in said
    assert "simpler kind" not in said  # of likelihoods alone
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """30 digits of the preset's own, and one picture of noise in a sub-folder."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "found").mkdir()
    digits = zoo.from_preset("dense_vae_digits").sample(30, seed=0)
    for number, digit in enumerate(digits):
        save(folder / f"digit_{number:02}.png", digit[..., 0])
    noise = np.random.default_rng(0).random((28, 28))
    save(folder / "found" / "<noise>.png", noise)
    return folder


def save(path, pixels):
    Image.fromarray((255 * pixels).astype("uint8")).save(path)


def rows_of(folder):
    with open(folder / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_oddest_picture_comes_first(detector, pictures, tmp_path):
    said = succeed("anomaly", "score", detector, pictures, "--out", tmp_path / "out")
    assert "of 31 images are anomalies." in said and "found/<noise>.png" in said
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 31 and rows[0]["image"] == "found/<noise>.png"
    decisions = [float(row["decision"]) for row in rows]
    assert decisions == sorted(decisions)
    assert all(
        (d < 0) == (row["anomaly"] == "1")
        for d, row in zip(decisions, rows, strict=True)
    )
    fitted = AnomalyDetector.from_preset(detector)
    offset = float(rows[0]["score"]) - decisions[0]
    assert offset == pytest.approx(fitted.offset_, abs=1e-2)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.count("<img") == 24 and "&lt;noise&gt;" in page and "<noise" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_picture_has_one_score_whatever_lies_beside_it(detector, pictures, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("digit_20.png", "digit_07.png"):
        (few / name).write_bytes((pictures / name).read_bytes())
    for folder in (few, pictures):
        succeed(
            "anomaly",
            "score",
            detector,
            folder,
            "--out",
            tmp_path / f"of_{folder.name}",
        )
    alone, among = (
        {row["image"]: float(row["score"]) for row in rows_of(tmp_path / f"of_{name}")}
        for name in ("few", pictures.name)
    )
    assert len(alone) == 2
    for name, score in alone.items():
        assert among[name] == pytest.approx(score, rel=1e-5)


def test_an_exported_scorer_says_the_same(detector, pictures, tmp_path):
    file = tmp_path / "scorer.onnx"
    said = succeed("anomaly", "export", detector, file)
    assert "largest error against Keras" in said
    assert "scorer.onnx" in succeed("verify", file)
    for scorer, name in ((detector, "keras"), (file, "onnx")):
        succeed("anomaly", "score", scorer, pictures, "--out", tmp_path / name)
    one, other = (
        {row["image"]: float(row["score"]) for row in rows_of(tmp_path / name)}
        for name in ("keras", "onnx")
    )
    assert one.keys() == other.keys()
    for name, score in one.items():
        assert other[name] == pytest.approx(score, rel=1e-4)
    assert "exists already" in fail("anomaly", "export", detector, file)
    # Of shards, too.
    digits = zoo.from_preset("dense_vae_digits").sample(9, seed=3).round()
    (tmp_path / "shards").mkdir()
    np.savez(tmp_path / "shards" / "a.npz", images=digits)
    for scorer, name in ((detector, "of_keras"), (file, "of_onnx")):
        out = "--out", tmp_path / name, "--format", "npz"
        succeed("anomaly", "score", scorer, tmp_path / "shards", *out)
    one, other = (
        np.load(tmp_path / name / "a.npz")["score"] for name in ("of_keras", "of_onnx")
    )
    np.testing.assert_allclose(other, one, rtol=1e-4)


def test_images_that_it_was_not_trained_on_are_all_taken(pictures, tmp_path):
    words = ("anomaly", "fit", "dense_vae_digits", pictures, "--out", tmp_path / "d")
    said = succeed(*words)
    assert f"of 31 images of {pictures.name} score at least" in said
    assert "take --score latent of a HierarchicalVAE" in said
    info = zoo.preset_info(tmp_path / "d")
    assert info["anomaly"]["num_images"] == 31 and info["anomaly"]["binary"]
    assert info["dataset"]["name"] == "digits"
    assert "exists already" in fail(*words)


def test_mistakes_are_told_in_a_sentence(detector, pictures, tmp_path):
    said = fail("anomaly", "score", "dense_vae_digits", pictures)
    assert "holds no fitted detector" in said
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    said = fail("anomaly", "score", detector, tmp_path / "empty", "--out", out)
    assert "There is no image in the folder" in said and not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    words = ("anomaly", "score", detector, pictures, "--out", out)
    assert "exists already" in fail(*words)
    assert "it is not ours" in fail(*words, "--overwrite")
    assert (out / "mine.txt").read_text() == "kept"
    said = fail(
        *("anomaly", "fit", "dense_vae_digits", "digits", "--out", tmp_path / "x"),
        *("--score", "level_ratio"),
    )
    assert "compares the levels of a HierarchicalVAE" in said
    said = fail(
        *("anomaly", "fit", "dense_vae_digits", "digits", "--out", tmp_path / "x"),
        *("--quantile", "1.5"),
    )
    assert "`quantile` must be" in said and not (tmp_path / "x").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "out"]


def test_a_folder_of_ours_is_replaced_whole(detector, pictures, tmp_path):
    words = ("anomaly", "score", detector, pictures, "--out", tmp_path / "out")
    succeed(*words)
    succeed(*words, "--overwrite", "-n", "3")
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.count("<img") == 3
