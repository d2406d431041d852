"""What a name or path means to every command: a preset, a run or an exported model."""

import json
import shutil
from pathlib import Path

import pytest
from command_helpers import fail, succeed
from PIL import Image

import zoo
from recipes.common.opening import open_preset, open_source

DIGITS = Path(zoo.presets.preset_folder("dense_vae_digits"))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with one of everything, by its name."""
    monkeypatch.chdir(tmp_path)
    for folder in ("preset", "finished/preset"):
        Path(folder).mkdir(parents=True)
        for name in ("config.json", "metadata.json"):
            shutil.copy(DIGITS / name, folder)
    for path in (
        "finished/checkpoint.npz",
        "unfinished/checkpoint.npz",
        "exported/manifest.json",
        "decoder.onnx",
        "empty/notes.txt",
        # Of the name of a shipped preset, which comes first.
        "conv_vae_mnist/manifest.json",
    ):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "preset"),
    [
        ("dense_vae_digits", "preset", "dense_vae_digits"),
        ("conv_vae_mnist", "preset", "conv_vae_mnist"),
        ("./conv_vae_mnist/", "exported", None),
        ("preset", "preset", "dense_vae_digits"),
        ("finished", "run", "dense_vae_digits"),
        ("unfinished", "run", None),
        ("exported", "exported", None),
        ("decoder.onnx", "exported", None),
        ("missing.onnx", "exported", None),
    ],
)
def test_one_name_means_one_thing(name, kind, preset, place):
    for given in (name, place / name) if "/" not in name else (name,):
        if name in zoo.list_presets() and given != name:
            continue  # a path is no name
        found = open_source(given)
        assert found.kind == kind
        assert (found.preset and found.preset.name) == preset


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dense_vae_digit", "Did you mean dense_vae_digits"),
        ("no/such/folder", "no preset folder 'no/such/folder'"),
        ("empty", "is not a preset, a run or an exported model: it has no config.json"),
        ("unfinished", "is not finished: it has no preset yet"),
        ("exported", "is an exported model; this needs a preset"),
        ("decoder.onnx", "is an exported model; this needs a preset"),
    ],
)
def test_one_sentence_where_there_is_no_preset(name, words, place):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        open_preset(name)


def test_a_finished_run_is_its_preset(place):
    assert open_preset("finished").folder == Path("finished/preset")
    with pytest.raises(ValueError, match="'finished' is the folder of a run; this nee"):
        open_source("finished", takes=("exported",))


@pytest.mark.parametrize("command", ["plot reconstructions", "report", "evaluate"])
@pytest.mark.parametrize("name", ["{}/private", "private", "../private", "~/private"])
def test_a_preset_cannot_have_folders_read(command, name, tmp_path, monkeypatch):
    """What it says it was made for is a data set, even where a folder is called so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "private").mkdir()
    for i in range(12):
        Image.new("L", (8, 8), i).save(tmp_path / "private" / f"{i}.png")
    dataset = {"name": name.format(tmp_path), "binarized": False}
    model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    model.save_to_preset(tmp_path / "theirs", metadata={"dataset": dataset})
    if command == "report":
        assert (
            "reconstructions" not in succeed("report", "theirs").split("Not drawn")[0]
        )
        assert "names no data set" in (tmp_path / "report.html").read_text("utf-8")
        return
    assert "names no data set: give them, or others" in fail(*command.split(), "theirs")


@pytest.mark.parametrize(
    "name", ["../x", "/tmp/x", "a b", "\x1b[2J", 'x"); evil("', ""]
)
def test_a_preset_is_called_by_a_name(name, tmp_path):
    model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    with pytest.raises(ValueError, match="`preset` of the metadata must be a name"):
        model.save_to_preset(tmp_path / "p", metadata={"preset": name})
    model.save_to_preset(tmp_path / "my photos (2)")
    path = tmp_path / "my photos (2)" / "metadata.json"
    assert zoo.preset_info(path.parent)["preset"] == "my_photos_2_"
    metadata = {**json.loads(path.read_text()), "preset": name}
    del metadata["sha256"]["metadata.json"]
    path.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="is damaged: preset is .* but a name has"):
        zoo.preset_info(path.parent)
