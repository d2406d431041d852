"""Posterior, prior and likelihoods against closed forms in NumPy float64."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from numpy_reference import (
    bernoulli_log_prob,
    gaussian_kl,
    gaussian_log_prob,
    pixel_gaussian_log_prob,
    sigmoid,
    softplus,
)
from zoo_helpers import array, make_dense, random_weights

import zoo
from zoo import threefry
from zoo.distributions import DiagonalNormal, kl_per_unit
from zoo.likelihoods import Bernoulli, Gaussian
from zoo.priors import StandardNormal

RNG = np.random.default_rng(0)


def posterior(mean, log_var):
    mean, log_var = np.broadcast_arrays(np.float32(mean), np.float32(log_var))
    return DiagonalNormal(
        ops.convert_to_tensor(mean.copy()), ops.convert_to_tensor(log_var.copy())
    )


# Posterior.


@pytest.mark.parametrize(
    "mean, variance, nats",
    [
        (0.0, 1.0, 0.0),
        (1.0, 1.0, 0.5),
        (-3.0, 1.0, 4.5),
        (0.0, math.e, 0.5 * (math.e - 2)),
        (0.0, 1 / math.e, 0.5 / math.e),
        (2.0, 4.0, 2.0 + 0.5 * (3 - math.log(4))),
    ],
)
def test_kl_has_known_values(mean, variance, nats):
    q = posterior([[mean]], [[math.log(variance)]])
    np.testing.assert_allclose(array(q.kl()), [nats], rtol=1e-6, atol=1e-7)


statistics = hnp.arrays(
    np.float32, (2, 3, 4), elements=st.floats(-19, 19, width=32, allow_subnormal=False)
)


@settings(max_examples=50)
@given(statistics)
def test_kl_matches_numpy_and_is_never_negative(values):
    q = posterior(*values)
    per_dim = array(kl_per_unit(q, StandardNormal()))
    assert per_dim.dtype == np.float32
    assert np.all(per_dim >= 0)
    mean, log_var = values.astype(np.float64)
    expected = gaussian_kl(mean, log_var)
    np.testing.assert_allclose(array(q.kl()), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=50)
@given(st.floats(-1e-3, 1e-3))
def test_kl_keeps_its_precision_near_the_prior(log_var):
    # exp(v) - 1 - v is v^2 / 2 here, far below the float32 rounding of exp(v).
    kl = float(posterior([[0.0]], [[log_var]]).kl()[0])
    v = np.float64(np.float32(log_var))
    assert kl >= 0
    assert abs(kl - (v**2 / 4 + v**3 / 12)) < 1e-3 * v**2 + 1e-10


@settings(max_examples=50)
@given(statistics, hnp.arrays(np.float32, (3, 4), elements=st.floats(-4, 4, width=32)))
def test_posterior_log_prob_of_draws_matches_numpy(values, noise):
    q = posterior(*values)
    z = q.from_noise(ops.convert_to_tensor(noise))
    mean, log_var = values.astype(np.float64)
    np.testing.assert_allclose(
        array(z), mean + np.exp(log_var / 2) * noise, rtol=1e-5, atol=1e-5
    )
    # At points that both know exactly: the noise itself.
    moderate = np.clip(log_var, -5, 5)
    given_log_prob = array(
        posterior(mean, moderate).log_prob(ops.convert_to_tensor(noise))
    )
    np.testing.assert_allclose(
        given_log_prob, gaussian_log_prob(noise, mean, moderate), rtol=1e-5, atol=1e-4
    )


def test_posterior_sums_over_dimensions_and_keeps_leading_axes():
    q = posterior(np.zeros((5, 3)), np.zeros((5, 3)))
    z = ops.zeros((7, 5, 3))
    expected = np.full((7, 5), -1.5 * math.log(2 * math.pi))
    np.testing.assert_allclose(array(q.log_prob(z)), expected, rtol=1e-6)
    np.testing.assert_allclose(array(StandardNormal().log_prob(z)), expected, rtol=1e-6)


@pytest.mark.parametrize("log_var", [-1e4, -100.0, 100.0, 1e4])
def test_posterior_clips_log_variance_to_stay_finite(log_var):
    q = posterior([[0.5]], [[log_var]])
    limit = 20 * np.sign(log_var)
    assert float(q.log_var[0, 0]) == limit
    z = q.from_noise(ops.convert_to_tensor(np.float32([[1.0]])))
    expected = -0.5 * (1 + limit + math.log(2 * math.pi))
    assert float(q.log_prob(z)[0]) == pytest.approx(expected, rel=1e-2)
    assert np.isfinite(array(q.kl())).all()


def test_posterior_sample_follows_its_mean_variance_and_seed():
    q = posterior(np.full((20000, 2), [1.0, -2.0]), np.log([[0.25, 4.0]]))
    z = array(q.sample(seed=0))
    np.testing.assert_allclose(z.mean(axis=0), [1.0, -2.0], atol=0.06)
    np.testing.assert_allclose(z.std(axis=0), [0.5, 2.0], rtol=0.03)
    np.testing.assert_array_equal(z, array(q.sample(seed=0)))
    assert np.any(z != array(q.sample(seed=1)))
    assert np.any(array(q.sample()) != array(q.sample()))


def test_posterior_from_parameters_takes_mean_first():
    q = DiagonalNormal.from_parameters(ops.convert_to_tensor([[1.0, 2.0, 3.0, 4.0]]))
    np.testing.assert_array_equal(array(q.mean), [[1, 2]])
    np.testing.assert_array_equal(array(q.log_var), [[3, 4]])


# Prior.


@settings(max_examples=30)
@given(hnp.arrays(np.float32, (4, 3), elements=st.floats(-30, 30, width=32)))
def test_prior_log_prob_matches_numpy(z):
    expected = gaussian_log_prob(z.astype(np.float64), 0.0, np.zeros(3))
    given_log_prob = array(StandardNormal().log_prob(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(given_log_prob, expected, rtol=1e-5, atol=1e-5)


def test_latents_are_the_noise_times_the_temperature(model):
    noise = ops.convert_to_tensor(threefry.normals(0, 5000, 2))
    z = array(model.draw_latents(noise))
    np.testing.assert_array_equal(z, array(noise))
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.05)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.05)
    half = array(model.draw_latents(noise, temperature=0.5))
    np.testing.assert_array_equal(half, z / 2)
    each = ops.linspace(0.0, 1.0, 5000)
    np.testing.assert_allclose(
        array(model.draw_latents(noise, temperature=each)),
        array(each)[:, None] * z,
        rtol=1e-6,
    )


# Likelihoods.


pixels = hnp.arrays(np.float32, (2, 4, 3, 2), elements=st.floats(0, 1, width=32))
logits = hnp.arrays(np.float32, (3, 2, 4, 3, 2), elements=st.floats(-30, 30, width=32))


@settings(max_examples=30)
@given(pixels, logits)
def test_bernoulli_log_prob_and_mean_match_numpy(x, parameters):
    parameters_64 = parameters.astype(np.float64)
    likelihood, tensor = Bernoulli(), ops.convert_to_tensor(parameters)
    log_prob = array(likelihood.log_prob(ops.convert_to_tensor(x), tensor))
    assert log_prob.shape == (3, 2)
    expected = bernoulli_log_prob(x.astype(np.float64), parameters_64)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(
        array(likelihood.mean(tensor)), sigmoid(parameters_64), rtol=1e-5, atol=1e-7
    )


def test_bernoulli_log_prob_is_safe_at_extreme_logits():
    x = np.zeros((2, 1, 1, 1), "float32")
    x[1] = 1
    for logit in (-1e30, -1e4, 1e4, 1e30):
        tensor = ops.convert_to_tensor(np.full((2, 1, 1, 1), logit, "float32"))
        log_prob = array(Bernoulli().log_prob(ops.convert_to_tensor(x), tensor))
        right = int(logit > 0)
        assert log_prob[right] == 0
        assert log_prob[1 - right] == -np.float32(abs(logit))


def test_bernoulli_probabilities_of_all_images_sum_to_one():
    every = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, 16).T.reshape(16, 2, 2, 1)
    tensor = ops.convert_to_tensor(
        np.broadcast_to(RNG.standard_normal((1, 2, 2, 1)), (16, 2, 2, 1)).astype("f4")
    )
    log_prob = array(Bernoulli().log_prob(ops.convert_to_tensor(every), tensor))
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-5)


@settings(max_examples=30)
@given(pixels, logits, st.floats(0.01, 3))
def test_gaussian_fixed_scale_matches_numpy(x, parameters, scale):
    likelihood, tensor = Gaussian(scale=scale), ops.convert_to_tensor(parameters)
    likelihood.build(None)
    mean = sigmoid(parameters.astype(np.float64))
    np.testing.assert_allclose(
        array(likelihood.log_prob(ops.convert_to_tensor(x), tensor)),
        pixel_gaussian_log_prob(x.astype(np.float64), mean, math.log(scale)),
        rtol=1e-4,
        atol=1e-3,
    )
    np.testing.assert_allclose(
        array(likelihood.mean(tensor)), mean, rtol=1e-5, atol=1e-7
    )
    assert not likelihood.weights


@settings(max_examples=20)
@given(pixels, logits, st.floats(-12, 3))
def test_gaussian_global_scale_matches_numpy(x, parameters, raw):
    likelihood, tensor = Gaussian(scale="global"), ops.convert_to_tensor(parameters)
    likelihood.build(None)
    assert float(likelihood.log_scale) == 0
    likelihood.log_scale.assign(raw)
    log_scale = -6 + softplus(raw + 6)
    np.testing.assert_allclose(
        array(likelihood.log_prob(ops.convert_to_tensor(x), tensor)),
        pixel_gaussian_log_prob(
            x.astype(np.float64), sigmoid(parameters.astype(np.float64)), log_scale
        ),
        rtol=1e-4,
        atol=1e-3,
    )


@settings(max_examples=30)
@given(pixels, logits)
def test_gaussian_per_pixel_scale_matches_numpy(x, parameters):
    x = x[..., :1]
    likelihood, tensor = Gaussian(scale="per_pixel"), ops.convert_to_tensor(parameters)
    likelihood.build(None)
    location, raw = np.split(parameters.astype(np.float64), 2, axis=-1)
    np.testing.assert_allclose(
        array(likelihood.log_prob(ops.convert_to_tensor(x), tensor)),
        pixel_gaussian_log_prob(
            x.astype(np.float64), sigmoid(location), -6 + softplus(raw + 6)
        ),
        rtol=1e-4,
        atol=1e-3,
    )
    mean = array(likelihood.mean(tensor))
    assert mean.shape == (3, 2, 4, 3, 1)
    np.testing.assert_allclose(mean, sigmoid(location), rtol=1e-5, atol=1e-7)


def test_gaussian_learned_scale_has_a_floor():
    # A perfect reconstruction: the density must not grow without bound.
    likelihood = Gaussian(scale="global")
    likelihood.build(None)
    x, raw = ops.full((1, 1, 1, 1), 0.5), ops.zeros((1, 1, 1, 1))
    for log_scale in (-50.0, -1e6):
        likelihood.log_scale.assign(log_scale)
        log_prob = float(likelihood.log_prob(x, raw)[0])
        assert log_prob == pytest.approx(6 - 0.5 * math.log(2 * math.pi), abs=1e-4)


def test_gaussian_is_finite_at_extreme_parameters():
    likelihood = Gaussian(scale="per_pixel")
    likelihood.build(None)
    extreme = np.float32([-1e4, 1e4])
    parameters = np.stack(np.meshgrid(extreme, extreme), -1).reshape(4, 1, 1, 2)
    x = ops.full((4, 1, 1, 1), 0.3)
    log_prob = array(likelihood.log_prob(x, ops.convert_to_tensor(parameters)))
    assert np.isfinite(log_prob).all()


# In the dtype of the networks.


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_elbo_of_bfloat16_networks_is_float32_and_close(grey, likelihood):
    full = make_dense(likelihood=likelihood)
    half = make_dense(likelihood=likelihood, dtype="mixed_bfloat16")
    random_weights(full, seed=0, scale=0.2)
    half.set_weights(full.get_weights())
    wanted, given_terms = full.elbo(grey, seed=0), half.elbo(grey, seed=0)
    for name, values in given_terms.items():
        assert values.dtype == np.float32
        assert np.any(values != wanted[name])
        np.testing.assert_allclose(values, wanted[name], rtol=0.02, atol=0.05)
    assert half.reconstruct(grey).dtype == np.float32
    assert half.sample(2, seed=0).dtype == np.float32


def test_elbo_of_bfloat16_networks_is_finite_at_extreme_weights(grey):
    model = make_dense(dtype="mixed_bfloat16")
    random_weights(model, seed=0, scale=1e3)
    for values in model.elbo(grey, seed=0).values():
        assert np.isfinite(values).all()


def test_global_scale_stays_float32_in_mixed_precision():
    model = make_dense(likelihood="gaussian", dtype="mixed_float16")
    assert model.likelihood.log_scale.dtype == "float32"
    posterior = model.encode(np.zeros((1, 8, 8, 1), "float32"))
    for statistic in (posterior.mean, posterior.log_var, posterior.kl()):
        assert keras.backend.standardize_dtype(statistic.dtype) == "float32"


def test_names_give_likelihoods_and_priors():
    assert isinstance(zoo.likelihoods.get("bernoulli"), Bernoulli)
    assert zoo.likelihoods.get("gaussian").scale == "global"
    assert isinstance(zoo.priors.get("standard_normal"), StandardNormal)
