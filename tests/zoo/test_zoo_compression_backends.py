"""What one backend compressed, another decompresses, whatever its threads."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ("tensorflow", "jax", "torch")

pytestmark = [
    pytest.mark.cross_backend,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, BACKENDS)), reason="needs every backend"
    ),
]

PREAMBLE = """
import sys
from pathlib import Path
import numpy as np
import zoo
from zoo.applications import compress, decompress

folder = Path(sys.argv[1])
binary = (np.random.default_rng(0).random((20, 8, 8, 1)) < 0.3).astype("float32")
colours = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)) / 255
colours = colours.astype("float32")
flow = zoo.priors.Flow(3, num_layers=4, hidden_units=8, mixing=True, seed=0)
prior = zoo.CodePrior(11, (2, 2), 8, 1, 2)
levels = ((4, 1, 2), (2, 2, 1))
grey = "discretized_logistic_mixture"
given = {
    "flow": (zoo.DenseVAE((8, 8, 1), 3, (8,), prior=flow), binary),
    "ladder": (zoo.HierarchicalVAE((8, 8, 1), levels=levels, filters=4), binary),
    "colours": (zoo.DenseVAE((8, 8, 3), 3, (8,), likelihood=grey), colours),
    "codes": (zoo.VQVAE((8, 8, 1), 11, 4, filters=(4, 8), prior=prior), binary),
}
"""

COMPRESS = (
    PREAMBLE
    + """
for name, (model, x) in given.items():
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights + model.non_trainable_weights:
        if "float" in str(weight.dtype):
            noise = rng.normal(0, 0.2, tuple(weight.shape)).astype("float32")
            weight.assign(np.asarray(weight.numpy()) + noise)
    model.save_to_preset(folder / name)
    (folder / f"{name}.vaez").write_bytes(compress(model, x))
"""
)

DECOMPRESS = (
    PREAMBLE
    + """
for name, (_, x) in given.items():
    model = zoo.from_preset(folder / name)
    y = decompress(model, (folder / f"{name}.vaez").read_bytes())
    np.testing.assert_array_equal(y, x, err_msg=name)
"""
)


def run(backend, code, folder):
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": "1" if backend == "torch" else "2",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", code, str(folder)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not ran.returncode, ran.stderr[-2000:]


@pytest.mark.parametrize("writer, readers", [("torch", ("tensorflow", "jax"))])
def test_a_file_is_read_on_every_backend(writer, readers, tmp_path):
    run(writer, COMPRESS, tmp_path)
    for backend in (*readers, writer):
        run(backend, DECOMPRESS, tmp_path)
