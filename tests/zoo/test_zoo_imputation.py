"""impute: draws of missing pixels against distributions that are known."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import SHAPE, first_everywhere, make_dense

import zoo
from zoo.applications import chains, imputation, impute, impute_with_diagnosis
from zoo.likelihoods import Gaussian, Likelihood

once = pytest.mark.one_backend("every backend draws from the exact posterior")

PIXELS, SIGMA, OFFSET = 64, 0.2, 0.5
RNG = np.random.default_rng(0)
W = np.linalg.qr(RNG.standard_normal((PIXELS, 2)))[0] * [0.6, 0.3]
UPPER = np.arange(8)[:, None] < np.full(8, 4)
MISSING = ~UPPER.ravel()
X = RNG.random((3, *SHAPE), dtype="float32").round()


class LinearGaussian(Likelihood):
    """Gaussian pixels of scale SIGMA around the decoder's output, on the whole line."""

    noise = "normal"

    def log_prob_per_dim(self, x, parameters):
        squared = ops.square((x - parameters) / SIGMA)
        return -0.5 * squared - math.log(SIGMA) - 0.5 * math.log(2 * math.pi)

    def mean(self, parameters):
        return parameters

    def from_noise(self, parameters, noise):
        return parameters + SIGMA * noise


def linear_model(shift=1.0, variance_factor=2.0):
    """x = W z + b + sigma e, with a posterior off by `shift` standard deviations."""
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    model = zoo.VAE(encoder, decoder, SHAPE, 2, likelihood=LinearGaussian())
    precision = 1 + np.sum(W**2, axis=0) / SIGMA**2
    to_mean = W / SIGMA**2 / precision
    bias = -OFFSET * to_mean.sum(axis=0) + shift / np.sqrt(precision)
    log_var = np.log(variance_factor / precision)
    kernel = np.concatenate([to_mean, np.zeros_like(to_mean)], axis=1)
    encoder.set_weights([kernel, np.concatenate([bias, log_var])])
    decoder.set_weights([W.T, np.full(PIXELS, OFFSET)])
    return model


def linear_image():
    z = np.array([1.2, -0.8])
    noise = SIGMA * np.random.default_rng(3).standard_normal(PIXELS)
    x = np.clip(W @ z + OFFSET + noise, 0, 1).astype("float32").reshape(1, *SHAPE)
    return np.where(UPPER[..., None], x, np.nan)


def exact_posterior(x):
    """Mean and covariance of p(z|x_obs)."""
    seen = W[~MISSING]
    covariance = np.linalg.inv(np.eye(2) + seen.T @ seen / SIGMA**2)
    return covariance @ seen.T @ (x.ravel()[~MISSING] - OFFSET) / SIGMA**2, covariance


def latents_of(expected_images):
    """z (K, 2) of the missing half of images W z + b."""
    rows = expected_images.reshape(len(expected_images), PIXELS)[:, MISSING]
    return np.linalg.lstsq(W[MISSING], (rows - OFFSET).T, rcond=None)[0].T


def linear_draws(method, shift=1.0, factor=2.0, **options):
    model, x = linear_model(shift, factor), linear_image()
    options = {"num_steps": 60, "burn_in": 20, **options}
    drawn, diagnosis = impute_with_diagnosis(
        model, x, UPPER, 500, method=method, **options
    )
    return x, drawn[:, 0], diagnosis


@pytest.mark.parametrize("method", ["metropolis", "importance"])
def test_latents_are_those_of_the_exact_posterior_whatever_the_encoder(method):
    x, means, diagnosis = linear_draws(method, pixels="mean")
    mean, covariance = exact_posterior(x)
    z = latents_of(means)
    error = np.sqrt(np.diag(covariance) / 500)
    assert np.all(np.abs(np.mean(z, axis=0) - mean) < 5 * error)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.07)
    assert diagnosis.remark(500) is None
    assert diagnosis.effective_sample_size[0] > 500
    if method == "metropolis":
        assert 0.2 < diagnosis.acceptance_rate[0] < 0.9
        assert diagnosis.r_hat[0] < 1.3


@once
def test_pseudo_gibbs_follows_the_encoder_be_it_right_or_wrong():
    x, means, _ = linear_draws("pseudo_gibbs", 0.0, 1.0, pixels="mean")
    mean, covariance = exact_posterior(x)
    error = np.sqrt(np.diag(covariance) / 500)
    assert np.all(np.abs(np.mean(latents_of(means), axis=0) - mean) < 5 * error)
    _, means, diagnosis = linear_draws("pseudo_gibbs", pixels="mean")
    assert np.max(np.abs(np.mean(latents_of(means), axis=0) - mean) / error) > 10
    assert diagnosis.effective_sample_size is None
    assert diagnosis.acceptance_rate is None


@pytest.mark.parametrize("method", ["metropolis", "importance"])
@once
def test_missing_pixels_have_the_exact_mean_and_covariance(method):
    x, drawn, _ = linear_draws(method)
    mean, covariance = exact_posterior(x)
    rows = drawn.reshape(500, PIXELS)[:, MISSING]
    of_pixels = W[MISSING] @ covariance @ W[MISSING].T + SIGMA**2 * np.eye(32)
    error = np.sqrt(np.diag(of_pixels) / 500)
    expected = W[MISSING] @ mean + OFFSET
    assert np.all(np.abs(np.mean(rows, axis=0) - expected) < 5 * error)
    assert np.mean(np.var(rows, axis=0)) == pytest.approx(
        np.mean(np.diag(of_pixels)), rel=0.05
    )


def bernoulli_model():
    """One latent, Bernoulli pixels, and an encoder that does not look."""
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    model = zoo.VAE(encoder, decoder, SHAPE, 1)
    rng = np.random.default_rng(5)
    slopes, offsets = 0.8 * rng.standard_normal((2, PIXELS))
    encoder.set_weights([np.zeros((PIXELS, 2)), np.array([0.5, 0.2])])
    decoder.set_weights([slopes[None], offsets])
    return model, slopes, offsets


@pytest.mark.parametrize("method", ["metropolis", "importance"])
@once
def test_bernoulli_pixels_are_white_as_often_as_quadrature_says(method):
    model, slopes, offsets = bernoulli_model()
    grid = np.linspace(-6, 6, 2001)
    probs = 1 / (1 + np.exp(-(grid[:, None] * slopes + offsets)))
    x = X[:1].ravel()
    log_joint = -0.5 * grid**2 + np.sum(
        np.log(np.where(x > 0.5, probs, 1 - probs))[:, ~MISSING], axis=1
    )
    weights = np.exp(log_joint - np.max(log_joint))
    expected = (weights / weights.sum()) @ probs[:, MISSING]
    options = {"method": method, "num_steps": 60, "burn_in": 20}
    drawn = impute(model, X[:1], UPPER, 1000, **options).reshape(1000, PIXELS)
    assert set(np.unique(drawn)) == {0, 1}
    error = np.sqrt(expected * (1 - expected) / 1000)
    assert np.all(np.abs(drawn.mean(axis=0)[MISSING] - expected) < 4.5 * error)


def vq_vae(**options):
    return zoo.VQVAE(SHAPE, 4, 2, filters=(4,), seed=0, **options)


def ladder():
    levels = (4, 1, 2), (2, 1, 1)
    return zoo.HierarchicalVAE(SHAPE, levels, filters=4, blocks_per_level=1, seed=0)


def conditional():
    return zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,), seed=0)


MODELS = {
    "flow": lambda: make_dense(prior="flow"),
    "vamp": lambda: make_dense(prior="vamp"),
    "gaussian": lambda: make_dense(likelihood=Gaussian(scale="per_pixel")),
    "colour": lambda: make_dense(
        image_shape=(8, 8, 3),
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(2),
    ),
    "classes": conditional,
    "ladder": ladder,
    "codes": vq_vae,
    "gumbel": lambda: vq_vae(quantizer="gumbel"),
}


@pytest.mark.parametrize("name", first_everywhere(MODELS, once))
def test_every_model_keeps_what_is_observed_and_scores_given_latents(name):
    model, label = MODELS[name](), 1 if name == "classes" else None
    channels = model.image_shape[-1]
    x = np.repeat(X, channels, axis=-1)
    # Elsewhere a metropolis step would be one more to compile, and no other code.
    accepts = name in ("flow", "classes", "ladder", "gumbel")
    method = "metropolis" if accepts else "pseudo_gibbs"
    options = {"labels": label, "num_steps": 3, "burn_in": 2, "method": method}
    hidden = np.where(UPPER[..., None], x, np.nan).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = impute(model, hidden, UPPER, 4, **options)
    assert drawn.shape == (4, *x.shape) and drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn[:, :, :4], np.stack(4 * [x[:, :4]]))
    assert np.all((drawn >= 0) & (drawn <= 1))
    assert np.any(drawn[0, :, 4:] != drawn[1, :, 4:])
    # Terms at latents are those of the draw that they come from.
    noise = model.posterior_noise(np.random.default_rng(0), 3)

    def figures(images, noise):
        labels = None if label is None else ops.full((3,), label, "int32")
        terms = model.elbo_terms(images, labels, noise=noise[None])
        z = {group.spec.name: group.z for group in terms.groups}
        again = model.terms_at(images, z, labels)
        given = terms.log_likelihood, terms.log_ratio
        return given, (again.log_likelihood, again.log_ratio)

    given, again = model.inference.get("figures", figures)(x, noise)
    np.testing.assert_allclose(again, given, rtol=1e-4, atol=1e-4)


@once
def test_a_seed_fixes_the_draws_in_whatever_batches(monkeypatch):
    model = make_dense(likelihood=Gaussian(scale=0.3))
    options = {"num_steps": 6, "burn_in": 4}
    one, diagnosis = impute_with_diagnosis(model, X, UPPER, 4, seed=1, **options)
    np.testing.assert_array_equal(impute(model, X, UPPER, 4, 1, **options), one)
    assert np.any(impute(model, X, UPPER, 4, 2, **options) != one)
    for module in (chains, imputation):  # 3 rows of 4 in a call
        monkeypatch.setattr(module, "PIXELS_PER_CALL", 3 * PIXELS)
    few, of_few = impute_with_diagnosis(model, X, UPPER, 4, seed=1, **options)
    np.testing.assert_allclose(few, one, atol=1e-4)
    np.testing.assert_allclose(of_few.r_hat, diagnosis.r_hat, rtol=1e-3)
    first = impute(model, X[:1], UPPER, 4, seed=1, **options)
    np.testing.assert_allclose(first, one[:, :1], atol=1e-4)


@once
def test_a_colour_image_may_lack_channels_where_they_are_independent():
    x = RNG.random((2, 8, 8, 3), dtype="float32").round()
    mask = RNG.random((8, 8, 3)) < 0.5
    options = {"num_steps": 2, "burn_in": 1, "method": "pseudo_gibbs"}
    drawn = impute(make_dense(image_shape=(8, 8, 3)), x, mask, 2, **options)
    np.testing.assert_array_equal(drawn[:, :, mask], np.stack(2 * [x[:, mask]]))
    mixture = zoo.likelihoods.DiscretizedLogisticMixture(2)
    model = make_dense(image_shape=(8, 8, 3), likelihood=mixture)
    with pytest.raises(ValueError, match="`mask` must be the same in all channels"):
        impute(model, x, mask, 2, **options)


def test_a_likelihood_without_draws_is_refused():
    class Drawless(LinearGaussian):
        from_noise = Likelihood.from_noise

    model = make_dense(likelihood=Drawless())
    with pytest.raises(ValueError, match="cannot be drawn: Drawless defines no"):
        impute(model, X, UPPER)


@once
def test_chains_that_have_not_mixed_are_warned_of():
    rows = np.array([[1.01, 2.0], [5.0, 300.0]])
    metropolis = imputation.ImputationDiagnosis("metropolis", *rows)
    assert "chains of 1 of 2 image(s) have not mixed" in metropolis.remark(20)
    importance = imputation.ImputationDiagnosis("importance", *rows)
    assert "Of 1 of 2 image(s) fewer than `num_draws`" in importance.remark(20)
    options = {"method": "importance", "num_steps": 1, "burn_in": 1}
    with pytest.warns(UserWarning, match="effective sample size"):
        impute(linear_model(shift=5.0), linear_image(), UPPER, **options)
