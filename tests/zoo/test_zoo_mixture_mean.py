"""The logistic mixture's expected image, against sums over all levels in float64."""

import numpy as np
import pytest
from numpy_reference import sigmoid
from zoo_helpers import BACKEND, call, make_dense, random_weights

import export
from zoo.likelihoods import DiscretizedLogisticMixture

TOP = 255
VALUES = 2 * np.arange(TOP + 1) / TOP - 1
EDGES = VALUES[1:] - 1 / TOP


def expected_value(mean, scale):
    """E[value] of discretized logistics (...): the sum of P(level >= t) over t >= 1."""
    above = sigmoid((mean[..., None] - EDGES) / scale)
    return 2 / TOP * above.sum(-1) - 1


def masses(mean, scale):
    """(..., 256) probabilities of the levels."""
    below = sigmoid((EDGES - mean[..., None]) / scale)
    ends = np.zeros((*below.shape[:-1], 1))
    return np.diff(np.concatenate([ends, below, ends + 1], axis=-1))


def component_mean(means, scales, coefficients):
    """E[x_0], E[x_1], E[x_2] by all 65,536 pairs of earlier levels."""
    first = masses(means[0], scales[0])
    second_mean = means[1] + coefficients[0] * VALUES
    pairs = first[:, None] * masses(second_mean, scales[1])
    shift = coefficients[1] * VALUES[:, None] + coefficients[2] * VALUES
    # Third: P(level >= t) is a function of one number: by 8,001 points, linearly.
    points = means[2] + np.linspace(shift.min(), shift.max(), 8001)
    third = np.interp(means[2] + shift, points, expected_value(points, scales[2]))
    return [
        expected_value(means[0], scales[0]),
        (first * expected_value(second_mean, scales[1])).sum(),
        (pairs * third).sum(),
    ]


def reference(parameters, num_mixtures):
    """E[x] in [0, 1] of one colour pixel (P,)."""
    parts = parameters.astype(np.float64).reshape(10, num_mixtures)
    weights = np.exp(parts[0] - parts[0].max())
    weights /= weights.sum()
    scales = np.exp(np.minimum(-7 + np.logaddexp(0, parts[4:7] + 7), 7))
    components = [
        component_mean(parts[1:4, k], scales[:, k], np.tanh(parts[7:, k]))
        for k in range(num_mixtures)
    ]
    return (weights @ np.array(components) + 1) / 2


def mean_of(parameters, **options):
    num_mixtures = options.pop("num_mixtures", 1)
    likelihood = DiscretizedLogisticMixture(num_mixtures, **options)
    return call(likelihood.mean, parameters)


def random_components(count, seed):
    """Wide and narrow scales, means inside and out, coefficients of all sizes."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(-1.6, 1.6, (count, 3))
    log_scales = rng.uniform(-6.9, 1.5, (count, 3))
    raw_scales = -7 + np.log(np.expm1(log_scales + 7))
    coefficients = 3 * rng.standard_normal((count, 3))
    return np.concatenate([np.zeros((count, 1)), means, raw_scales, coefficients], -1)


@pytest.mark.parametrize("size", [1.0, 4.0])
@pytest.mark.parametrize("num_mixtures", [1, 10])
def test_mean_of_colours_is_exact_to_half_a_level(num_mixtures, size):
    rng = np.random.default_rng(0)
    count = 40 // num_mixtures
    parameters = size * rng.standard_normal((count, 10 * num_mixtures))
    wanted = np.array([reference(p.astype("f4"), num_mixtures) for p in parameters])
    mean = mean_of(parameters[:, None, None], num_mixtures=num_mixtures)[:, 0, 0]
    assert np.abs(mean - wanted).max() < 0.5 / TOP
    # So large would errors be if earlier channels' means stood in for their levels.
    plug_in = mean_of(
        parameters[:, None, None], num_mixtures=num_mixtures, exact_mean=False
    )[:, 0, 0]
    assert np.abs(plug_in - wanted).max() > 3 / TOP


def test_mean_of_extreme_components_is_exact_to_half_a_level():
    parameters = random_components(60, seed=0)
    wanted = np.array([reference(p.astype("f4"), 1) for p in parameters])
    mean = mean_of(parameters[:, None, None])[:, 0, 0]
    assert np.abs(mean - wanted).max() < 0.5 / TOP


def test_mean_of_narrow_components_is_their_pixel():
    # Coefficients of 1 take each level to the next channel's mean.
    pixels = np.array([0, 37, 128, 255]) / 255
    parameters = np.zeros((4, 1, 1, 10))
    parameters[..., 1] = (2 * pixels - 1)[:, None, None]
    parameters[..., 4:7] = -50
    parameters[..., 7] = parameters[..., 9] = 50
    mean = mean_of(parameters)[:, 0, 0]
    np.testing.assert_allclose(mean, pixels[:, None] * [1, 1, 1], atol=0.2 / TOP)


def test_grey_means_are_those_of_the_closed_form():
    parameters = 3 * np.random.default_rng(0).standard_normal((5, 4, 3, 30))
    options = {"num_mixtures": 10}
    np.testing.assert_allclose(
        mean_of(parameters, **options),
        mean_of(parameters, exact_mean=False, **options),
        atol=1e-4,  # of the closed form's rounding, where scales are wide
    )


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_mean_is_finite_at_extreme_parameters(size):
    signs = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (50, 1, 1, 20))
    mean = mean_of(size * signs, num_mixtures=2)
    assert mean.min() >= 0 and mean.max() <= 1


def test_models_saved_before_the_choice_keep_their_images():
    new = DiscretizedLogisticMixture(2)
    assert new.exact_mean
    config = new.get_config()
    assert DiscretizedLogisticMixture.from_config(config).exact_mean
    del config["exact_mean"]
    assert not DiscretizedLogisticMixture.from_config(config).exact_mean


@pytest.mark.skipif(BACKEND != "tensorflow", reason="exports are alike from all")
def test_exported_file_has_the_same_mean(tmp_path):
    likelihood = DiscretizedLogisticMixture(2)
    model = make_dense(image_shape=(8, 8, 3), likelihood=likelihood)
    random_weights(model, seed=0, scale=1.0)
    report = export.export_decoder(model, tmp_path / "d.onnx")
    assert report.max_abs_error < 1e-4
