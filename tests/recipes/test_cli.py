"""Every command on tiny things, and what users read when they make a mistake."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from command_helpers import fail, run, succeed
from PIL import Image

from recipes.commands.command_line import command_line
from recipes.common import backend
from zoo.presets import list_presets


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A tiny model that says it was trained on the embedded digits."""
    import zoo

    folder = tmp_path_factory.mktemp("presets") / "tiny"
    model = zoo.DenseVAE(
        (28, 28, 1), 2, hidden_units=(8,), dynamic_binarization=True, seed=0
    )
    dataset = {"name": "digits", "binarized": True, "training_images": 1500}
    model.save_to_preset(folder, metadata={"dataset": dataset, "summary": "Tiny."})
    return folder


@pytest.fixture(scope="module")
def exported(preset, tmp_path_factory):
    """The tiny model as `vae-zoo export` writes it."""
    folder = tmp_path_factory.mktemp("exported") / "tiny"
    assert "largest error against Keras" in succeed("export", preset, folder)
    return folder


@pytest.fixture
def images(tmp_path):
    """An .npz file of 60 images."""
    path = tmp_path / "images.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    np.savez(path, images=pixels)
    return path


def test_shards_of_an_exported_model_are_those_of_its_preset(
    preset, exported, tmp_path
):
    for name, source in (("keras", preset), ("onnx", exported)):
        drawn, codes = tmp_path / f"{name}_drawn", tmp_path / f"{name}_codes"
        few = "--num", 30, "--shards", 2, "--format", "npz"
        succeed("sample", source, *few, "--out", drawn)
        given = "--format", "npz", "--binarize", "--out", codes
        succeed("encode", source, tmp_path / "keras_drawn", *given)
    for folder, column, atol in (("drawn", "image", 1), ("codes", "mean", 1e-4)):
        for part in ("part-00000-of-00002.npz", "part-00001-of-00002.npz"):
            keras, onnx = (
                np.load(tmp_path / f"{name}_{folder}" / part)[column].astype("f4")
                for name in ("keras", "onnx")
            )
            assert len(keras) == 15
            np.testing.assert_allclose(onnx, keras, atol=atol)


def damaged_copy(source, target, name, how):
    """Copies a folder with one of its files truncated or one bit of it flipped."""
    shutil.copytree(source, target)
    content = bytearray((target / name).read_bytes())
    if how == "truncated":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    (target / name).write_bytes(content)
    return target


def test_help_lists_commands_as_users_need_them():
    text = succeed("--help")
    names = "list show sample train finetune evaluate export verify plot demo doctor"
    places = [text.index(f"│ {name} ") for name in names.split()]
    assert places == sorted(places)
    assert "VAE_ZOO_TRACEBACK" in text


def test_version():
    assert succeed("--version").startswith("vae-zoo 0.")


def test_list_shows_presets_and_recipes():
    lines = [line.rstrip() for line in succeed("list").splitlines()]
    presets = lines[lines.index("Presets") + 1 : lines.index("Recipes")]
    # None is folded, so that each can be copied.
    names = {line.split(" ")[0] for line in presets}
    assert {"name", *list_presets()} <= names


def test_show_tells_what_a_preset_is_and_how_to_use_it(preset):
    text = succeed("show", preset)
    assert "DenseVAE" in text and "digits, binary" in text and "1,500 images" in text
    assert "zoo.from_preset(" in text


def test_sample_is_the_same_from_preset_and_onnx(preset, exported, tmp_path):
    pictures = []
    for i, source in enumerate([preset, exported, exported / "decoder.onnx"]):
        out = tmp_path / f"{i}.png"
        succeed("sample", source, "--out", out, "-n", 9, "--seed", 3)
        pictures.append(np.asarray(Image.open(out)).astype(int))
    assert pictures[0].shape == (124, 484)
    for other in pictures[1:]:
        assert np.abs(pictures[0] - other).max() <= 1


def test_a_class_is_called_by_name_or_number(tmp_path):
    pictures = []
    for label in ("7", "Seven"):
        out = tmp_path / f"{label}.png"
        options = ("-n", 4, "--label", label, "--out", out)
        succeed("sample", "conditional_vae_mnist", *options)
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1]
    there = "`labels` must be numbers or names of classes, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    for command in (("sample",), ("plot", "samples")):
        out = ("--label", "dog", "--out", tmp_path / "dog.png")
        said = fail(*command, "conditional_vae_mnist", *out)
        assert f"Error: {there}; got 'dog'." in said


def test_evaluate_prints_and_writes(preset, tmp_path):
    out = tmp_path / "metrics.json"
    text = succeed("evaluate", preset, "--num-importance-samples", 2, "--out", out)
    metrics = json.loads(out.read_text())
    assert f"{metrics['elbo']:.2f}" in text and "K = 2" in text
    assert metrics["test_images"] == 297 and metrics["binarized"]
    assert metrics["command"].startswith(
        "vae-zoo evaluate tiny --num-importance-samples 2 --seed 0 --backend "
    )
    assert "keras" in metrics["versions"]
    low, high = metrics["intervals"]["elbo"]
    assert f"{low:.2f} to {high:.2f}" in out.with_suffix(".md").read_text()
    assert metrics["diagnosis"][0] in text and not list(tmp_path.glob("*.partial.npz"))


def test_evaluate_compares_two_presets(preset, tmp_path):
    out = tmp_path / "pair.json"
    options = ("--num-importance-samples", 2, "--out", out)
    text = succeed("evaluate", "--compare", preset, "dense_vae_digits", *options)
    assert "tiny and dense_vae_digits" in text
    compared = json.loads(out.read_text())
    first, second = compared["figures"]["nll"]["values"]
    assert first > second  # untrained weights
    assert f"{second - first:+.2f}" in out.with_suffix(".md").read_text()
    assert compared["command"].startswith(
        "vae-zoo evaluate --compare tiny dense_vae_digits --num-importance-samples 2 "
    )


def test_evaluate_saves_into_the_preset(preset, images, tmp_path):
    copy = shutil.copytree(preset, tmp_path / "copy")
    succeed("evaluate", copy, "--num-importance-samples", 2, "--save")
    metadata = json.loads((copy / "metadata.json").read_text())
    assert metadata["metrics"]["num_importance_samples"] == 2
    assert str(tmp_path) not in json.dumps(metadata)
    assert "NLL, importance-weighted, K = 2" in succeed("show", copy)
    fail("evaluate", copy, "--save", "--data", images, code=2)


def test_finetune_and_train_leave_presets(preset, images, tmp_path):
    runs = {
        "tuned": ("finetune", preset, "--data", images, "--epochs", 1),
        "trained": ("train", "dense_vae_digits", "--epochs", 1),
    }
    for name, arguments in runs.items():
        succeed(*arguments, "--out", tmp_path / name)
        assert "Figures on the test split" in succeed(
            "show", tmp_path / name / "preset"
        )
        assert "finished run" in fail(*arguments, "--out", tmp_path / name)
    harmful = ("--learning-rate", 10, "--batch-size", 8, "--out", tmp_path / "worse")
    assert "Nothing was gained, so no preset" in fail(*runs["tuned"], *harmful)


def test_strict_stops_at_an_image_that_cannot_be_read(preset, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(40):
        Image.fromarray(np.full((28, 28), 6 * i, np.uint8)).save(folder / f"{i:02}.png")
    (folder / "07.png").write_bytes(b"")
    evaluate = ("evaluate", preset, "--data", folder, "--num-importance-samples", 2)
    result = run(*evaluate)
    assert result.exit_code == 0
    said = " ".join(result.stderr.split())
    assert "skipped 1 image that is not readable: 07.png" in said
    assert "07.png is not a readable image" in fail(*evaluate, "--strict")
    tuned = ("finetune", preset, "--data", folder, "--out", tmp_path / "run")
    assert "07.png is not a readable image" in fail(*tuned, "--strict")
    pair = ("evaluate", "--compare", preset, preset, "--data", folder, "--strict")
    assert "07.png is not a readable image" in fail(*pair)


def test_export_of_the_decoder_alone(preset, tmp_path):
    out = tmp_path / "decoder.onnx"
    succeed("export", preset, out, "--quantize", "fp16")
    assert "decoder.onnx" in succeed("verify", out)
    assert "exists already" in fail("export", preset, out)


def test_export_lays_out_for_a_server(exported, tmp_path):
    out = tmp_path / "repository"
    said = succeed("export", exported, out, "--layout", "triton")
    models = sorted(p.name for p in out.iterdir() if p.is_dir())
    assert all(name in said for name in models) and len(models) > 2
    assert "exists already" in fail("export", exported, out, "--layout", "triton")
    other = tmp_path / "other"
    options = ("--layout", "kserve", "--quantize", "fp16")
    assert "comes too late" in fail("export", exported, other, *options)
    assert not other.exists()


def test_verify_checks_every_file(exported):
    text = succeed("verify", exported)
    assert "decoder.onnx" in text and "encoder.onnx" in text
    assert "No file had changed." in succeed("verify", "--restamp", exported)
    alone = exported / "decoder.onnx"
    assert "wants a folder" in fail("verify", "--restamp", alone)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "tini"), "There is no preset 'tini'"),
        (("show", "no/such/folder"), "no preset folder 'no/such/folder'"),
        (("sample", "tini"), "There is no preset 'tini'"),
        (("sample", "none.onnx"), "There is no file none.onnx"),
        (("verify", "none.onnx"), "There is no file none.onnx"),
        (("verify", "."), "not a preset, a run or an exported model"),
        (("verify", "PRESET"), "is a preset; this needs an exported model: a file"),
        (("finetune", "PRESET/config.json", "--data", "digits"), "this needs a preset"),
        (("train", "dense_vae_digit"), "Did you mean dense_vae_digits"),
        (("train", "dense_vae_digits", "--backend", "mxnet"), "no backend 'mxnet'"),
        (("finetune", "PRESET", "--data", "mnits"), "mnist"),
        (("finetune", "PRESET", "--data", "none.npz"), "none.npz"),
        (("evaluate", "PRESET", "--data", "no/such/folder"), "no folder"),
        (("sample", "PRESET", "--out", "none/s.png"), "there is no folder 'none'"),
        (("sample", "PRESET", "--out", "folder.png"), "is a folder"),
        (("sample", "PRESET", "--out", "s.jpg"), "must end in .png"),
        (("sample", "PRESET", "--out", "file.png"), "exists already"),
        (("evaluate", "PRESET", "--out", "none/m.json"), "there is no folder"),
        (("export", "PRESET", "none/x.onnx"), "there is no folder 'none'"),
        (("export", "PRESET", "folder.png"), "exists already"),
        (("train", "dense_vae_digits", "--out", "file.png/run"), "Not a directory"),
        (("demo", "--out", "folder.png", "--preset", "tini"), "no preset 'tini'"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    arguments, words, preset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    given = [word.replace("PRESET", str(preset)) for word in arguments]
    assert words in fail(*given)
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"file.png", "folder.png", "runs"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("no-such-command",),
        ("finetune", "tiny"),
        ("export", "tiny", "x.onnx", "--quantize", "int4"),
        ("train", "dense_vae_digits", "--epochs", "0"),
        ("sample", "tiny", "-n", "0"),
        ("evaluate",),
        ("evaluate", "tiny", "--compare", "a", "b"),
        ("evaluate", "tiny", "--resume"),
        ("evaluate", "tiny", "--invert", "--save"),
        ("evaluate", "--compare", "a", "b", "--save"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    assert fail(*arguments, code=2)


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_damage_is_noticed(how, preset, exported, tmp_path):
    weights = damaged_copy(preset, tmp_path / "p", "model.weights.h5", how)
    assert "damaged" in fail("sample", weights, "--out", tmp_path / "s.png")
    decoder = damaged_copy(exported, tmp_path / "o", "decoder.onnx", how)
    assert "SHA-256" in fail("verify", decoder)
    if how == "truncated":  # a bit more or less is a change, which is measured
        assert "decoder.onnx" in fail("verify", "--restamp", decoder)
    assert fail("verify", decoder / "decoder.onnx")
    assert fail("sample", decoder / "decoder.onnx", "--out", tmp_path / "s.png")
    config = damaged_copy(preset, tmp_path / "c", "config.json", "truncated")
    assert "config.json" in fail("show", config)
    assert not (tmp_path / "s.png").exists()


def test_interruption_is_exit_code_130(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("recipes.commands.deploy.verify", interrupt)
    result = run("verify", "x.onnx")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
    monkeypatch.setattr("recipes.commands.train.start_keras", interrupt)
    result = run("train", "dense_vae_digits")
    assert result.exit_code == 130 and "--resume" in result.stderr


def test_tracebacks_can_be_had(monkeypatch):
    monkeypatch.setenv("VAE_ZOO_TRACEBACK", "1")
    result = run("show", "tini")
    assert isinstance(result.exception, ValueError)


@pytest.mark.parametrize(
    ("arguments", "recorded"),
    [
        ("train conv --backend jax --out /x/y", "vae-zoo train conv --backend jax"),
        ("train conv --data-dir=/x/y --resume", "vae-zoo train conv"),
        ("finetune /home/me/p --data ~/cats", "vae-zoo finetune p --data cats"),
        ("finetune p --data=../me/cats", "vae-zoo finetune p --data=cats"),
        (
            "finetune p --data emnist/letters",
            "vae-zoo finetune p --data emnist/letters",
        ),
    ],
)
def test_recorded_commands_name_no_machine(arguments, recorded):
    assert command_line(("vae-zoo",), arguments.split()) == recorded


def test_recorded_command_of_a_script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/x/conv.py", "--backend", "jax", "--seed", "1"])
    prog = ("python", "-m", "recipes.conv")
    assert command_line(prog) == "python -m recipes.conv --backend jax --seed 1"


def test_a_running_backend_cannot_be_changed(preset):
    import keras

    running = keras.config.backend()
    other = next(name for name in backend.BACKENDS if name != running)
    with pytest.raises(ValueError, match=f"already runs on {running}"):
        backend.choose_backend(other)
    backend.choose_backend(running)


def test_an_output_is_whole_or_not_there(exported, tmp_path):
    code = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
from recipes.commands.cli import main
main()
"""
    pytest.importorskip("resource")
    (tmp_path / "old.png").write_bytes(b"old")
    for name in ("new.png", "old.png"):
        process = subprocess.run(
            [sys.executable, "-c", code, "sample", exported, "--out", name]
            + ["--overwrite"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 1
        assert process.stderr == f"Error: Cannot write '{name}': File too large.\n"
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [
        ("old.png", b"old")
    ]
