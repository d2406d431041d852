"""The demo, on a tiny preset instead of the shipped one."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from recipes.commands import demo, demo_folder


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A tiny model, past a warm-up that its fresh copy would still be in."""
    import zoo

    model = zoo.DenseVAE(
        (28, 28, 1),
        2,
        hidden_units=(16,),
        beta=zoo.schedules.LinearWarmup(steps=10_000),
        dynamic_binarization=True,
        seed=0,
    )
    model.compile("adam")
    bright = np.full((256, 28, 28, 1), 0.2, "float32")
    model.fit(bright, batch_size=32, epochs=5, verbose=0)
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    model.save_to_preset(folder)
    return folder


@pytest.fixture(scope="module")
def result(preset, tmp_path_factory):
    """(folder, what it printed, what it returned) of one run."""
    out = tmp_path_factory.mktemp("demo") / "out"
    console = Console(width=200, record=True, file=io.StringIO())
    report = demo.run_demo(out, preset, console=console)
    return out, console.export_text(), report


def test_everything_is_written(result):
    out, _, report = result
    assert {path.name for path in out.iterdir()} == demo_folder.NAMES
    assert json.loads((out / "demo.json").read_text()) == report
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert str(out) not in (out / "demo.json").read_text()


def test_both_trainings_are_compared(result):
    _, text, report = result
    before, after, scratch = (
        report[f"elbo_{name}"] for name in ("before", "pretrained", "scratch")
    )
    assert np.isfinite([before, after, scratch]).all()
    assert after > before
    for figure in (before, after, scratch):
        assert f"{figure:.1f}" in text
    assert f"{after - scratch:+.1f} nats" in text


def test_fine_tuned_preset_is_usable(result):
    import zoo

    out, _, report = result
    model = zoo.from_preset(out / "preset")
    assert model.preset_name == "tiny_digits"
    # No warm-up is left in it: both trainings were on the plain ELBO.
    assert model.objective.beta == 1.0
    info = zoo.preset_info(out / "preset")
    assert info["dataset"]["name"] == "digits" and info["dataset"]["binarized"]


def test_fresh_process_had_no_keras(result):
    out, text, report = result
    fresh = report["fresh_process"]
    assert fresh["loaded"] == []
    assert {"keras", "tensorflow", "jax", "torch"} <= set(fresh["refused"])
    assert fresh["largest_difference"] < 1e-5
    assert "refused; loaded: none of them" in text
    pictures = [
        np.asarray(Image.open(out / name)).astype(int)
        for name in ("samples_after.png", "samples_onnx.png")
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_without_export_the_rest_is_done(preset, tmp_path, monkeypatch):
    import export

    def missing(*_, **__):
        raise ImportError('run pip install "vae-zoo[export]"')

    monkeypatch.setattr(export, "export_model", missing)
    console = Console(width=200, record=True, file=io.StringIO())
    report = demo.run_demo(tmp_path / "out", preset, epochs=1, console=console)
    assert report["export"] is None
    text = console.export_text()
    assert 'Left out: run pip install "vae-zoo[export]"' in text
    assert "onnx" not in text.split("Written to")[1]
    assert (tmp_path / "out" / "samples_after.png").is_file()


def test_folder_rule(result, tmp_path):
    out, _, _ = result
    demo_folder.check_folder(tmp_path)  # empty
    demo_folder.check_folder(tmp_path / "new")
    demo_folder.check_folder(out)  # its own
    copy = shutil.copytree(out, tmp_path / "copy")
    (copy / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds 'thesis.txt', which the demo"):
        demo.run_demo(copy, out / "preset")
    with pytest.raises(NotADirectoryError, match="is a file"):
        demo_folder.check_folder(copy / "thesis.txt")
    shutil.copytree(out / "preset", tmp_path / "other" / "preset")
    with pytest.raises(FileExistsError, match="holds 'preset'"):
        demo_folder.check_folder(tmp_path / "other")


def test_failure_leaves_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "demo.json").write_text("{}")
    with pytest.raises(KeyboardInterrupt), demo_folder.staged(out) as folder:
        (folder / "samples_before.png").write_bytes(b"half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "demo.json"]
    with demo_folder.staged(out) as folder:
        (folder / "demo.json").write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "demo.json"]
    assert (out / "demo.json").read_text() == "new"
    with (
        pytest.raises(OSError, match="Cannot write"),
        demo_folder.staged(out / "demo.json" / "x"),
    ):
        pass
