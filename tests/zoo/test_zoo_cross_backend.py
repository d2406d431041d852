"""A preset saved on each backend loads on each other, and `fit` goes on there."""

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import h5py
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

NAMES = (
    *("dense", "conv", "conditional", "beta", "adversarial", "flow", "hierarchical"),
    *("vq", "vq_labels", "few_labels", "stacked", "text"),
)

# Whose presets a backend trains on: what it has loaded is the same model from both.
TRAINED = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}

PREAMBLE = """
import os, sys
import numpy as np
import zoo
from zoo.likelihoods import Gaussian
from zoo.schedules import LinearWarmup

folder, backend = sys.argv[1], os.environ["KERAS_BACKEND"]
images = np.random.default_rng(0).random((24, 9, 11, 3), dtype="float32")
lengths = 1 + np.arange(24) % 6
tokens = np.where(np.arange(6) < lengths[:, None], 1 + np.arange(24)[:, None] % 4, 0)


def inputs_for(model):
    return tokens if isinstance(model, zoo.TextVAE) else images


def labels_for(model):
    return np.arange(24) % 3 if model.label_dim else None


# To trace and to compile takes TensorFlow seconds a model, the few steps by themselves
# do not; JAX would not compile at all.
if backend == "tensorflow":
    eager, uncompiled = {"run_eagerly": True}, {"jit_compile": False}
else:
    eager = uncompiled = {}


def train(model, epochs):
    x, y = inputs_for(model), labels_for(model)
    model.compile("adam", **eager)
    history = model.fit(x, y, batch_size=8, epochs=epochs, verbose=0).history
    if isinstance(model, zoo.VQVAE):
        model.fit_prior(x, y, epochs=1, batch_size=8, verbose=0, **uncompiled)
    return history["loss"]


def figures(model):
    x, y = inputs_for(model), labels_for(model)
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
shape = images.shape[1:]
warmup = LinearWarmup(steps=10)
models = {
    "dense": zoo.DenseVAE(
        shape, 3, (16,), gated=True, beta=warmup, likelihood="gaussian",
        prior=zoo.priors.Vamp(shape, 4, seed=0), seed=0),
    "conv": zoo.ConvVAE(
        shape, 3, (4, 6), blocks_per_stage=1, hidden_units=8,
        beta=warmup, likelihood=Gaussian("per_pixel"),
        adversary=zoo.Adversary(warmup, filters=(4,), seed=0), seed=0),
    "conditional": zoo.ConditionalVAE(
        shape, 3, 3, prior="label_normal", hidden_units=(16,), beta=warmup,
        likelihood="gaussian", seed=0),
    "beta": zoo.BetaVAE(
        shape, 3, networks="dense", hidden_units=(16,), likelihood="gaussian",
        objective="dip_ii", seed=0),
    "adversarial": zoo.AdversarialAutoencoder(
        shape, 3, warmup, "gaussian", prior=zoo.priors.Mixture(3, 4, seed=0),
        networks="dense", hidden_units=(16,), discriminator_units=(8,), seed=0),
    "flow": zoo.ConditionalVAE(
        shape, 3, 3, hidden_units=(16,), likelihood="gaussian",
        prior=zoo.priors.Flow(3, mixing=True, label_dim=3, seed=0), seed=0),
    "hierarchical": zoo.HierarchicalVAE(
        shape, ((4, 1, 2), (2, 1, 1)), zoo.likelihoods.DiscretizedLogisticMixture(1),
        filters=(4, 3), blocks_per_level=1, num_classes=3, seed=0),
    "vq": zoo.VQVAE(
        shape, 6, 4, "ema", (4, 6), likelihood="gaussian", blocks_per_stage=1,
        prior=zoo.CodePrior(6, (3, 3), width=8, num_layers=1, num_heads=2), seed=0),
    "vq_labels": zoo.VQVAE(
        shape, 8, 4, "fsq", (4, 6), likelihood="gaussian", blocks_per_stage=1,
        prior=zoo.CodePrior(
            8, (3, 3), width=8, num_layers=1, num_heads=2, num_classes=3),
        seed=0),
    "few_labels": zoo.SemiSupervisedVAE(
        shape, 3, 3, "gaussian", hidden_units=(16,), num_summed_classes=2, seed=0),
    "stacked": zoo.StackedSemiSupervisedVAE(
        zoo.DenseVAE(shape, 3, (16,), "gaussian", seed=0), 2, 3, hidden_units=(8,),
        seed=0),
    "text": zoo.TextVAE(
        6, 5, 3, "lstm", 8, embedding_dim=4, bag_of_words=0.1, num_classes=3, seed=0),
}
for name, model in models.items():
    train(model, epochs=2)
    model.save_to_preset(f"{folder}/{backend}_{name}")
    np.savez(f"{folder}/{backend}_{name}_by_{backend}.npz", **figures(model))
"""
)

LOAD = (
    PREAMBLE
    + f"NAMES, TRAINED = {NAMES}, {TRAINED}"
    + """
for saver in ("tensorflow", "jax", "torch"):
    if saver == backend:
        continue
    for name in NAMES:
        model = zoo.from_preset(f"{folder}/{saver}_{name}")
        loaded = figures(model)
        # What an export converts, and all it does: the model as it is saved here.
        model.save_to_preset(f"{folder}/{saver}_{name}_again_by_{backend}")
        if saver == TRAINED[backend]:
            loaded["losses"] = train(model, epochs=4)
            loaded["steps_after"] = int(model.steps_trained)
        np.savez(f"{folder}/{saver}_{name}_by_{backend}.npz", **loaded)
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Presets and the figures of every backend about them."""
    folder = tmp_path_factory.mktemp("exchange")
    # JAX compiles a model once, from whichever backend it is.
    kept = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": str(ROOT),
    }
    for code, backend in itertools.product((SAVE, LOAD), BACKENDS):
        process = subprocess.run(
            [sys.executable, "-c", code, folder],
            env={**os.environ, **kept, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert process.returncode == 0, process.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("saver, loader", list(itertools.permutations(BACKENDS, 2)))
def test_preset_of_one_backend_works_on_another(folder, saver, loader, name):
    saved = np.load(folder / f"{saver}_{name}_by_{saver}.npz")
    loaded = np.load(folder / f"{saver}_{name}_by_{loader}.npz")
    for figure in ("reconstructions", "samples"):
        np.testing.assert_allclose(loaded[figure], saved[figure], rtol=0, atol=1e-5)
    for figure in ("elbo", "nll"):
        np.testing.assert_allclose(loaded[figure], saved[figure], rtol=1e-5, atol=1e-3)
    assert saved["steps"] == loaded["steps"] == 6
    if saver != TRAINED[loader]:
        return
    assert loaded["steps_after"] == 6 + 12
    assert np.isfinite(loaded["losses"]).all()
    # Past the warm-up, the weight of the KL is settled and the loss falls.
    if name in ("dense", "conv", "conditional"):
        assert loaded["losses"][-1] < loaded["losses"][-2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("saver", BACKENDS)
def test_every_backend_hands_the_same_model_to_the_exporter(folder, saver, name):
    # Conversion starts from a saved preset, in a process of its own: the same files in,
    # the same bytes out. tests/export exports from each backend.
    copies = [folder / f"{saver}_{name}"]
    for backend in set(BACKENDS) - {saver}:
        copies.append(folder / f"{saver}_{name}_again_by_{backend}")
    configs = {(copy / "config.json").read_text() for copy in copies}
    assert len(configs) == 1
    weights = [_arrays(copy / "model.weights.h5") for copy in copies]
    for other in weights[1:]:
        assert other.keys() == weights[0].keys()
        for path, array in other.items():
            np.testing.assert_array_equal(array, weights[0][path])


def _arrays(path):
    """{path: array} of an HDF5 file."""
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    assert arrays
    return arrays
