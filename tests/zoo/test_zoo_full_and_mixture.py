"""Normal distributions with a full covariance, and mixtures, against NumPy float64."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import gaussian_log_prob
from zoo_helpers import SHAPE, array, make_terms, quick_compile

import zoo
from zoo import threefry
from zoo.distributions import (
    DiagonalNormal,
    FullNormal,
    MixtureNormal,
    kl_divergence,
    kl_per_unit,
)
from zoo.objectives import DIP, TotalCorrelation
from zoo.priors import StandardNormal

N = 4


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def parameters_of(dim, count=N):
    size = 2 * dim + dim * (dim - 1) // 2
    return np.random.default_rng(dim).standard_normal((count, size)).astype("float32")


def numpy_moments(parameters, dim):
    """Means (N, D) and the lower triangular L (N, D, D) of the parameters' rows."""
    mean, log_diagonal, below = np.split(
        parameters.astype(np.float64), [dim, 2 * dim], axis=1
    )
    lower = np.zeros((len(parameters), dim, dim))
    for row, rest in enumerate(below):
        lower[row][np.tril_indices(dim, -1)] = rest
        lower[row] += np.diag(np.exp(log_diagonal[row]))
    return mean, lower


def numpy_full_kl(mean, covariance, prior_mean, prior_covariance):
    """KL(N(mean, covariance) || N(prior_mean, prior_covariance))."""
    inverse = np.linalg.inv(prior_covariance)
    moved = prior_mean - mean
    return 0.5 * (
        np.trace(inverse @ covariance)
        + moved @ inverse @ moved
        - len(mean)
        + np.linalg.slogdet(prior_covariance)[1]
        - np.linalg.slogdet(covariance)[1]
    )


@pytest.mark.parametrize("dim", (1, 2, 5))
def test_full_normal_is_that_of_numpy(dim):
    parameters = parameters_of(dim)
    assert FullNormal.num_parameters(dim) == parameters.shape[1]
    q = FullNormal.from_parameters(tensor(parameters))
    mean, lower = numpy_moments(parameters, dim)
    covariance = lower @ lower.transpose(0, 2, 1)
    np.testing.assert_allclose(array(q.mean), mean, rtol=1e-6)
    np.testing.assert_allclose(array(q.lower), lower, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(array(q.covariance()), covariance, rtol=1e-4, atol=1e-5)
    statistics = {name: array(value) for name, value in q.statistics().items()}
    np.testing.assert_allclose(
        statistics["log_var"],
        np.log(np.diagonal(covariance, axis1=1, axis2=2)),
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_array_equal(statistics["covariance"], array(q.covariance()))

    noise = np.random.default_rng(9).standard_normal((3, N, dim)).astype("float32")
    z = array(q.from_noise(tensor(noise)))
    expected_z = mean + np.einsum("nij,knj->kni", lower, noise)
    np.testing.assert_allclose(z, expected_z, rtol=1e-4, atol=1e-5)
    centred = expected_z - mean
    squared = np.einsum("kni,nij,knj->kn", centred, np.linalg.inv(covariance), centred)
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    np.testing.assert_allclose(
        array(q.log_prob(tensor(expected_z))), -0.5 * (squared + log_det), atol=2e-3
    )
    np.testing.assert_allclose(array(q.entropy()), 0.5 * (dim + log_det), rtol=1e-4)

    # The KL to N(0, I), to another N(m, diag) of each image, and the rule it goes by.
    other_mean, other_log_var = np.random.default_rng(1).standard_normal((2, N, dim))
    other = DiagonalNormal(tensor(other_mean), tensor(other_log_var))
    expected = [
        numpy_full_kl(m, c, 0 * m, np.eye(dim))
        for m, c in zip(mean, covariance, strict=True)
    ]
    np.testing.assert_allclose(array(q.kl()), expected, rtol=1e-4)
    np.testing.assert_allclose(
        array(kl_divergence(q, StandardNormal())), expected, rtol=1e-4
    )
    expected = [
        numpy_full_kl(m, c, p, np.diag(np.exp(v)))
        for m, c, p, v in zip(mean, covariance, other_mean, other_log_var, strict=True)
    ]
    np.testing.assert_allclose(array(q.kl(other)), expected, rtol=1e-4)
    assert kl_per_unit(q, other) is kl_per_unit(q, StandardNormal()) is None


def test_full_normal_draws_have_its_moments():
    parameters = parameters_of(3)
    q = FullNormal.from_parameters(tensor(parameters))
    z = array(q.draws(100_000, seed=0))
    mean, lower = numpy_moments(parameters, 3)
    covariance = lower @ lower.transpose(0, 2, 1)
    size = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    assert np.all(np.abs(z.mean(axis=0) - mean) < 0.02 * size)
    for row in range(N):
        error = np.cov(z[:, row], rowvar=False) - covariance[row]
        assert np.all(np.abs(error) < 0.02 * np.outer(size[row], size[row]))


def test_full_normal_without_correlation_is_the_diagonal_one():
    mean, log_var = np.random.default_rng(0).standard_normal((2, N, 3))
    diagonal = DiagonalNormal(tensor(mean), tensor(log_var))
    full = FullNormal(tensor(mean), tensor(log_var / 2), tensor(np.zeros((N, 3))))
    z = tensor(np.random.default_rng(1).standard_normal((2, N, 3)))
    for one, other in (
        (full.log_prob(z), diagonal.log_prob(z)),
        (full.entropy(), diagonal.entropy()),
        (full.kl(), diagonal.kl()),
        (full.statistics()["log_var"], diagonal.log_var),
    ):
        np.testing.assert_allclose(array(one), array(other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", (1, 3, 4, 6, 13))
def test_width_of_no_full_normal_is_refused(width):
    with pytest.raises(ValueError, match=rf"2 D \+ D \(D - 1\) / 2 .*; got {width}\."):
        FullNormal.from_parameters(ops.zeros((1, width)))


@keras.saving.register_keras_serializable(package="tests")
class FullVAE(zoo.VAE):
    """A VAE whose latents of one image may depend on each other."""

    def make_posterior(self, parameters):
        return FullNormal.from_parameters(parameters)


def make_full(**options):
    encoder = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(FullNormal.num_parameters(2))]
    )
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    return FullVAE(encoder, decoder, SHAPE, 2, seed=0, **options)


def test_full_normal_posterior_trains_and_is_saved(images, tmp_path):
    model = make_full()
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=8, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0] + 1
    posterior = model.encode(images)
    assert np.abs(array(posterior.lower)[:, 1, 0]).max() > 0.01
    np.testing.assert_allclose(
        array(posterior.kl()), model.elbo(images, seed=0)["kl"], rtol=1e-4
    )
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        loaded.elbo(images, seed=0)["elbo"],
        model.elbo(images, seed=0)["elbo"],
        rtol=1e-5,
    )
    bound = model.log_marginal_likelihood(images, num_importance_samples=50, seed=0)
    assert bound.mean() > model.elbo(images, seed=0)["elbo"].mean()


def test_objectives_of_a_full_normal_posterior():
    parameters, dim = parameters_of(3, count=6), 3
    q = FullNormal.from_parameters(tensor(parameters))
    z = q.from_noise(ops.zeros((1, 6, dim)))
    terms = make_terms(q, StandardNormal(), z, ops.zeros((1, 6)))
    mean, lower = numpy_moments(parameters, dim)
    covariance = np.cov(mean, rowvar=False, bias=True)
    covariance = covariance + np.mean(lower @ lower.transpose(0, 2, 1), axis=0)
    np.testing.assert_allclose(
        array(DIP(kind="ii").covariance(q)), covariance, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ValueError, match="posterior of independent .*got FullNormal"):
        TotalCorrelation(1.0, 9)(terms, 0.0)


# Mixtures.


M, D = 3, 2
LOGITS = np.array([0.5, -1.0, 0.2])
WEIGHTS = np.exp(LOGITS) / np.exp(LOGITS).sum()
MEANS, LOG_VARS = np.random.default_rng(3).standard_normal((2, M, D)) * [[[2]], [[0.5]]]


def mixture():
    return MixtureNormal(tensor(LOGITS), tensor(MEANS), tensor(LOG_VARS))


def test_mixture_density_is_that_of_numpy():
    z = np.random.default_rng(0).standard_normal((5, N, D)) * 3
    components = [
        np.log(WEIGHTS[k]) + gaussian_log_prob(z, MEANS[k], LOG_VARS[k])
        for k in range(M)
    ]
    log_prob = array(mixture().log_prob(tensor(z)))
    assert log_prob.shape == (5, N)
    np.testing.assert_allclose(
        log_prob, np.logaddexp.reduce(components, axis=0), rtol=1e-5
    )


def test_mixture_of_narrow_components_is_exact_enough():
    """Where 40 squares of thousands cancel out, some thousandths of a nat are left."""
    rng = np.random.default_rng(4)
    means, log_vars = rng.standard_normal((2, 6, 40)) * [[[2]], [[1]]] - [[[0]], [[5]]]
    means, log_vars = means.astype("f4"), log_vars.astype("f4")
    noise = rng.standard_normal((6, 40)) * np.exp(0.5 * log_vars)
    z = (means + noise).astype("f4")
    expected = gaussian_log_prob(z.astype("f8"), means, log_vars) - np.log(6)
    p = MixtureNormal(ops.zeros((6,)), tensor(means), tensor(log_vars))
    np.testing.assert_allclose(array(p.log_prob(tensor(z))), expected, atol=0.01)


def test_mixture_draws_are_noise_of_the_component_that_the_uniform_number_chooses():
    edges = np.cumsum(WEIGHTS)
    uniforms = np.float32([0, edges[0] - 1e-4, edges[0] + 1e-4, edges[1] - 1e-4])
    uniforms = np.append(uniforms, [edges[1] + 1e-4, np.nextafter(np.float32(1), 0)])
    component = [0, 0, 1, 1, 2, 2]
    noise = np.random.default_rng(0).standard_normal((6, D))
    z = array(mixture().from_noise(tensor(noise), tensor(uniforms[:, None])))
    expected = MEANS[component] + np.exp(0.5 * LOG_VARS[component]) * noise
    np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-6)


def test_mixture_draws_of_a_seed_have_its_moments():
    normals, uniforms = threefry.normals(5, 50_000, D), threefry.uniforms(5, 50_000, 1)
    z = array(mixture().from_noise(tensor(normals), tensor(uniforms)))
    mean = WEIGHTS @ MEANS
    second = sum(
        w * (np.diag(np.exp(v)) + np.outer(m, m))
        for w, m, v in zip(WEIGHTS, MEANS, LOG_VARS, strict=True)
    )
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.03)
    covariance = second - np.outer(mean, mean)
    np.testing.assert_allclose(np.cov(z, rowvar=False), covariance, atol=0.1)


def test_mixture_of_one_is_the_normal():
    one = MixtureNormal(ops.zeros((1,)), tensor(MEANS[:1]), tensor(LOG_VARS[:1]))
    normal = DiagonalNormal(tensor(MEANS[:1]), tensor(LOG_VARS[:1]))
    noise = tensor(np.random.default_rng(0).standard_normal((7, D)))
    z = one.from_noise(noise, ops.full((7, 1), 0.999))
    np.testing.assert_allclose(array(z), array(normal.from_noise(noise)), rtol=1e-6)
    np.testing.assert_allclose(
        array(one.log_prob(z)), array(normal.log_prob(z)), rtol=1e-5
    )
