"""Tiny images and models that several tests share."""

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, make_dense, quick_compile


@pytest.fixture(autouse=True)
def same_batches_every_time():
    """Seeds what `fit` shuffles with, so that a test that passes passes again."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def images():
    """64 binary images (64, 8, 8, 1) with two latent directions to find."""
    rng = np.random.default_rng(0)
    patterns = rng.random((2, *SHAPE)) < 0.5
    chosen = rng.random((64, 2)) < 0.5
    x = (chosen[:, :1, None, None] & patterns[0]) | (
        chosen[:, 1:, None, None] & patterns[1]
    )
    return x.astype("float32")


@pytest.fixture(scope="session")
def grey():
    """20 grey images (20, 8, 8, 1)."""
    return np.random.default_rng(1).random((20, *SHAPE), dtype="float32")


@pytest.fixture(scope="session")
def model():
    """A small DenseVAE that no test may train."""
    return make_dense(hidden_units=(6,))


@pytest.fixture(scope="module")
def compiled_model():
    """A small compiled DenseVAE that a module's tests train further and further."""
    compiled = make_dense()
    quick_compile(compiled, "adam")
    return compiled
