"""The VampPrior: a mixture of the posteriors of images that are learned."""

import keras
import numpy as np
import pytest
from keras import ops
from test_zoo_mixture_prior import mixture_log_prob
from zoo_helpers import SHAPE, array, make_dense, quick_compile, random_weights

import zoo
from zoo.priors import Vamp

once = pytest.mark.one_backend("the density is tried on every backend")


@pytest.fixture
def model():
    """Two latents, three pseudo-inputs, weights far from where they begin."""
    model = make_dense(prior=Vamp(SHAPE, 3))
    random_weights(model, seed=2, scale=0.7)
    return model


def parameters(model):
    """Means and log-variances of the components, from `encode`: float64 (M, D) each."""
    each = model.encode(array(model.prior.pseudo_inputs()))
    return (array(part).astype(np.float64) for part in (each.mean, each.log_var))


def test_density_is_the_mixture_of_posteriors(model):
    z = 2 * np.random.default_rng(0).normal(size=(7, 2))
    expected = mixture_log_prob(z, np.zeros(3), *parameters(model))
    given = model.make_prior().log_prob(ops.cast(z, "float32"))
    np.testing.assert_allclose(array(given), expected, rtol=1e-5, atol=1e-5)


@once
def test_density_integrates_to_one(model):
    side = np.linspace(-12, 12, 601)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = np.exp(array(model.make_prior().log_prob(ops.cast(grid, "float32"))))
    mass = density.astype(np.float64).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=1e-3)


@once
def test_kl_is_that_of_quadrature(model):
    """The KL of one posterior, estimated at draws and summed over a grid."""
    x = np.random.default_rng(0).random((1, *SHAPE), dtype="float32")
    q, p = model.encode(x), model.make_prior()
    side = np.linspace(-12, 12, 601)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 1, 2)
    grid = ops.cast(grid, "float32")
    log_q, log_p = (array(d.log_prob(grid)).astype(np.float64) for d in (q, p))
    cell = (side[1] - side[0]) ** 2
    expected = np.sum(np.exp(log_q[:, 0]) * (log_q - log_p.reshape(log_q.shape))[:, 0])
    noise = np.random.default_rng(1).standard_normal((100_000, 1, 2), "float32")
    terms = model.elbo_terms(ops.convert_to_tensor(x), noise=ops.cast(noise, "float32"))
    assert expected * cell > 0.05
    assert float(array(terms.kl)[0]) == pytest.approx(expected * cell, abs=0.01)


def test_training_moves_pseudo_inputs_and_samples_follow(images, tmp_path):
    model = make_dense(prior="vamp")
    assert type(model.prior) is Vamp and model.prior.num_components == 500
    assert model.noise == zoo.latents.NoiseSpec(normals=2, uniforms=1)
    model = make_dense(prior=Vamp(SHAPE, 4, seed=0))
    before = array(model.prior.pseudo_inputs())
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=5, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0]
    moved = np.abs(array(model.prior.pseudo_inputs()) - before).reshape(4, -1)
    assert moved.max(axis=1).min() > 0  # of every component
    samples = model.sample(5, seed=3)
    rest = np.concatenate(list(model.iter_sample(3, seed=3, first=2)))
    np.testing.assert_allclose(rest, samples[2:], atol=1e-6)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(loaded.sample(5, seed=3), samples, atol=1e-6)
    quick_compile(loaded)
    assert np.isfinite(loaded.fit(images, verbose=0).history["loss"]).all()


@once
def test_pseudo_inputs_may_begin_as_images(images):
    prior = Vamp(SHAPE, 5)
    prior.begin_with(images[:5])
    model = make_dense(prior=prior)
    np.testing.assert_allclose(
        array(model.prior.pseudo_inputs()), images[:5], atol=0.0101
    )
    # One component is an image's posterior then.
    mean, log_var = model.encode(array(prior.pseudo_inputs())[:1]).statistics().values()
    mixture = model.make_prior()
    np.testing.assert_allclose(array(mixture.means)[:1], array(mean), atol=1e-5)
    np.testing.assert_allclose(array(mixture.log_vars)[:1], array(log_var), atol=1e-5)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: Vamp(SHAPE, 0), "`num_components` must be a whole number >= 1; got 0"),
        (
            lambda: make_dense(prior=Vamp((9, 8, 1))),
            r"pseudo-inputs of shape \(8, 8, 1\).*got a Vamp of \(9, 8, 1\)",
        ),
        (
            lambda: Vamp(SHAPE, 2).begin_with(np.zeros((2, 8, 9, 1), "float32")),
            "`images` must be images of 8x8 pixels.*got shape",
        ),
        (
            lambda: Vamp(SHAPE, 2).begin_with(np.zeros((3, *SHAPE), "float32")),
            "`images` must be 2, one a component; got 3",
        ),
        (
            lambda: zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,), prior="vamp"),
            "Vamp, a mixture of posteriors of images without labels",
        ),
        (
            lambda: make_dense(prior="vamp", objective=zoo.objectives.ELBO(1.0, 0.1)),
            "needs a prior of independent dimensions.*got Vamp",
        ),
        (lambda: Vamp(SHAPE).log_prob(np.zeros((1, 2))), "needs its model"),
    ],
)
@once
def test_bad_arguments_are_one_sentence(make, match):
    with pytest.raises(ValueError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_posteriors_of_another_kind_are_refused():
    class Odd(zoo.DenseVAE):
        def make_posterior(self, parameters):
            posterior = super().make_posterior(parameters)
            return zoo.distributions.FullNormal(
                posterior.mean, posterior.log_var / 2, ops.zeros_like(parameters[:, :1])
            )

    model = make_dense(Odd, prior=Vamp(SHAPE, 2))
    with pytest.raises(ValueError, match="`mean` and `log_var`.*is a FullNormal"):
        model.make_prior()
