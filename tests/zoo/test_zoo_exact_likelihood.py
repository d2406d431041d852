"""A linear-Gaussian model, whose log p(x) and posterior are known in closed form.

x = W z + b + sigma * noise with orthogonal columns in W, so that
p(x) = N(b, W W^T + sigma^2 I) and p(z|x) is a diagonal Gaussian.
"""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import SHAPE, array, make_terms, quick_compile

import zoo
from zoo.distributions import DiagonalNormal
from zoo.evaluation.information import mutual_information
from zoo.likelihoods import Likelihood
from zoo.objectives import ImportanceWeighted

PIXELS, LATENT_DIM, SIGMA, OFFSET = 64, 2, 0.2, 0.5
RNG = np.random.default_rng(0)
W = np.linalg.qr(RNG.standard_normal((PIXELS, LATENT_DIM)))[0] * [0.6, 0.3]
PRECISION = 1 + np.sum(W**2, axis=0) / SIGMA**2
X = np.clip(
    RNG.standard_normal((20, LATENT_DIM)) @ W.T
    + OFFSET
    + SIGMA * RNG.standard_normal((20, PIXELS)),
    0,
    1,
).astype("float32")
IMAGES = X.reshape(-1, *SHAPE)

# Antithetic points with the mean 0 and the covariance I of the noise: averages over
# them are exact for quadratic functions, such as log p(x|z) here.
SIGMA_POINTS = math.sqrt(LATENT_DIM) * np.concatenate(
    [np.eye(LATENT_DIM), -np.eye(LATENT_DIM)]
)


@keras.saving.register_keras_serializable(package="tests")
class LinearGaussian(Likelihood):
    """Gaussian pixels of scale SIGMA around the decoder's output itself."""

    def log_prob(self, x, parameters):
        squared = ops.square((x - parameters) / SIGMA)
        density = -0.5 * squared - math.log(SIGMA) - 0.5 * math.log(2 * math.pi)
        return ops.sum(density, axis=(-3, -2, -1))

    def mean(self, parameters):
        return parameters


def linear_model(shift=0.0, variance_factor=1.0, objective=None, **options):
    """The model, with a posterior off by `shift` standard deviations."""
    encoder = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(2 * LATENT_DIM)]
    )
    decoder = keras.Sequential(
        [keras.layers.Dense(PIXELS), keras.layers.Reshape(SHAPE)]
    )
    model = zoo.VAE(
        encoder,
        decoder,
        SHAPE,
        LATENT_DIM,
        likelihood=LinearGaussian(),
        objective=objective,
        **options,
    )
    to_mean = W / SIGMA**2 / PRECISION
    bias = -OFFSET * to_mean.sum(axis=0) + shift / np.sqrt(PRECISION)
    log_var = np.log(variance_factor / PRECISION)
    kernel = np.concatenate([to_mean, np.zeros_like(to_mean)], axis=1)
    encoder.set_weights([kernel, np.concatenate([bias, log_var])])
    decoder.set_weights([W.T, np.full(PIXELS, OFFSET)])
    return model


def exact_log_likelihood():
    covariance = W @ W.T + SIGMA**2 * np.eye(PIXELS)
    centred = X.astype(np.float64) - OFFSET
    squared = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
    _, log_det = np.linalg.slogdet(covariance)
    return -0.5 * (squared + log_det + PIXELS * math.log(2 * math.pi))


def kl_to_exact_posterior(shift, variance_factor):
    per_dim = 0.5 * (variance_factor + shift**2 - 1 - math.log(variance_factor))
    return LATENT_DIM * per_dim


def terms_at(model, noise):
    noise = np.broadcast_to(noise[:, None], (len(noise), len(X), LATENT_DIM))
    return model.elbo_terms(
        ops.convert_to_tensor(IMAGES), noise=ops.convert_to_tensor(noise.astype("f4"))
    )


@pytest.mark.parametrize(
    "shift, factor", [(0.0, 1.0), (0.3, 1.0), (1.0, 2.0), (0, 0.1)]
)
def test_elbo_is_log_likelihood_minus_kl_to_exact_posterior(shift, factor):
    elbo = array(terms_at(linear_model(shift, factor), SIGMA_POINTS).elbo)
    expected = exact_log_likelihood() - kl_to_exact_posterior(shift, factor)
    np.testing.assert_allclose(elbo, expected, atol=2e-3)
    assert np.all(elbo <= exact_log_likelihood() + 2e-3)


def test_every_draw_gives_log_likelihood_under_exact_posterior():
    terms = terms_at(linear_model(), 3 * RNG.standard_normal((10, LATENT_DIM)))
    log_weights = array(terms.log_likelihood + terms.log_ratio)
    expected = np.broadcast_to(exact_log_likelihood(), (10, len(X)))
    np.testing.assert_allclose(log_weights, expected, atol=5e-3)


def test_elbo_of_one_draw_is_below_log_likelihood_on_average():
    # E[log w] = log p(x) - KL; 200 copies of each image average the draws.
    copies = np.repeat(IMAGES, 200, axis=0)
    elbo = linear_model(1.0, 2.0).elbo(copies, seed=0)["elbo"].reshape(len(X), 200)
    gap = exact_log_likelihood() - elbo.mean(axis=1)
    assert np.mean(gap) == pytest.approx(kl_to_exact_posterior(1.0, 2.0), abs=0.1)


def test_log_marginal_likelihood_is_exact_to_a_hundredth_of_a_nat():
    estimate = linear_model(0.1, 1.05).log_marginal_likelihood(
        IMAGES, num_importance_samples=5000, seed=0
    )
    np.testing.assert_allclose(estimate, exact_log_likelihood(), atol=0.01)


def test_log_marginal_likelihood_corrects_a_wrong_posterior():
    model = linear_model(0.7, 2.0)
    estimate = model.log_marginal_likelihood(
        IMAGES, num_importance_samples=5000, seed=0
    )
    error = estimate - exact_log_likelihood()
    assert abs(np.mean(error)) < 0.01
    assert kl_to_exact_posterior(0.7, 2.0) > 0.7  # what the ELBO misses


def test_importance_weighted_bound_tightens_with_draws():
    # Burda et al. 2016, theorem 1: L_1 <= L_k <= L_(k+1) <= log p(x).
    model = linear_model(0.7, 2.0)
    noise = RNG.standard_normal((3000, LATENT_DIM))
    terms = terms_at(model, noise)
    log_weights = array(terms.log_likelihood + terms.log_ratio).astype(np.float64)
    group, bounds = terms.group, []
    for k in (1, 3, 10, 100):
        groups = 3000 // k
        # Groups of k draws side by side, as if there were `groups` times the images.
        posterior = DiagonalNormal(
            ops.tile(group.posterior.mean, (groups, 1)),
            ops.tile(group.posterior.log_var, (groups, 1)),
        )
        z = ops.reshape(group.z[: groups * k], (k, -1, LATENT_DIM))
        log_likelihood = ops.reshape(terms.log_likelihood[: groups * k], (k, -1))
        grouped = make_terms(posterior, group.prior, z, log_likelihood)
        bounds.append(-np.mean(array(ImportanceWeighted(k)(grouped, 0.0))))
    exact = np.mean(exact_log_likelihood())
    assert bounds[0] == pytest.approx(np.mean(log_weights), abs=1e-2)
    assert bounds[0] == pytest.approx(exact - kl_to_exact_posterior(0.7, 2), abs=0.15)
    assert bounds[0] < bounds[1] < bounds[2] < bounds[3] < exact + 0.01


def test_log_marginal_likelihood_of_one_draw_is_the_importance_weighted_loss():
    # Kept over saving, as the model is made of Keras' own layers and one custom part.
    model = zoo.VAE.from_config(linear_model(0.3).get_config())
    model.set_weights(linear_model(0.3).get_weights())
    one = model.log_marginal_likelihood(IMAGES, num_importance_samples=1, seed=3)
    draws = [
        np.random.default_rng(s).standard_normal((1, LATENT_DIM), dtype=np.float32)
        for s in np.random.SeedSequence(3).spawn(len(X))
    ]
    terms = model.elbo_terms(
        ops.convert_to_tensor(IMAGES), noise=ops.convert_to_tensor(np.stack(draws, 1))
    )
    loss = ImportanceWeighted(1)(terms, 0.0)
    np.testing.assert_allclose(one, -array(loss), rtol=1e-5)


def test_training_reaches_the_likelihood_of_the_best_linear_model():
    # Probabilistic PCA: no fit can beat log p(x) of a model with free parameters, and
    # training from the truth must not leave it far behind.
    model = linear_model()
    quick_compile(model, keras.optimizers.Adam(1e-3))
    model.fit(IMAGES, epochs=20, batch_size=20, verbose=0)
    elbo = array(terms_at(model, SIGMA_POINTS).elbo)
    assert np.mean(elbo) > np.mean(exact_log_likelihood())


@pytest.mark.parametrize(("shift", "factor"), [(0.0, 1.0), (2.0, 1.0), (0.0, 0.25)])
def test_mutual_information_is_that_of_the_linear_model(shift, factor):
    rng = np.random.default_rng(1)
    z = rng.standard_normal((1000, LATENT_DIM))
    x = z @ W.T + OFFSET + SIGMA * rng.standard_normal((1000, PIXELS))
    x = np.clip(x, 0, 1)
    # Posterior means vary as much as the images make them, and z by its variance more:
    # half a logarithm of the ratio for each of independent normal latents.
    variance = factor / PRECISION
    means = (x - OFFSET) @ (W / SIGMA**2 / PRECISION)
    expected = 0.5 * np.sum(np.log1p(np.var(means, axis=0) / variance))
    if factor == 1:  # those of the model itself, but for the clipped pixels
        assert expected == pytest.approx(0.5 * np.sum(np.log(PRECISION)), abs=0.1)
    images = x.reshape(-1, *SHAPE).astype("float32")
    model = linear_model(shift, factor)  # a shift that all share tells nothing
    estimate, bound = mutual_information(model, images)
    assert bound == pytest.approx(math.log(1000))
    assert estimate == pytest.approx(expected, abs=0.1)


def with_ess(model, k, batch_size=64):
    options = {"num_importance_samples": k, "batch_size": batch_size, "seed": 0}
    rows = list(model.iter_log_marginal_likelihood(IMAGES, with_ess=True, **options))
    return np.concatenate(rows)


def test_every_draw_counts_under_the_exact_posterior():
    np.testing.assert_allclose(with_ess(linear_model(), 300)[:, 1], 300, rtol=1e-3)


def test_effective_sample_size_is_that_of_weights_in_closed_form():
    # Under q = N(shift, 1) for p = N(0, 1), E[w]^2 / E[w^2] = exp(-shift^2) a latent.
    shift, k = 0.5, 4000
    rows = with_ess(linear_model(shift), k)
    expected = k * math.exp(-LATENT_DIM * shift**2)
    assert np.mean(rows[:, 1]) == pytest.approx(expected, rel=0.03)
    assert np.all((rows[:, 1] >= 1) & (rows[:, 1] <= k))
    np.testing.assert_array_equal(with_ess(linear_model(shift), 1)[:, 1], 1)


def test_effective_sample_size_leaves_likelihoods_as_they_are(monkeypatch):
    model = linear_model(0.7, 2.0)
    options = {"num_importance_samples": 50, "seed": 0}
    values = model.log_marginal_likelihood(IMAGES, **options)
    whole = with_ess(model, 50)
    np.testing.assert_array_equal(whole[:, 0], values)
    # In chunks of draws, too.
    pixels = 3 * IMAGES.size
    monkeypatch.setattr(zoo.evaluation.likelihood, "PIXELS_PER_CALL", pixels)
    np.testing.assert_allclose(with_ess(model, 50), whole, rtol=1e-4)
