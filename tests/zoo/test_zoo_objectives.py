"""Objectives, schedules and active units against their formulas."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from numpy_reference import gaussian_kl, gaussian_log_prob
from zoo_helpers import array, gradient, make_dense, make_terms, quick_compile

from zoo.distributions import DiagonalNormal
from zoo.objectives import ELBO, ImportanceWeighted, Objective
from zoo.priors import StandardNormal
from zoo.schedules import CyclicalWarmup, LinearWarmup, value_at
from zoo.training.metrics import ActiveUnits

RNG = np.random.default_rng(0)
K, N, D = 4, 5, 3
MEAN = RNG.standard_normal((N, D)).astype("float32")
LOG_VAR = RNG.standard_normal((N, D)).astype("float32")
NOISE = RNG.standard_normal((K, N, D)).astype("float32")
LOG_LIKELIHOOD = (-50 + RNG.standard_normal((K, N))).astype("float32")


def known_terms(mean=MEAN, log_var=LOG_VAR, draws=K):
    q = DiagonalNormal(ops.convert_to_tensor(mean), ops.convert_to_tensor(log_var))
    return make_terms(
        q,
        StandardNormal(),
        q.from_noise(ops.convert_to_tensor(NOISE[:draws])),
        ops.convert_to_tensor(LOG_LIKELIHOOD[:draws]),
    )


def numpy_log_weights(beta=1.0):
    mean, log_var = MEAN.astype(np.float64), LOG_VAR.astype(np.float64)
    z = mean + np.exp(log_var / 2) * NOISE
    prior = gaussian_log_prob(z, 0.0, np.zeros(D))
    return LOG_LIKELIHOOD + beta * (prior - gaussian_log_prob(z, mean, log_var))


def test_elbo_terms_match_numpy():
    terms = known_terms()
    kl = gaussian_kl(MEAN.astype(np.float64), LOG_VAR.astype(np.float64))
    reconstruction = -LOG_LIKELIHOOD.mean(axis=0)
    np.testing.assert_allclose(array(terms.kl), kl, rtol=1e-5)
    np.testing.assert_allclose(array(terms.reconstruction), reconstruction, rtol=1e-6)
    np.testing.assert_allclose(array(terms.elbo), -reconstruction - kl, rtol=1e-6)
    np.testing.assert_allclose(
        array(terms.log_likelihood + terms.log_ratio), numpy_log_weights(), rtol=1e-5
    )


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0, 4.0])
def test_elbo_objective_weighs_the_kl_with_beta(beta):
    terms = known_terms()
    expected = array(terms.reconstruction) + beta * array(terms.kl)
    np.testing.assert_allclose(array(ELBO(beta)(terms, 0.0)), expected, rtol=1e-6)


def test_elbo_objective_is_the_negative_elbo_at_beta_one():
    terms = known_terms()
    np.testing.assert_allclose(array(ELBO()(terms, 0.0)), -array(terms.elbo), rtol=1e-6)


@pytest.mark.parametrize("free_bits", [0.01, 0.5, 1.0, 100.0])
def test_free_bits_mean_loss_is_the_formula_of_the_paper(free_bits):
    # Kingma et al. 2016, equation 15: max(lambda, E_batch[KL_d]) summed over d.
    terms = known_terms()
    per_dim = 0.5 * (MEAN**2 + np.exp(LOG_VAR) - 1 - LOG_VAR).astype(np.float64)
    kl = np.maximum(free_bits, per_dim.mean(axis=0)).sum()
    loss = float(ops.mean(ELBO(2.0, free_bits)(terms, 0.0)))
    assert loss == pytest.approx(-LOG_LIKELIHOOD.mean() + 2.0 * kl, rel=1e-5)


def test_free_bits_stop_the_gradient_of_free_dimensions_alone():
    per_dim = 0.5 * (MEAN**2 + np.exp(LOG_VAR) - 1 - LOG_VAR).mean(axis=0)
    threshold = float(np.sort(per_dim)[:2].mean())  # one free dimension, two paying
    objective = ELBO(1.0, free_bits=threshold)

    def loss_of_mean(mean):
        q = DiagonalNormal(mean, ops.convert_to_tensor(LOG_VAR))
        terms = make_terms(q, StandardNormal(), None, ops.zeros((1, N)))
        return ops.mean(objective(terms, 0.0))

    def loss_of_log_var(log_var):
        q = DiagonalNormal(ops.convert_to_tensor(MEAN), log_var)
        terms = make_terms(q, StandardNormal(), None, ops.zeros((1, N)))
        return ops.mean(objective(terms, 0.0))

    paying = per_dim > threshold
    assert paying.sum() == 2
    np.testing.assert_allclose(
        gradient(loss_of_mean, MEAN), paying * MEAN / N, rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        gradient(loss_of_log_var, LOG_VAR),
        paying * 0.5 * (np.exp(LOG_VAR) - 1) / N,
        rtol=1e-4,
        atol=1e-6,
    )


def test_kl_gradient_is_exact_at_the_prior_and_off_it():
    log_var = np.float32([[-2.0, -1e-4, 0.0, 1e-4, 3.0]])

    def kl(value):
        return ops.sum(DiagonalNormal(ops.zeros((1, 5)), value).kl())

    np.testing.assert_allclose(
        gradient(kl, log_var), 0.5 * np.expm1(log_var), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("k", [1, 2, K])
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_importance_weighted_objective_matches_numpy(k, beta):
    log_weights = numpy_log_weights(beta)[:k]
    expected = -(np.logaddexp.reduce(log_weights, axis=0) - np.log(k))
    loss = ImportanceWeighted(k, beta)(known_terms(draws=k), 0.0)
    np.testing.assert_allclose(array(loss), expected, rtol=1e-5)


def test_importance_weighted_objective_survives_tiny_likelihoods():
    terms = known_terms()
    terms.log_likelihood = terms.log_likelihood - 1e4
    loss = array(ImportanceWeighted(K)(terms, 0.0))
    np.testing.assert_allclose(
        loss,
        1e4 - np.logaddexp.reduce(numpy_log_weights(), axis=0) + np.log(K),
        rtol=1e-5,
    )


def test_importance_weighted_objective_asks_for_its_draws():
    assert ImportanceWeighted(7).num_draws == 7
    assert ELBO().num_draws == 1


# Schedules.


@pytest.mark.parametrize(
    "step, value", [(0, 0.5), (10, 0.75), (20, 1.0), (40, 1.5), (50, 1.5), (1e6, 1.5)]
)
def test_linear_warmup_at_known_steps(step, value):
    schedule = LinearWarmup(steps=40, start=0.5, end=1.5)
    assert float(schedule(step)) == pytest.approx(value)


@pytest.mark.parametrize(
    "step, value",
    [
        (0, 0.1),
        (10, 0.5),
        (20, 0.9),
        (79, 0.9),
        (80, 0.1),
        (90, 0.5),
        (159, 0.9),
        (160, 0.9),
        (170, 0.9),
        (10_000, 0.9),
    ],
)
def test_cyclical_warmup_at_known_steps(step, value):
    schedule = CyclicalWarmup(period=80, cycles=2, rise=0.25, start=0.1, end=0.9)
    assert float(schedule(step)) == pytest.approx(value, abs=1e-6)


steps = st.integers(0, 100_000)
ends = st.floats(0, 10)


@settings(max_examples=40)
@given(steps, st.integers(1, 10_000), ends, ends)
def test_linear_warmup_is_monotone_between_its_ends(step, length, start, end):
    schedule = LinearWarmup(length, start, end)
    now, later = float(schedule(step)), float(schedule(step + 1))
    low, high = sorted((start, end))
    assert low - 1e-5 <= now <= high + 1e-5
    assert (later - now) * (end - start) >= -1e-5
    expected = start + (end - start) * min(1, step / length)
    assert now == pytest.approx(expected, rel=1e-5, abs=1e-5)


@settings(max_examples=40)
@given(steps, st.integers(1, 500), st.integers(1, 5), st.floats(0.01, 1))
def test_cyclical_warmup_repeats_until_its_last_cycle(step, period, cycles, rise):
    schedule = CyclicalWarmup(period, cycles, rise)
    value = float(schedule(step))
    assert 0 <= value <= 1
    if step >= period * cycles:
        assert value == 1
    else:
        phase = (step % period) / period
        assert value == pytest.approx(min(1, phase / rise), abs=1e-4)
        assert value == pytest.approx(float(schedule(step % period)), abs=1e-4)


def test_numbers_are_schedules_that_stay():
    assert value_at(0.3, 5) == 0.3
    assert float(value_at(LinearWarmup(10), 5)) == 0.5
    objective = ELBO(beta=LinearWarmup(10))
    terms = known_terms()
    halfway = array(objective(terms, 5.0))
    np.testing.assert_allclose(halfway, array(ELBO(0.5)(terms, 0.0)), rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearWarmup(steps=0),
        lambda: LinearWarmup(steps=-1),
        lambda: LinearWarmup(steps=math.nan),
        lambda: CyclicalWarmup(period=0),
        lambda: CyclicalWarmup(period=5, cycles=0),
        lambda: CyclicalWarmup(period=5, rise=0),
        lambda: CyclicalWarmup(period=5, rise=1.1),
    ],
)
def test_schedules_refuse_lengths_out_of_range(make):
    with pytest.raises(ValueError, match="^`(steps|period|cycles|rise)` must .*; got"):
        make()


# Active units.


@settings(max_examples=25)
@given(
    hnp.arrays(np.float32, (12, 4), elements=st.floats(-2, 2, width=16)),
    st.integers(1, 11),
)
def test_active_units_match_the_variance_over_all_batches(means, cut):
    metric = ActiveUnits(4)
    metric.update_state(ops.convert_to_tensor(means[:cut]))
    metric.update_state(ops.convert_to_tensor(means[cut:]))
    variance = means.astype(np.float64).var(axis=0)
    low, high = np.sum(variance > 0.0101), np.sum(variance > 0.0099)
    assert low <= float(metric.result()) <= high


def test_active_units_of_known_means():
    metric = ActiveUnits(3)
    # Variances 1, 0.0025 and, around a large mean, 0.25.
    means = np.float32([[1, 0.05, 10.5], [-1, -0.05, 9.5]] * 50)
    metric.update_state(ops.convert_to_tensor(means))
    assert float(metric.result()) == 2
    metric.reset_state()
    assert float(metric.result()) == 0


def test_own_objective_needs_one_method():
    class Reconstruction(Objective):
        def __call__(self, terms, step):
            return terms.reconstruction

    terms = known_terms()
    np.testing.assert_array_equal(
        array(Reconstruction()(terms, 0.0)), array(terms.reconstruction)
    )


class Jittered(Objective):
    """Draws noise of its own: the loss of each example, weighed at random."""

    def __call__(self, terms, step):
        shape = ops.shape(terms.elbo)
        weights = keras.random.uniform(shape, seed=self.seed_generator)
        return -weights * terms.elbo


def test_objective_draws_noise_from_the_models_seed(images):
    def losses(seed):
        model = make_dense(objective=Jittered(), seed=seed)
        assert "seed_generator" not in model.objective.get_config()
        quick_compile(model, keras.optimizers.SGD(0.0))
        fitted = model.fit(
            images, epochs=3, batch_size=64, shuffle=False, verbose=0
        ).history
        np.testing.assert_allclose(fitted["elbo"], fitted["elbo"][0], rtol=0.1)
        return fitted["loss"]

    first, again = losses(0), losses(0)
    np.testing.assert_allclose(first, again, rtol=1e-5)
    assert np.ptp(first) > 0.01  # other noise at each step
    assert abs(first[0] - losses(1)[0]) > 0.01


def test_objective_without_seed_leaves_the_model_usable(images):
    """JAX refuses noise without a seed within a step; the weights must outlive it."""

    class Unseeded(Objective):
        def __call__(self, terms, step):
            return -keras.random.uniform(ops.shape(terms.elbo)) * terms.elbo

    model = make_dense(objective=Unseeded())
    quick_compile(model)
    before = model.elbo(images, seed=0)["elbo"]
    try:
        model.fit(images, verbose=0)
    except ValueError:
        np.testing.assert_array_equal(model.elbo(images, seed=0)["elbo"], before)
        model.objective = ELBO()
        quick_compile(model)
        model.fit(images, verbose=0)
    assert np.isfinite(model.elbo(images, seed=0)["elbo"]).all()
