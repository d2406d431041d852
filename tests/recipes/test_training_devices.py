"""Runs that several devices share: killed, and resumed on another number of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from recipes.common.devices import prepare_devices

ROOT = Path(__file__).resolve().parents[2]
BACKEND = keras.backend.backend()

RUN = """
import os, sys
from recipes.commands.starting import start_keras

devices, out, dies, resume = sys.argv[1:]
start_keras(None, devices)
import keras
from recipes import dense_vae_digits
from recipes.runs import callbacks
from recipes.runs.training import train

if keras.backend.backend() == "tensorflow":  # replicas do without XLA, too
    from zoo.training.tensorflow import TensorFlowTrainer
    TensorFlowTrainer.choose_jit_compile = lambda *_: False
if dies == "dies":
    class Dies(callbacks.Checkpoint):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            os._exit(9)
    callbacks.Checkpoint = Dies
train(dense_vae_digits.RECIPE, epochs=2, out=out, devices=devices, resume=bool(resume))
"""


def run(devices, out, dies="", resume=""):
    return subprocess.run(
        [sys.executable, "-c", RUN, devices, str(out), dies, resume],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on PyTorch takes one device")
def test_a_killed_run_goes_on_with_another_number_of_devices(tmp_path):
    assert run("2", tmp_path / "killed", dies="dies").returncode == 9
    assert not (tmp_path / "killed" / "preset").exists()
    ran = run("1", tmp_path / "killed", resume="resume")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert "Going on after epoch 1" in ran.stdout
    assert "devices: " in ran.stdout
    whole = run("1", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr[-2000:]
    elbo = [
        json.loads((tmp_path / name / "preset/metadata.json").read_text())["metrics"]
        for name in ("killed", "whole")
    ]
    assert elbo[0]["elbo"] == pytest.approx(elbo[1]["elbo"], abs=0.01)


@pytest.mark.skipif(BACKEND != "torch", reason="others take several")
def test_several_devices_are_refused_on_pytorch():
    with pytest.raises(ValueError, match="one device with PyTorch"):
        prepare_devices("2")


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5", ""])
def test_other_numbers_of_devices_are_refused(wanted):
    with pytest.raises(ValueError, match="`devices` must be a number or 'all'"):
        prepare_devices(wanted)
