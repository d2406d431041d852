"""KL divergences belong to pairs: exact for those known, none for the others."""

import numpy as np
import pytest
from keras import ops
from zoo_helpers import SHAPE, array, make_dense, quick_compile, random_weights

import zoo
from zoo.distributions import (
    Codes,
    DiagonalNormal,
    Distribution,
    FullNormal,
    MixtureNormal,
    kl_divergence,
    kl_per_unit,
    kl_rule,
)
from zoo.priors import Flow, StandardNormal, UniformCodes

# What `test_estimated_kl...` estimates on PyTorch, in nats.
ESTIMATED_KL = [0.10907093, 0.46261656]


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def normal(mean, log_var):
    return DiagonalNormal(tensor([mean]), tensor([log_var]))


def full():
    return FullNormal(tensor([[0.5, -1.0]]), tensor([[-0.4, 0.1]]), tensor([[0.7]]))


def quadrature(q, p, dim):
    """KL(q || p) as a sum over a fine grid."""
    side = np.linspace(-12, 12, 12_001 if dim == 1 else 601)
    grid = np.stack(np.meshgrid(*[side] * dim, indexing="ij"), -1).reshape(-1, 1, dim)
    log_q, log_p = (array(d.log_prob(tensor(grid))).astype(np.float64) for d in (q, p))
    mass = np.exp(log_q) * (side[1] - side[0]) ** dim
    assert mass.sum() == pytest.approx(1, abs=1e-4)
    return float(np.sum(mass * (log_q - log_p)))


PAIRS = {
    "normal, standard": (normal([0.7], [-0.8]), StandardNormal()),
    "normal, normal": (normal([0.7], [-0.8]), normal([-1.0], [0.6])),
    "two normals": (normal([0.7, 0.1], [-0.8, 0.3]), normal([-1.0, 0.0], [0.6, -0.5])),
    "full, standard": (full(), StandardNormal()),
    "full, normal": (full(), normal([-1.0, 0.0], [0.6, -0.5])),
}


@pytest.mark.parametrize("name", PAIRS)
def test_known_pairs_are_those_of_quadrature(name):
    q, p = PAIRS[name]
    exact = float(kl_divergence(q, p)[0])
    assert exact == pytest.approx(quadrature(q, p, q.mean.shape[-1]), rel=1e-3)
    per_unit = kl_per_unit(q, p)
    if name.startswith("full"):
        assert per_unit is None
    else:
        assert float(ops.sum(per_unit)) == pytest.approx(exact, rel=1e-6)


def test_kl_of_normals_far_apart_is_not_clipped():
    q, p = normal([0.0], [20.0]), normal([0.0], [-15.0])
    assert float(kl_divergence(q, p)[0]) == pytest.approx(np.exp(35) / 2, rel=1e-4)


def test_codes_to_uniform_ones():
    log_probs = np.log([[[0.5, 0.25, 0.25], [1.0, 1e-9, 1e-9]]])
    q = Codes(ops.zeros((1, 2), "int32"), 3, tensor(log_probs))
    p = UniformCodes(3, (2,))
    expected = [np.log(3) - 1.5 * np.log(2), np.log(3)]
    np.testing.assert_allclose(array(kl_per_unit(q, p))[0], expected, atol=1e-6)
    assert float(kl_divergence(q, p)[0]) == pytest.approx(sum(expected), abs=1e-6)


def other_priors():
    flow, mixture = Flow(2), MixtureNormal(*map(ops.zeros, [(2,), (2, 2), (2, 2)]))
    flow.build()
    return [flow, mixture]


@pytest.mark.parametrize("q", [normal([0.3, 1.0], [0.0, -1.0]), full()])
@pytest.mark.parametrize("index", [0, 1])
def test_other_pairs_have_none_and_are_estimated(q, index):
    p = other_priors()[index]  # N(0, I), both of them
    assert kl_divergence(q, p) is None and kl_per_unit(q, p) is None
    estimate = float(q.kl(p)[0])
    assert estimate == pytest.approx(float(q.kl(StandardNormal())[0]), abs=0.6)
    assert float(q.kl(p)[0]) == estimate  # the same at every call


def log_laplace(z, mean, log_var):
    scale = ops.exp(0.5 * log_var)
    return -ops.abs(z - mean) / scale - ops.log(2 * scale)


class Laplace(DiagonalNormal):
    """Another density, told by `log_prob`."""

    def log_prob(self, z):
        return ops.sum(log_laplace(z, self.mean, self.log_var), axis=-1)


class LaplacePerDim(DiagonalNormal):
    """Another density, told by `log_prob_per_dim`, from which `log_prob` follows."""

    def log_prob_per_dim(self, z):
        return log_laplace(z, self.mean, self.log_var)


class Renamed(DiagonalNormal):
    """The same density."""


class LaplacePrior(StandardNormal):
    def log_prob(self, z):
        return ops.sum(log_laplace(z, 0.0, ops.zeros(())), axis=-1)


def test_subclass_of_another_density_inherits_no_rule():
    mean, log_var = tensor([[0.3, 1.0]]), tensor([[0.0, -1.0]])
    q = DiagonalNormal(mean, log_var)
    renamed = Renamed(mean, log_var)
    assert float(kl_divergence(renamed, StandardNormal())[0]) == float(q.kl()[0])
    for cls in (Laplace, LaplacePerDim):
        other = cls(mean, log_var)
        assert kl_divergence(other, StandardNormal()) is None
        assert kl_divergence(other, q) is None and kl_per_unit(q, other) is None
        # Nor the normal's entropy: what is estimated is E_q[log q - log p].
        z = ops.concatenate([other.draws(16, seed) for seed in range(4)])
        ratio = other.log_prob(z) - StandardNormal().log_prob(z)
        expected = array(ratio).mean(axis=0)
        np.testing.assert_allclose(array(other.kl()), expected, rtol=1e-5)
    assert kl_divergence(q, LaplacePrior()) is None


def test_estimated_kl_is_the_same_everywhere():
    mean = np.tile(np.float32([0.3, 1.0]), (1000, 1))
    log_var = np.tile(np.float32([0, -1]), (1000, 1))
    prior = zoo.priors.Mixture(2, num_components=2, seed=0)
    prior.build(None)
    prior.set_weights([np.float32([0, 1]), np.eye(2), np.float32([[0, 0], [1, -1]])])
    q = DiagonalNormal(mean, log_var)
    assert kl_divergence(q, prior) is None
    kl = array(q.kl(prior))
    exact = quadrature(normal(mean[0], log_var[0]), prior, dim=2)
    assert kl.mean() == pytest.approx(exact, abs=4 * float(kl.std()) / 1000**0.5)
    # As written down on one backend, and of the first images without the others.
    np.testing.assert_allclose(kl[:2], ESTIMATED_KL, rtol=1e-5)
    first = array(DiagonalNormal(mean[:2], log_var[:2]).kl(prior))
    np.testing.assert_allclose(first, kl[:2], rtol=1e-6)


def test_codes_given_draws_of_what_they_depend_on():
    probs = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 4)).astype("float32")
    codes = tensor(probs.argmax(axis=-1).astype("int32"))
    q = Codes(codes, 5, tensor(np.log(probs)), event_ndim=1)  # K = 2, N = 3, 4 places
    z = q.draws(7, seed=0)
    assert tuple(z.shape) == (7, 2, 3, 4)
    assert tuple(q.log_prob(z).shape) == (7, 2, 3)
    entropy = -(probs * np.log(probs)).sum(axis=(-1, -2))
    np.testing.assert_allclose(array(q.entropy()), entropy, rtol=1e-5)
    np.testing.assert_allclose(array(q.kl()), 4 * np.log(5) - entropy, rtol=1e-4)


def test_rule_of_a_pair_of_ones_own(images):
    class Shifted(Distribution):  # N(mean, I)
        def __init__(self, mean):
            self.mean = mean

        def from_noise(self, noise):
            return self.mean + noise

        def log_prob(self, z):
            return StandardNormal().log_prob(z - self.mean)

    class ShiftedVAE(zoo.DenseVAE):
        def make_posterior(self, parameters):
            return Shifted(parameters[:, : self.latent_dim])

    q = Shifted(tensor([[1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"A Shifted that no .*give one, as in kl"):
        q.kl()
    assert float(q.kl(StandardNormal())[0]) == pytest.approx(2.5, abs=0.6)
    model = make_dense(ShiftedVAE)
    estimated = model.elbo(np.repeat(images[:1], 2000, 0), seed=0)["kl"]

    @kl_rule(Shifted, StandardNormal, per_unit=True)
    def kl_of_shifted(q, p):
        return 0.5 * ops.square(q.mean)

    try:
        assert float(q.kl(StandardNormal())[0]) == 2.5
        model = make_dense(ShiftedVAE, objective=zoo.objectives.ELBO(free_bits=0.1))
        quick_compile(model)
        assert "kl" in model.fit(images, verbose=0).history
        exact = float(make_dense(ShiftedVAE).encode(images[:1]).kl()[0])
        assert estimated.mean() == pytest.approx(exact, abs=0.1)
    finally:
        zoo.distributions.divergence._RULES.pop()


# Of a model.


def averaged_kl(model, x, labels=None, draws=400):
    """The "kl" of `elbo`, over many draws of each image."""
    copies = np.repeat(x, draws, axis=0)
    labels = None if labels is None else np.repeat(labels, draws)
    return model.elbo(copies, labels, seed=0)["kl"].reshape(len(x), draws).mean(axis=1)


def test_encoded_kl_is_to_the_models_flow(grey):
    model = make_dense(prior=Flow(2, num_layers=4, hidden_units=6))
    random_weights(model, seed=1)
    posterior = model.encode(grey)
    assert posterior.prior is model.prior
    kl = array(posterior.kl())
    assert kl.mean() == pytest.approx(averaged_kl(model, grey).mean(), abs=0.15)
    to_normal = array(posterior.kl(StandardNormal()))
    assert abs(to_normal.mean() - kl.mean()) > 0.5


def test_encoded_kl_is_to_the_prior_of_the_label(grey):
    model = zoo.ConditionalVAE(
        SHAPE, 2, 3, networks="dense", hidden_units=(4,), prior="label_normal", seed=0
    )
    random_weights(model, seed=1)
    labels = np.arange(len(grey)) % 3
    kl = array(model.encode(grey, labels).kl())
    np.testing.assert_allclose(kl, model.elbo(grey, labels, seed=0)["kl"], rtol=1e-4)
    other = array(model.encode(grey, (labels + 1) % 3).kl())
    assert np.abs(other - kl).max() > 0.1


@pytest.mark.parametrize("quantizer", ("ema", "gumbel"))
def test_encoded_kl_is_to_the_prior_over_codes(grey, quantizer):
    prior = zoo.CodePrior(4, (2, 2), width=8, num_layers=1, num_heads=2, seed=0)
    model = zoo.VQVAE(
        SHAPE, 4, 2, quantizer, filters=(2, 3), blocks_per_stage=0, prior=prior, seed=0
    )
    rng = np.random.default_rng(0)
    prior.set_weights([rng.standard_normal(w.shape) for w in prior.get_weights()])
    kl = array(model.encode(grey).kl())
    if quantizer == "ema":  # certain codes: no draws matter
        np.testing.assert_allclose(kl, model.elbo(grey, seed=0)["kl"], rtol=1e-4)
    else:
        assert kl.mean() == pytest.approx(averaged_kl(model, grey).mean(), abs=0.6)
    uniform = array(model.encode(grey).kl(model.uniform_prior))
    assert abs(kl.mean() - uniform.mean()) > 2


def test_label_prior_without_labels_is_refused():
    prior = zoo.priors.LabelNormal(2, label_dim=3)
    said = "`prior` is a LabelNormal of labels of 3 numbers; the model's .* have none"
    with pytest.raises(ValueError, match=said) as caught:
        make_dense(prior=prior)
    assert "\n" not in str(caught.value)
