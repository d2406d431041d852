"""A preset saved on each backend loads on each other, and `fit` goes on there."""

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
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
import os, sys
import numpy as np
import zoo
from zoo.likelihoods import Gaussian
from zoo.schedules import LinearWarmup

folder, backend = sys.argv[1], os.environ["KERAS_BACKEND"]
x = np.random.default_rng(0).random((24, 9, 11, 3), dtype="float32")


def labels_for(model):
    return np.arange(24) % 3 if model.label_dim else None


def figures(model):
    y = labels_for(model)
    some = None if y is None else y[:5]
    terms = model.elbo(x, y, seed=0)
    return {
        "reconstructions": model.reconstruct(x, y),
        "samples": model.sample(5, some, seed=0),
        "elbo": terms["elbo"],
        "nll": model.log_marginal_likelihood(x, y, num_importance_samples=3, seed=0),
        "steps": int(model.steps_trained),
    }
"""

SAVE = (
    PREAMBLE
    + """
shape = x.shape[1:]
warmup = LinearWarmup(steps=10)
models = {
    "dense": zoo.DenseVAE(
        shape, 3, (16,), gated=True, beta=warmup, likelihood="gaussian", seed=0),
    "conv": zoo.ConvVAE(
        shape, 3, (4, 6), blocks_per_stage=1, hidden_units=8,
        beta=warmup, likelihood=Gaussian("per_pixel"), seed=0),
    "conditional": zoo.ConditionalVAE(
        shape, 3, 3, prior="label_normal", hidden_units=(16,), beta=warmup,
        likelihood="gaussian", seed=0),
}
for name, model in models.items():
    model.compile("adam")
    model.fit(x, labels_for(model), batch_size=8, epochs=2, verbose=0)
    model.save_to_preset(f"{folder}/{backend}_{name}")
    np.savez(f"{folder}/{backend}_{name}_by_{backend}.npz", **figures(model))
"""
)

LOAD = (
    PREAMBLE
    + """
for saver in ("tensorflow", "jax", "torch"):
    if saver == backend:
        continue
    for name in ("dense", "conv", "conditional"):
        model = zoo.from_preset(f"{folder}/{saver}_{name}")
        loaded = figures(model)
        model.compile("adam")
        y = labels_for(model)
        history = model.fit(x, y, batch_size=8, epochs=4, verbose=0).history
        loaded["losses"] = history["loss"]
        loaded["steps_after"] = int(model.steps_trained)
        np.savez(f"{folder}/{saver}_{name}_by_{backend}.npz", **loaded)
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Presets and the figures of every backend about them."""
    folder = tmp_path_factory.mktemp("exchange")
    for code, backend in itertools.product((SAVE, LOAD), BACKENDS):
        process = subprocess.run(
            [sys.executable, "-c", code, folder],
            env={**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", ["dense", "conv", "conditional"])
@pytest.mark.parametrize("saver, loader", list(itertools.permutations(BACKENDS, 2)))
def test_preset_of_one_backend_works_on_another(folder, saver, loader, name):
    saved = np.load(folder / f"{saver}_{name}_by_{saver}.npz")
    loaded = np.load(folder / f"{saver}_{name}_by_{loader}.npz")
    for figure in ("reconstructions", "samples"):
        np.testing.assert_allclose(loaded[figure], saved[figure], rtol=0, atol=1e-5)
    for figure in ("elbo", "nll"):
        np.testing.assert_allclose(loaded[figure], saved[figure], rtol=1e-5, atol=1e-3)
    assert saved["steps"] == loaded["steps"] == 6
    assert loaded["steps_after"] == 6 + 12
    assert np.isfinite(loaded["losses"]).all()
    # Past the warm-up, the weight of the KL is settled and the loss falls.
    assert loaded["losses"][-1] < loaded["losses"][-2]
