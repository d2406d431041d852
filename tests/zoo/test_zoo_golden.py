"""The same weights and noise give the ELBO that a NumPy float64 implementation gives.

As the expected figures depend on no backend, passing on all three means that the three
agree.
"""

import numpy as np
import pytest
from numpy_code_prior import NumpyCodePrior
from numpy_reference import (
    bernoulli_log_prob,
    conv_networks,
    dense_networks,
    elbo_of,
    flow_log_prob,
    gaussian_log_prob,
    grid_networks,
    nearest_codes,
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


@pytest.mark.parametrize(
    "kind", [zoo.BetaVAE, zoo.FactorVAE, zoo.AdversarialAutoencoder]
)
def test_elbo_of_models_with_another_loss_matches_numpy(kind):
    # Their losses are compared in test_zoo_family and in files of their own.
    options = {} if kind is zoo.BetaVAE else {"discriminator_units": (5,)}
    model = kind(
        X.shape[1:], 3, filters=(4, 6), blocks_per_stage=1, hidden_units=5, **options
    )
    weights = random_weights(model, seed=15, scale=0.3)
    check(model, conv_networks(weights, X.shape[1:], 2, 1, "gated", "silu"))


def test_flow_elbo_matches_numpy():
    """The KL is the posterior's entropy, and log p(z) at the draw."""
    prior = zoo.priors.Flow(3, num_layers=5, hidden_units=4)
    model = zoo.DenseVAE(X.shape[1:], 3, hidden_units=(5,), prior=prior)
    weights = random_weights(model, seed=17, scale=0.3)
    encode, decode = dense_networks(weights, X.shape[1:], 1, False, "relu")
    mean, log_var = np.split(encode(X.astype(np.float64)), 2, axis=-1)
    z = mean + np.exp(0.5 * log_var) * noise_of(SEED, len(X), 3)
    log_prior = flow_log_prob(weights, "flow", z, num_layers=5)
    plain = gaussian_log_prob(z, 0, np.zeros(3))
    assert np.abs(log_prior - plain).min() > 0.01
    entropy = 0.5 * np.sum(log_var + np.log(2 * np.pi) + 1, axis=-1)
    log_likelihood = bernoulli_log_prob(X.astype(np.float64), decode(z))

    given = model.elbo(X, seed=SEED)
    np.testing.assert_allclose(given["kl"], -entropy - log_prior, rtol=1e-4)
    np.testing.assert_allclose(given["log_likelihood"], log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(
        given["elbo"], log_likelihood + entropy + log_prior, rtol=1e-4
    )


@pytest.mark.parametrize("quantizer", ["ema", "residual"])
def test_vq_vae_elbo_with_a_prior_matches_numpy(quantizer):
    """log p(x|codes) + log p(codes), and for the residual one log p(codes|label)."""
    depth, num_classes = (1, None) if quantizer == "ema" else (2, 4)
    code_shape = (3, 3) if depth == 1 else (3, 3, depth)
    prior = zoo.CodePrior(
        7, code_shape, width=8, num_layers=2, num_heads=2, num_classes=num_classes
    )
    model = zoo.VQVAE(
        X.shape[1:], 7, 3, quantizer, (4, 6), prior=prior, blocks_per_stage=1
    )
    weights = random_weights(model, seed=16, scale=0.3)
    encode, decode = grid_networks(weights, X.shape[1:], 2, 1, "gated", "silu")
    rest, codes, features = encode(X.astype(np.float64)), [], 0
    for level in range(depth):
        name = "ema_quantizer" if depth == 1 else f"residual_quantizer/level_{level}"
        codebook = weights[f"{name}/codebook"].astype(np.float64)
        codes.append(nearest_codes(rest, codebook))
        rest, features = rest - codebook[codes[-1]], features + codebook[codes[-1]]
    codes = np.stack(codes, axis=-1).reshape(5, -1)
    assert len(np.unique(codes)) > 2

    labels = None if num_classes is None else np.array([0, 3, 1, 1, 2])
    twin = NumpyCodePrior.of(model.prior)
    log_prior = []
    for i, row in enumerate(codes):
        logits = twin.logits(row[:-1], None if labels is None else labels[i])
        log_p = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        log_prior.append(log_p[np.arange(len(row)), row].sum())
    log_likelihood = bernoulli_log_prob(X.astype(np.float64), decode(features))

    given = model.elbo(X, labels, seed=SEED)
    np.testing.assert_allclose(given["log_likelihood"], log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(given["kl"], -np.array(log_prior), rtol=1e-4)
    expected = log_likelihood + log_prior
    np.testing.assert_allclose(given["elbo"], expected, rtol=1e-4)
