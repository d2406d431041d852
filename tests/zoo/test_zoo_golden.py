"""The same weights and noise give the ELBO that a NumPy float64 implementation gives.

As the expected figures depend on no backend, passing on all three means that the three
agree.
"""

import numpy as np
import pytest
from numpy_reference import (
    bernoulli_log_prob,
    conv_networks,
    dense_networks,
    elbo_of,
    noise_of,
    pixel_gaussian_log_prob,
    sigmoid,
    softplus,
)
from zoo_helpers import random_weights

import zoo

SEED = 7
X = np.random.default_rng(3).random((5, 9, 11, 3), dtype="float32")


def check(model, networks, log_prob=bernoulli_log_prob, latent_dim=3):
    expected = elbo_of(*networks, log_prob, X, noise_of(SEED, len(X), latent_dim))
    given = model.elbo(X, seed=SEED)
    assert set(given) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(given[name], values, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "gated, activation", [(False, "relu"), (False, "tanh"), (True, "relu")]
)
def test_dense_vae_elbo_matches_numpy(gated, activation):
    model = zoo.DenseVAE(
        X.shape[1:], 3, hidden_units=(7, 5), gated=gated, activation=activation
    )
    weights = random_weights(model, seed=11, scale=0.3)
    check(model, dense_networks(weights, X.shape[1:], 2, gated, activation))


@pytest.mark.parametrize("block", ["plain", "residual", "gated"])
def test_conv_vae_elbo_matches_numpy(block):
    model = zoo.ConvVAE(
        X.shape[1:], 3, filters=(4, 6), blocks_per_stage=2, block=block, hidden_units=5
    )
    weights = random_weights(model, seed=12, scale=0.3)
    check(model, conv_networks(weights, X.shape[1:], 2, 2, block, "silu"))


def test_conv_vae_with_even_size_matches_numpy():
    # Strided "same" convolutions pad even sizes on one side alone.
    x = X[:, :8, :8, :1]
    model = zoo.ConvVAE((8, 8, 1), 3, filters=(4, 6, 3), hidden_units=5)
    weights = random_weights(model, seed=13, scale=0.3)
    networks = conv_networks(weights, (8, 8, 1), 3, 2, "gated", "silu")
    expected = elbo_of(*networks, bernoulli_log_prob, x, noise_of(SEED, 5, 3))
    np.testing.assert_allclose(
        model.elbo(x, seed=SEED)["elbo"], expected["elbo"], rtol=1e-4
    )


@pytest.mark.parametrize("scale", [0.3, "global", "per_pixel"])
def test_gaussian_dense_vae_elbo_matches_numpy(scale):
    likelihood = zoo.likelihoods.Gaussian(scale=scale)
    model = zoo.DenseVAE(X.shape[1:], 3, hidden_units=(5,), likelihood=likelihood)
    weights = random_weights(model, seed=14, scale=0.3)

    def log_prob(x, parameters):
        if scale == "per_pixel":
            location, raw = np.split(parameters, 2, axis=-1)
            log_scale = -6 + softplus(raw + 6)
        else:
            location = parameters
            log_scale = np.log(0.3)
            if scale == "global":
                raw = weights["gaussian/log_scale"].astype(np.float64)
                assert raw != 0
                log_scale = -6 + softplus(raw + 6)
        return pixel_gaussian_log_prob(x, sigmoid(location), log_scale)

    check(model, dense_networks(weights, X.shape[1:], 1, False, "relu"), log_prob)
