"""The learned mixture prior: its name, its density, its draws, its training."""

import numpy as np
import pytest
from keras import ops
from zoo_helpers import SHAPE, array, make_dense, quick_compile, random_weights

import zoo
from zoo import threefry


def mixture_log_prob(z, logits, means, log_vars):
    """log p(z) in float64, component by component."""
    log_weights = logits - np.logaddexp.reduce(logits)
    squared = (z[:, None] - means) ** 2 / np.exp(log_vars)
    components = -0.5 * np.sum(squared + log_vars + np.log(2 * np.pi), axis=-1)
    return np.logaddexp.reduce(log_weights + components, axis=-1)


def test_density_is_that_of_numpy():
    model = make_dense(prior=zoo.priors.Mixture(2, num_components=3))
    weights = random_weights(model, seed=2, scale=0.7)
    parts = [weights[f"mixture/{name}"] for name in ("logits", "means", "log_vars")]
    z = np.random.default_rng(0).normal(size=(7, 2))
    expected = mixture_log_prob(z, *(part.astype(np.float64) for part in parts))
    given = array(model.prior.log_prob(z.astype("float32")))
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_name_makes_one_that_starts_with_the_moments_of_standard_normal():
    model = make_dense(prior="mixture")
    assert type(model.prior) is zoo.priors.Mixture
    assert model.noise == zoo.latents.NoiseSpec(normals=2, uniforms=1)
    prior = zoo.priors.Mixture(2, num_components=2000, seed=0)
    prior.build(None)
    drawn = threefry.normals(0, 20_000, 2), threefry.uniforms(0, 20_000, 1)
    z = array(prior.from_noise(*map(ops.convert_to_tensor, drawn)))
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.06)


def test_training_moves_it_and_samples_follow(images, tmp_path):
    model = make_dense(prior=zoo.priors.Mixture(2, num_components=4, seed=0))
    before = array(model.prior.means)
    quick_compile(model)
    model.fit(images, epochs=2, verbose=0)
    assert np.abs(array(model.prior.means) - before).max() > 0
    samples = model.sample(5, seed=3)
    assert samples.shape == (5, *SHAPE)
    rest = np.concatenate(list(model.iter_sample(3, seed=3, first=2)))
    np.testing.assert_allclose(rest, samples[2:], atol=1e-6)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(loaded.sample(5, seed=3), samples, atol=1e-6)


def test_bad_arguments_are_one_sentence():
    with pytest.raises(ValueError, match="`num_components` must be a whole number"):
        zoo.priors.Mixture(2, num_components=0)
    with pytest.raises(ValueError, match="needs a prior of independent dimensions"):
        make_dense(prior="mixture", objective=zoo.objectives.ELBO(free_bits=0.1))
