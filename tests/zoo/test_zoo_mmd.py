"""MMD between Gaussians against its closed form, and what it does to latents."""

import keras
import numpy as np
import pytest
from keras import ops
from test_zoo_family import known_terms, numpy_mmd
from zoo_helpers import SHAPE, array, call, make_dense, quick_compile

import zoo
from zoo.objectives import MMD

RNG = np.random.default_rng(0)
SCALES = (0.3, 1.0, 4.0)


def exact(mean, std, scales=SCALES):
    """MMD^2 of N(mean, diag(std^2)) and N(0, I) with the RBF kernel."""
    mean, std, total = np.asarray(mean), np.asarray(std), 0
    for scale in scales:
        c = 2 * len(mean) * scale

        def expected(shift, variance, c=c):  # E exp(-|a - b|^2 / c)
            widened = c + 2 * variance
            return np.prod(np.sqrt(c / widened) * np.exp(-(shift**2) / widened))

        total += expected(0 * mean, 2 * std**2) + expected(0 * mean, 2 * std**0)
        total -= 2 * expected(mean, std**2 + 1)
    return total


@pytest.mark.parametrize(
    "mean, std", [((0, 0), (1, 1)), ((1, 0), (1, 1)), ((0, 0.5, 0), (0.4, 2, 1))]
)
def test_distance_of_two_gaussians_is_the_closed_form(mean, std):
    z = mean + np.multiply(std, RNG.standard_normal((1500, len(mean))))
    drawn = RNG.standard_normal(z.shape)
    given = call(MMD(kernel="rbf", scales=SCALES).squared, z, drawn)
    assert given == pytest.approx(exact(mean, std), abs=0.03)
    if mean != (0, 0):
        assert exact(mean, std) > 0.1


def test_unbiased_and_biased_are_what_they_are_called():
    """The mean over many small batches, and by how much the biased one is too large."""
    mean, std, count, batches = np.array([0.7, 0.0]), np.array([0.5, 1.0]), 4, 3000
    z = mean + std * RNG.standard_normal((batches, count, 2))
    drawn = RNG.standard_normal(z.shape)

    def estimates(estimator):
        of_pair = MMD(kernel="rbf", scales=SCALES, estimator=estimator).squared
        return call(
            lambda *both: ops.vectorized_map(lambda pair: of_pair(*pair), both),
            z,
            drawn,
        )

    unbiased, biased = estimates("unbiased"), estimates("biased")
    margin = 4 * unbiased.std() / np.sqrt(batches)
    assert unbiased.mean() == pytest.approx(exact(mean, std), abs=margin)
    assert margin < 0.05 and unbiased.min() < 0 <= biased.min()

    def pair(std):  # E k(a, a') of one of the two
        c = 2 * 2 * np.array(SCALES)[:, None]
        return np.sum(np.prod(np.sqrt(c / (c + 4 * std**2)), axis=1))

    excess = (2 * len(SCALES) - pair(std) - pair(np.ones(2))) / count
    assert biased.mean() == pytest.approx(exact(mean, std) + excess, abs=margin)


@pytest.mark.parametrize("kernel", ["inverse_multiquadratic", "rbf"])
@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_distance_matches_numpy_pair_by_pair(kernel, estimator):
    z, drawn = RNG.standard_normal((2, 5, 3))
    objective = MMD(kernel=kernel, scales=SCALES, estimator=estimator)
    expected = numpy_mmd(1 + z, drawn, SCALES, kernel, estimator)
    given = call(objective.squared, 1 + z, drawn)
    assert given == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_without_weight_it_is_the_elbo():
    """InfoVAE with alpha 0 and lambda 1."""
    terms = known_terms()
    given = MMD(lambda_mmd=0.0, beta=1.0)(terms, 0.0)
    np.testing.assert_allclose(array(given), -array(terms.elbo), rtol=1e-6)


@pytest.mark.parametrize("prior", ["standard_normal", "flow", "vamp"])
def test_latents_are_drawn_to_any_prior(images, prior):
    """From afar and together, while a prior that learns comes to meet them."""
    model = make_dense(prior=prior, objective=MMD(30.0), hidden_units=(8,))
    weights = model.encoder.get_weights()
    model.encoder.set_weights([*weights[:-1], np.float32([2, -2, -2, -2])])
    quick_compile(model, keras.optimizers.Adam(0.01))

    def distance():
        z = ops.convert_to_tensor(array(model.encode(images).sample(0)))
        drawn = model.objective.draw_prior(model.make_prior(), (500, 2))
        return float(array(model.objective.squared(z, drawn)))

    before = [np.array(array(v)) for v in model.trainable_variables], distance()
    model.fit(np.concatenate([images] * 30), batch_size=64, epochs=2, verbose=0)
    after = map(array, model.trainable_variables)
    assert all(np.any(a != b) for a, b in zip(before[0], after, strict=True))
    assert distance() < 0.05 + 0.1 * before[1]
    with pytest.warns(UserWarning, match="No likelihood of this DenseVAE"):
        model.elbo(images[:2], seed=0)


def test_latents_on_a_grid_and_labels_beside():
    x = np.random.default_rng(0).random((8, *SHAPE), dtype="float32")
    options = {"objective": MMD(), "likelihood": "gaussian", "seed": 0}
    of_labels = zoo.ConditionalVAE(
        SHAPE, 2, 3, hidden_units=(4,), prior="label_normal", **options
    )
    of_grid = zoo.HierarchicalVAE(
        SHAPE, ((4, 1, 2),), filters=(4,), blocks_per_level=1, **options
    )
    for model, labels in ((of_labels, np.arange(8) % 3), (of_grid, None)):
        quick_compile(model)
        history = model.fit(x, labels, verbose=0).history
        assert np.isfinite(history["loss"]).all()
