"""What `--dtype auto` chooses, on devices that are made up."""

import importlib
import os
from types import SimpleNamespace

import keras
import pytest

from recipes.common import backend, dtypes

BACKEND = keras.backend.backend()


def pretend(monkeypatch, device):
    """Has the backend say that it has a GPU of a compute capability, "tpu", or none."""
    module = importlib.import_module(BACKEND)
    kind = {"tpu": "TPU", None: "CPU"}.get(device, "GPU")
    if BACKEND == "jax":
        told = SimpleNamespace(platform=kind.lower())
        if kind == "GPU":
            told.compute_capability = device
        monkeypatch.setattr(module, "local_devices", lambda: [told])
    elif BACKEND == "tensorflow":
        major, _, minor = str(device).partition(".")
        details = {"compute_capability": (int(major), int(minor))} if minor else {}
        config = module.config
        monkeypatch.setattr(
            config, "list_physical_devices", lambda asked: ["it"] * (asked == kind)
        )
        monkeypatch.setattr(
            config.experimental, "get_device_details", lambda gpu: details
        )
    else:
        capability = tuple(map(int, device.split("."))) if kind == "GPU" else None
        monkeypatch.setattr(module.cuda, "is_available", lambda: kind == "GPU")
        monkeypatch.setattr(module.cuda, "get_device_capability", lambda: capability)


@pytest.mark.parametrize(
    ("device", "wanted"),
    [
        ("9.0", "mixed_bfloat16"),
        ("8.6", "mixed_bfloat16"),
        ("7.5", "mixed_float16"),
        ("6.1", "float32"),
        (None, "float32"),
        ("tpu", "mixed_bfloat16"),
        ("gfx90a", "float32"),  # of no number that is known here
    ],
)
def test_a_training_computes_in_what_its_device_gains_by(monkeypatch, device, wanted):
    if BACKEND == "torch" and device in ("tpu", "gfx90a"):
        pytest.skip("PyTorch tells of CUDA alone")
    pretend(monkeypatch, device)
    assert dtypes.choose_dtype(None, BACKEND) == wanted
    assert dtypes.choose_dtype("auto", BACKEND) == wanted
    assert dtypes.choose_dtype("mixed_float16", BACKEND) == "mixed_float16"


def test_memory_of_a_gpu_is_taken_as_it_is_needed_but_for_whom_says_otherwise(
    monkeypatch,
):
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    backend.choose_backend()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"
