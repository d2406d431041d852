"""What every likelihood offers: scores of pixels, draws, probabilities of levels."""

import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from numpy_reference import sigmoid
from zoo_helpers import BACKEND, array, gradient, make_dense, quick_compile

import export
import zoo
from zoo.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    Gaussian,
    Likelihood,
)

once = pytest.mark.one_backend("scores are tried on every backend")

ALL = {
    "bernoulli": Bernoulli(),
    "continuous bernoulli": ContinuousBernoulli(),
    "gaussian": Gaussian(),
    "gaussian, per pixel": Gaussian("per_pixel"),
    "categorical": Categorical(7),
    "mixture": DiscretizedLogisticMixture(3, num_levels=16),
    "mixture, 256": DiscretizedLogisticMixture(4),
}
OF_LEVELS = [name for name, part in ALL.items() if part.num_levels]


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def draws(likelihood, channels=3, shape=(2, 4, 3, 5), scale=2.0, seed=0):
    """Images (4, 3, 5, C) on levels, and parameters of two draws of z for each."""
    if not likelihood.built:
        likelihood.build(None)
    rng = np.random.default_rng(seed)
    levels = likelihood.num_levels or 256
    x = rng.integers(0, levels, (*shape[1:], channels)) / (levels - 1)
    parameters = rng.standard_normal((*shape, likelihood.parameters(channels)))
    return x.astype("float32"), (scale * parameters).astype("float32")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ALL)
def test_scores_of_pixels_sum_to_the_images(name, channels):
    x, parameters = draws(ALL[name], channels)
    per_dim = array(ALL[name].log_prob_per_dim(tensor(x), tensor(parameters)))
    assert per_dim.dtype == np.float32 and per_dim.shape == (2, *x.shape)
    np.testing.assert_allclose(
        per_dim.sum((2, 3, 4), dtype=np.float64),
        array(ALL[name].log_prob(tensor(x), tensor(parameters))),
        rtol=1e-5,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OF_LEVELS)
def test_coder_finds_each_pixels_score_channel_by_channel(name, channels):
    likelihood = ALL[name]
    x, parameters = draws(likelihood, channels)
    per_dim = array(likelihood.log_prob_per_dim(tensor(x), tensor(parameters)))
    known = np.full_like(x, 0.5)  # what is not decoded yet must not be looked at
    for channel in range(channels):
        log_probs = array(
            likelihood.level_log_probs(tensor(parameters), channel, tensor(known))
        )
        assert log_probs.shape == (*per_dim.shape[:-1], likelihood.num_levels)
        level = np.rint(x[..., channel] * (likelihood.num_levels - 1)).astype(int)
        index = np.broadcast_to(level, per_dim.shape[:-1])[..., None]
        chosen = np.take_along_axis(log_probs, index, -1)[..., 0]
        np.testing.assert_allclose(chosen, per_dim[..., channel], rtol=1e-4, atol=2e-4)
        known[..., channel] = x[..., channel]


@settings(max_examples=15)
@given(
    st.sampled_from(OF_LEVELS), st.floats(-2, 30), st.integers(0, 99), st.integers(0, 2)
)
@once
def test_levels_probabilities_sum_to_one_for_any_parameters(name, size, seed, channel):
    likelihood = ALL[name]
    x, parameters = draws(likelihood, shape=(1, 1, 2, 4), scale=10.0**size, seed=seed)
    log_probs = array(
        likelihood.level_log_probs(tensor(parameters), channel, tensor(x))
    ).astype(np.float64)
    assert np.isfinite(log_probs).all()
    np.testing.assert_allclose(np.log(np.exp(log_probs).sum(-1)), 0, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_draws_are_a_function_of_noise_in_range_and_follow_the_seed(name):
    likelihood = ALL[name]
    _, parameters = draws(likelihood)
    images = array(likelihood.sample(tensor(parameters), seed=3))
    assert images.dtype == np.float32 and images.shape == (2, 4, 3, 5, 3)
    assert images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(
        images, array(likelihood.sample(tensor(parameters), seed=3))
    )
    assert np.any(images != array(likelihood.sample(tensor(parameters), seed=4)))
    if likelihood.num_levels:
        top = likelihood.num_levels - 1
        levels = np.rint(images * top)
        np.testing.assert_allclose(images, levels / top, rtol=1.5e-7)  # one last digit
    for extreme in (0.0, 1 - 2.0**-24):
        noise = np.full((*images.shape[:-1], likelihood.noise_per_pixel(3)), extreme)
        drawn = array(likelihood.from_noise(tensor(parameters), tensor(noise)))
        assert np.isfinite(drawn).all()


@pytest.mark.parametrize("name", ["bernoulli", "categorical", "mixture"])
@once
def test_frequencies_of_draws_match_probabilities(name):
    # Pairs of channels: the second depends on the first one drawn.
    likelihood, count = ALL[name], 40_000
    levels = likelihood.num_levels
    _, parameters = draws(likelihood, 2, shape=(1, 1, 1, 1), scale=0.5)
    many = tensor(np.repeat(parameters[0, 0], count, axis=0)[:, None])
    width = likelihood.noise_per_pixel(2)
    noise = np.random.default_rng(1).random((count, 1, 1, width))
    drawn = array(likelihood.from_noise(many, tensor(noise)))[:, 0, 0]
    number = np.rint(drawn * (levels - 1)).astype(int)
    counts = np.bincount(number[:, 0] * levels + number[:, 1], minlength=levels**2)
    grid = np.stack(np.divmod(np.arange(levels**2), levels), -1) / (levels - 1)
    log_prob = array(
        likelihood.log_prob(tensor(grid[:, None, None]), tensor(parameters[0, 0][None]))
    )
    expected = count * np.exp(log_prob.astype(np.float64)).reshape(-1)
    common = expected > 5
    squared = (counts - expected)[common] ** 2 / expected[common]
    degrees = common.sum()
    assert squared.sum() < degrees + 4 * np.sqrt(2 * degrees)


LOGITS = [-80.0, -9.0, -0.5001, -0.4999, -3e-3, 0.0, 1e-5, 2e-2, 0.7, 5.0, 80.0]


def continuous_density(logits):
    """Grid of [0, 1] and densities exp(l x) l / (exp(l) - 1), by quadrature alone."""
    grid = (np.arange(20_000) + 0.5) / 20_000
    exponent = np.float64(logits)[:, None] * (grid - (np.float64(logits) > 0)[:, None])
    density = np.exp(exponent)
    return grid, density / density.mean(axis=1, keepdims=True)


def test_continuous_bernoulli_is_the_density_of_its_quadrature():
    likelihood, logits = ContinuousBernoulli(), np.float32(LOGITS).reshape(-1, 1, 1, 1)
    grid, density = continuous_density(LOGITS)
    for column in (0, 4_321, 19_999):
        x = np.full(logits.shape, grid[column])
        got = array(likelihood.log_prob(tensor(x), tensor(logits)))
        np.testing.assert_allclose(
            got, np.log(density[:, column]), atol=2e-3, rtol=1e-5
        )
    mean = array(likelihood.mean(tensor(logits))).ravel()
    np.testing.assert_allclose(mean, (density * grid).mean(axis=1), atol=2e-6)
    # Its draws fall below a point as often as the density says.
    noise = np.full(logits.shape, 0.3)
    drawn = array(likelihood.from_noise(tensor(logits), tensor(noise))).ravel()
    below = np.array(
        [(d[grid < x]).sum() / 20_000 for d, x in zip(density, drawn, strict=True)]
    )
    np.testing.assert_allclose(below, 0.3, atol=3e-3)


def test_continuous_bernoulli_has_finite_gradients_at_every_logit():
    def total(logits):
        one = ContinuousBernoulli()
        return ops.sum(one.log_prob(ops.full((1, 11, 1, 1), 0.3), logits)) + ops.sum(
            one.mean(logits)
        )

    logits = np.float32([*LOGITS[1:-1], 1e4, -1e4]).reshape(1, -1, 1, 1)
    found = gradient(total, logits).ravel()
    assert np.isfinite(found).all()
    # d/dl of log p(x) + E[x] is x - E[x] + Var[x].
    grid, density = continuous_density(logits.ravel()[:-2])
    mean = (density * grid).mean(axis=1)
    variance = (density * grid**2).mean(axis=1) - mean**2
    np.testing.assert_allclose(found[:-2], 0.3 - mean + variance, atol=1e-4)


@once
def test_grey_pixels_under_a_bernoulli_are_remarked_on_once(grey, images):
    model = make_dense()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Pixels between")
        model.elbo(np.round(images))
        make_dense(dynamic_binarization=True).elbo(grey)
        make_dense(likelihood="continuous_bernoulli").elbo(grey)
    with pytest.warns(UserWarning, match="no density.*'continuous_bernoulli'"):
        model.elbo(grey)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Pixels between")
        model.elbo(grey)
    quick_compile(model)
    model._remarked = False
    with pytest.warns(UserWarning, match="no density"):
        model.fit((grey[i : i + 5] for i in range(0, 10, 5)), verbose=0)


def test_gaussian_draws_are_mean_and_noise_set_to_the_edges():
    raw, noise = np.float32([[[[0.3, -0.4]]]]), np.float32([[[[1.5, -50.0]]]])
    drawn = array(Gaussian(scale=0.1).from_noise(tensor(raw), tensor(noise)))
    expected = [sigmoid(np.float64(0.3)) + 0.15, 0.0]
    np.testing.assert_allclose(drawn[0, 0, 0], expected, rtol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class Laplace(Likelihood):
    """The whole of a user's own likelihood."""

    def log_prob_per_dim(self, x, parameters):
        distance = ops.abs(ops.cast(x, "float32") - self.mean(parameters))
        return -distance / 0.1 - np.log(0.2)

    def mean(self, parameters):
        return ops.sigmoid(ops.cast(parameters, "float32"))


@keras.saving.register_keras_serializable(package="tests")
class LaplaceVAE(zoo.DenseVAE):
    """In the module of its likelihood, which the export's own process imports."""


@once
def test_users_likelihood_trains_and_is_kept_by_presets(grey, tmp_path):
    model = make_dense(LaplaceVAE, likelihood=Laplace())
    quick_compile(model, "adam")
    assert np.isfinite(model.fit(grey, verbose=0).history["elbo"]).all()
    model.save_to_preset(tmp_path / "p")
    loaded = zoo.from_preset(tmp_path / "p")
    np.testing.assert_allclose(
        loaded.elbo(grey, seed=0)["elbo"], model.elbo(grey, seed=0)["elbo"], rtol=1e-5
    )
    if BACKEND == "tensorflow":  # once: the export takes any backend's weights
        assert export.export_decoder(loaded, tmp_path / "d.onnx").max_abs_error < 1e-5


@pytest.mark.parametrize(
    "method, arguments", [("from_noise", 2), ("level_log_probs", 2), ("sample", 1)]
)
@once
def test_what_a_likelihood_lacks_is_said(method, arguments):
    values = [ops.zeros((1, 2, 2, 1)), 0][:arguments]
    if method == "from_noise":
        values = [values[0], values[0]]
    with pytest.raises(NotImplementedError, match="Laplace defines no `"):
        getattr(Laplace(), method)(*values)
    with pytest.raises(NotImplementedError, match="defines no `log_prob_per_dim`"):
        Likelihood().log_prob(values[0], values[0])


def test_levels_of_later_channels_need_the_earlier_ones():
    parameters = ops.zeros((1, 1, 1, 40))
    with pytest.raises(ValueError, match="`x` must be images .* 1 channels"):
        DiscretizedLogisticMixture(4).level_log_probs(parameters, 1)
