"""Fine-tuning on a folder that memory is not to hold: the model is the same."""

import io
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import zoo
from recipes.runs import callbacks as run_callbacks
from recipes.runs.training import finetune

# Gigabytes: less than one picture takes, so that validation and test stream as well.
LITTLE = 1e-7


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset") / "tiny"
    model = zoo.DenseVAE((8, 8, 1), 2, (4,), dynamic_binarization=True, seed=0)
    model.save_to_preset(folder, {"preset": "tiny"})
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(60):
        pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return folder


def tuned(preset, pictures, out, **options):
    """(weights, the new preset's information, what was printed)."""
    console = Console(file=io.StringIO(), width=400)
    options = {"epochs": 3, "batch_size": 16, "console": console, **options}
    new = finetune(preset, pictures, out=out, **options)
    weights = zoo.from_preset(new).get_weights()
    return weights, zoo.preset_info(new), console.file.getvalue()


def assert_same(weights, others):
    """To the bit; but for what JAX's compiler makes of a gather within a step."""
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(
            one, other, rtol=0, atol=1e-6 if keras.backend.backend() == "jax" else 0
        )


def interrupted(preset, pictures, out, monkeypatch, **options):
    """Leaves a run that broke off in its third epoch."""

    class Broken(Exception):
        pass

    def stop(self, epoch, logs=None):
        if epoch == 2:
            raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(run_callbacks.SeedEveryEpoch, "on_epoch_end", stop)
        with pytest.raises(Broken):
            tuned(preset, pictures, out, **options)


def test_stream_gives_the_model_that_memory_does(
    preset, pictures, tmp_path, monkeypatch
):
    weights, info, _ = tuned(preset, pictures, tmp_path / "memory")
    out = tmp_path / "stream"
    interrupted(preset, pictures, out, monkeypatch, memory=LITTLE)
    others, told, said = tuned(preset, pictures, out, memory=LITTLE, resume=True)
    assert "read from it batch by batch" in said and "Going on after epoch 2" in said
    assert_same(weights, others)
    assert info["dataset"] == told["dataset"]
    for name in ("elbo", "nll", "mse", "test_images"):
        assert info["metrics"][name] == pytest.approx(told["metrics"][name], rel=1e-5)


def test_resumed_run_sees_the_same_changes(preset, pictures, tmp_path, monkeypatch):
    options = {"augment": "rotate,shift"}
    weights, info, _ = tuned(preset, pictures, tmp_path / "memory", **options)
    assert info["dataset"]["augmented"] == ["shift", "rotate"]
    out = tmp_path / "stream"
    interrupted(preset, pictures, out, monkeypatch, memory=LITTLE, **options)
    with pytest.raises(ValueError, match=r"augment=\['shift', 'rotate'\] \(now None"):
        tuned(preset, pictures, out, memory=LITTLE, resume=True)
    others = tuned(preset, pictures, out, memory=LITTLE, resume=True, **options)[0]
    assert_same(weights, others)
    plain = tuned(preset, pictures, tmp_path / "plain")[0]
    assert any(not np.array_equal(a, b) for a, b in zip(weights, plain, strict=True))


@pytest.mark.slow
def test_50_000_coloured_pictures_of_64x64_train_within_2_gb():
    script = Path(__file__).parents[1] / "benchmarks" / "measure_folder.py"
    said = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True
    ).stdout
    figures = [json.loads(line) for line in said.splitlines()]
    assert len(figures) == 3
    for backend in figures:
        assert backend["streamed"] and backend["peak_mb"] < 2000, backend
