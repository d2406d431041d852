"""Exported files that several tests share: each export starts a TensorFlow process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def model():
    """A small model with enough weights to be worth quantizing."""
    import zoo

    return zoo.DenseVAE((16, 12, 3), latent_dim=6, hidden_units=(48,), seed=0)


@pytest.fixture(scope="session")
def exports(model, tmp_path_factory):
    """{quantize: ModelReport} of the small model."""
    import export

    folder = tmp_path_factory.mktemp("exports")
    return {
        quantize: export.export_model(
            model, folder / str(quantize or "float32"), quantize=quantize
        )
        for quantize in (None, "fp16", "int8")
    }


@pytest.fixture(scope="session")
def folder(exports):
    """The exported folder of the small model, in float32."""
    return Path(exports[None].path)


@pytest.fixture(scope="session")
def decoder_file(folder):
    return folder / "decoder.onnx"


@pytest.fixture(scope="session")
def sampler(folder):
    import export

    return export.Sampler(folder)


@pytest.fixture(scope="session")
def run_python():
    """Runs code in a fresh process with this repository importable."""
    import os

    def run(code, *arguments, executable=sys.executable, **environment):
        process = subprocess.run(
            [str(executable), "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert process.returncode == 0, process.stderr[-3000:]
        return process.stdout.strip()

    return run
