"""Likelihoods of a grid of levels: exact probabilities, safe at the extremes."""

import itertools
import math

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import sigmoid
from zoo_helpers import (
    LOGS,
    call,
    first_everywhere,
    gradient,
    make_dense,
    quick_compile,
    random_weights,
)

import zoo
from zoo.likelihoods import Categorical, DiscretizedLogisticMixture

once = pytest.mark.one_backend("one size is tried on every backend")

RNG = np.random.default_rng(0)


def log_prob(likelihood, x, parameters):
    return call(likelihood.log_prob, x, parameters)


def every_image(num_levels, channels):
    """All images of one pixel, (num_levels ** channels, 1, 1, channels)."""
    levels = np.arange(num_levels) / (num_levels - 1)
    grid = np.array(list(itertools.product(levels, repeat=channels)))
    return grid[:, None, None, :]


def of_one_pixel(likelihood, channels, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((1, 1, 1, likelihood.parameters(channels)))


def mixture_reference(x, parameters, num_mixtures, num_levels):
    """p(x) of one pixel (C,) in float64, by differences of sigmoids."""
    channels, top = len(x), num_levels - 1
    parts = parameters.astype(np.float64).reshape(-1, num_mixtures)
    weights = np.exp(parts[0]) / np.exp(parts[0]).sum()
    means, raw = parts[1 : 1 + channels], parts[1 + channels : 1 + 2 * channels]
    scales = np.exp(np.minimum(-7 + np.logaddexp(0, raw + 7), 7))
    coefficients = iter(np.tanh(parts[1 + 2 * channels :]))
    level = np.rint(np.asarray(x, np.float64) * top)
    value, product = 2 * level / top - 1, weights
    for c in range(channels):
        mean = means[c] + sum(next(coefficients) * value[e] for e in range(c))
        above = sigmoid((value[c] + 1 / top - mean) / scales[c])
        below = sigmoid((value[c] - 1 / top - mean) / scales[c])
        above = np.ones_like(above) if level[c] == top else above
        below = np.zeros_like(below) if level[c] == 0 else below
        product = product * (above - below)
    return product.sum()


def test_names_give_likelihoods_of_levels():
    assert zoo.likelihoods.get("categorical").num_levels == 256
    mixture = zoo.likelihoods.get("discretized_logistic_mixture")
    assert (mixture.num_mixtures, mixture.num_levels) == (10, 256)
    assert [mixture.parameters(c) for c in (1, 3)] == [30, 100]
    assert Categorical().parameters(3) == 768
    assert zoo.likelihoods.Gaussian("per_pixel").parameters(3) == 6


CASES = {
    "categorical, 256": (Categorical(), 1),
    "categorical, colour": (Categorical(5), 3),
    "mixture, 256": (DiscretizedLogisticMixture(4), 1),
    "mixture, two channels": (DiscretizedLogisticMixture(3, num_levels=16), 2),
    "mixture, colour": (DiscretizedLogisticMixture(3, num_levels=6), 3),
    "mixture, binary": (DiscretizedLogisticMixture(2, num_levels=2), 3),
}


@pytest.mark.parametrize("scale", first_everywhere([1.0, 0.0, 8.0], once))
@pytest.mark.parametrize("case", CASES)
def test_probabilities_of_all_images_sum_to_one(case, scale):
    likelihood, channels = CASES[case]
    x = every_image(likelihood.num_levels, channels)
    parameters = of_one_pixel(likelihood, channels, scale)
    values = log_prob(likelihood, x, np.repeat(parameters, len(x), axis=0))
    assert values.dtype == np.float32 and values.shape == (len(x),)
    assert np.exp(values.astype(np.float64)).sum() == pytest.approx(1, abs=2e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_mixture_matches_differences_of_sigmoids(channels):
    likelihood = DiscretizedLogisticMixture(5)
    parameters = RNG.standard_normal((40, 1, 1, likelihood.parameters(channels)))
    x = RNG.integers(0, 256, (40, 1, 1, channels)) / 255
    x[:4], x[4:8] = 0, 1
    parameters = parameters.astype("float32")
    expected = [
        np.log(mixture_reference(x[i, 0, 0], parameters[i, 0, 0], 5, 256))
        for i in range(40)
    ]
    np.testing.assert_allclose(log_prob(likelihood, x, parameters), expected, rtol=1e-4)


def test_categorical_matches_log_softmax():
    likelihood = Categorical(7)
    logits = 3 * RNG.standard_normal((2, 3, 4, 5, 14))  # two draws of three images
    levels = RNG.integers(0, 7, (3, 4, 5, 2))
    log_softmax = logits.reshape(2, 3, 4, 5, 2, 7)
    log_softmax -= np.log(np.exp(log_softmax).sum(-1, keepdims=True))
    chosen = np.take_along_axis(
        log_softmax, np.broadcast_to(levels[None, ..., None], (2, 3, 4, 5, 2, 1)), -1
    )
    np.testing.assert_allclose(
        log_prob(likelihood, levels / 6, logits), chosen.sum((2, 3, 4, 5)), rtol=1e-5
    )


@pytest.mark.parametrize("likelihood", [Categorical(), DiscretizedLogisticMixture(2)])
def test_pixels_off_the_grid_count_as_the_nearest_level(likelihood):
    x = RNG.integers(0, 256, (9, 1, 1, 1)) / 255
    moved = np.clip(x + RNG.uniform(-0.49, 0.49, x.shape) / 255, 0, 1)
    parameters = RNG.standard_normal((9, 1, 1, likelihood.parameters(1)))
    np.testing.assert_array_equal(
        log_prob(likelihood, x, parameters), log_prob(likelihood, moved, parameters)
    )


@pytest.mark.parametrize("case", CASES)
def test_mean_is_the_expectation_over_all_images(case):
    likelihood, channels = CASES[case]
    x = every_image(likelihood.num_levels, channels)
    parameters = of_one_pixel(likelihood, channels, 0.5)
    p = np.exp(log_prob(likelihood, x, np.repeat(parameters, len(x), axis=0)))
    expected = (p[:, None] * x[:, 0, 0]).sum(axis=0)
    mean = call(likelihood.mean, parameters)
    assert mean.shape == (1, 1, 1, channels)
    # Scales are as wide as a level or wider: half a level would be far too much.
    part_of_level = 0.05 / (likelihood.num_levels - 1)
    np.testing.assert_allclose(mean[0, 0, 0], expected, atol=part_of_level)


def test_mean_of_a_narrow_component_is_its_pixel():
    likelihood = DiscretizedLogisticMixture(1)
    for pixel in (0.0, 37 / 255, 0.5, 1.0):
        outputs = np.float32([0.0, 2 * pixel - 1, -50.0]).reshape(1, 1, 1, 3)
        mean = call(likelihood.mean, outputs)[0, 0, 0, 0]
        assert mean == pytest.approx(pixel, abs=0.5 / 255)
        assert np.exp(log_prob(likelihood, [[[[pixel]]]], outputs)[0]) > 0.4


@pytest.mark.parametrize("size", first_everywhere([1e30, 30.0, 1e4], once))
@pytest.mark.parametrize("case", CASES)
def test_scores_and_gradients_are_finite_at_extreme_parameters(case, size):
    likelihood, channels = CASES[case]
    signs = RNG.choice([-1.0, 0.0, 1.0], (24, 1, 1, likelihood.parameters(channels)))
    parameters = (size * signs).astype("float32")
    x = RNG.choice([0.0, 0.4, 1.0], (24, 1, 1, channels)).astype("float32")
    assert np.isfinite(log_prob(likelihood, x, parameters)).all()
    mean = call(likelihood.mean, parameters)
    assert mean.min() >= 0 and mean.max() <= 1

    def total(values):
        return ops.sum(likelihood.log_prob(ops.convert_to_tensor(x), values))

    assert np.isfinite(gradient(total, parameters)).all()


def test_mean_of_a_far_component_is_the_edge():
    for location, edge in ((-1e30, 0.0), (-50.0, 0.0), (50.0, 1.0), (1e30, 1.0)):
        outputs = np.float32([0.0, location, 0.0]).reshape(1, 1, 1, 3)
        mean = DiscretizedLogisticMixture(1).mean(ops.convert_to_tensor(outputs))
        assert float(mean[0, 0, 0, 0]) == pytest.approx(edge, abs=1e-4)


@pytest.mark.parametrize("name", ["categorical", "discretized_logistic_mixture"])
def test_fit_logs_bits_per_dim_and_lowers_them(name):
    x = np.random.default_rng(0).integers(100, 110, (24, 8, 8, 3)) / 255
    model = make_dense(image_shape=(8, 8, 3), likelihood=name)
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(
        x.astype("float32"), batch_size=8, epochs=5, validation_split=0.25, verbose=0
    ).history
    logs = LOGS | {"bits_per_dim"}
    assert set(history) == logs | {f"val_{name}" for name in logs}
    bits = np.array(history["bits_per_dim"])
    expected = -np.array(history["elbo"]) / (8 * 8 * 3 * math.log(2))
    np.testing.assert_allclose(bits, expected, rtol=1e-4)
    assert 7 < bits[0] < 11 and bits[-1] < bits[0] - 0.5


def test_elbo_of_levels_is_float32_and_close_in_bfloat16():
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3)).astype("float32") / 255
    options = {"image_shape": (8, 8, 3), "likelihood": "discretized_logistic_mixture"}
    full, half = make_dense(**options), make_dense(**options, dtype="mixed_bfloat16")
    random_weights(full, seed=0, scale=0.2)
    half.set_weights(full.get_weights())
    values, wanted = half.elbo(x, seed=0)["elbo"], full.elbo(x, seed=0)["elbo"]
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, wanted, rtol=0.02)
    assert half.sample(2, seed=0).dtype == np.float32


@pytest.mark.parametrize(
    "likelihood", [Categorical(4), DiscretizedLogisticMixture(3, num_levels=4)]
)
def test_presets_keep_likelihoods_of_levels(likelihood, tmp_path):
    model = zoo.ConvVAE(
        (8, 9, 3), 2, filters=(4,), blocks_per_stage=0, likelihood=likelihood, seed=0
    )
    model.save_to_preset(tmp_path / "p")
    loaded = zoo.from_preset(tmp_path / "p")
    assert loaded.likelihood.get_config() == likelihood.get_config()
    assert loaded.sample(2, seed=0).shape == (2, 8, 9, 3)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Categorical(1), "`num_levels` must be a whole number >= 2; got 1"),
        (lambda: DiscretizedLogisticMixture(0), "`num_mixtures` .* >= 1; got 0"),
        (lambda: DiscretizedLogisticMixture(2, 1), "`num_levels` .* >= 2; got 1"),
        (
            lambda: DiscretizedLogisticMixture(10).mean(ops.zeros((1, 1, 1, 31))),
            "must have 30 numbers a grey pixel or 100 a colour one; got 31",
        ),
    ],
)
def test_bad_arguments_of_likelihoods_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
