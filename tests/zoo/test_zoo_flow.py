"""The learned prior: an exact density, a KL at the draws, and training with both."""

import keras
import numpy as np
import pytest
from keras import ops
from test_zoo_exact_likelihood import (
    IMAGES,
    exact_log_likelihood,
    linear_model,
)
from zoo_helpers import (
    LOGS,
    array,
    gradient,
    make_dense,
    make_terms,
    quick_compile,
    random_weights,
    trainable,
)

import zoo
from zoo.distributions import DiagonalNormal
from zoo.objectives import ELBO
from zoo.priors import Flow, StandardNormal
from zoo.priors.flow import fixed_dimensions

once = pytest.mark.one_backend(
    "a flow's ELBO is that of NumPy on every backend: test_zoo_golden"
)

# A layer that mixes is affine but for its coupling: smaller weights take it as far.
MIXING = {"mixing": True, "scale": 0.3}
LABEL = {"label_dim": 3, "label": (0.5, -1, 2)}


def make_flow(latent_dim, scale=0.5, label=None, **options):
    """A small flow with random weights, far from N(0, I); given a label if it is."""
    prior = Flow(latent_dim, **{"num_layers": 4, "hidden_units": 6, **options})
    prior.build()
    rng = np.random.default_rng(0)
    for weight in prior.trainable_variables:
        weight.assign(scale * rng.standard_normal(weight.shape))
    return prior if label is None else prior.given(np.float32([label]))


@pytest.mark.parametrize(
    ("latent_dim", "options"),
    [(2, {}), (3, LABEL), (5, {}), (3, MIXING), (4, MIXING | LABEL)],
)
@once
def test_density_is_the_change_of_variables(latent_dim, options):
    """log N(noise) - log |det dz/dnoise|, with differences for derivatives."""
    prior = make_flow(latent_dim, **options)
    noise = np.random.default_rng(1).standard_normal((7, latent_dim))
    z = array(prior.from_noise(ops.cast(noise, "float32")))
    step = 1e-2
    moved = [
        array(prior.from_noise(ops.cast(noise + sign * step * row, "float32")))
        for row in np.eye(latent_dim)
        for sign in (1, -1)
    ]
    columns = [
        (moved[2 * d].astype(np.float64) - moved[2 * d + 1]) / (2 * step)
        for d in range(latent_dim)
    ]
    _, log_det = np.linalg.slogdet(np.stack(columns, axis=-1))
    log_normal = -0.5 * np.sum(noise**2 + np.log(2 * np.pi), axis=1)
    assert np.abs(log_det).max() > 0.3
    given = array(prior.log_prob(ops.convert_to_tensor(z)))
    # Where a hidden unit turns on within a difference, that is an average.
    np.testing.assert_allclose(given, log_normal - log_det, atol=0.02)


@pytest.mark.parametrize(
    "options",
    ({"num_layers": 8}, {"num_layers": 24, "mixing": True, "scale": 0.1} | LABEL),
)
@once
def test_noise_comes_back(options):
    prior = make_flow(6, **options)
    noise = np.random.default_rng(0).standard_normal((3, 50, 6)).astype("float32")
    z = prior.from_noise(ops.convert_to_tensor(noise))
    back, log_det = prior.to_noise(z)
    assert np.abs(array(z) - noise).max() > 1
    assert tuple(z.shape) == (3, 50, 6) and tuple(log_det.shape) == (3, 50)
    np.testing.assert_allclose(array(back), noise, atol=1e-4)


@pytest.mark.parametrize("options", ({"scale": 0.6}, MIXING, MIXING | LABEL))
@once
def test_density_integrates_to_one(options):
    side = np.linspace(-24, 24, 961)
    grid = np.stack(np.meshgrid(side, side), axis=-1).astype("float32")
    log_prob = array(make_flow(2, **options).log_prob(ops.convert_to_tensor(grid)))
    mass = np.exp(log_prob.astype(np.float64)).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=0.01)
    assert log_prob[480, 480] != pytest.approx(-np.log(2 * np.pi), abs=0.05)


@pytest.mark.parametrize("mixing", (False, True))
@once
def test_it_starts_as_standard_normal(mixing):
    prior = Flow(3, seed=0, mixing=mixing, label_dim=2)
    prior.build()
    prior = prior.given(np.eye(2, dtype="float32")[np.arange(9) % 2])
    z = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")
    np.testing.assert_array_equal(array(prior.from_noise(ops.convert_to_tensor(z))), z)
    np.testing.assert_allclose(
        array(prior.log_prob(ops.convert_to_tensor(z))),
        array(StandardNormal().log_prob(ops.convert_to_tensor(z))),
        rtol=1e-6,
    )


@pytest.mark.parametrize("latent_dim", (2, 3, 4, 9, 20, 32))
@once
def test_any_two_dimensions_meet(latent_dim):
    layers = [fixed_dimensions(latent_dim, layer) for layer in range(10)]
    for fixed, other in zip(layers[::2], layers[1::2], strict=True):
        assert 0 < sum(fixed) < latent_dim  # something moves, given something
        assert [not f for f in fixed] == other
    columns = np.array(layers).T
    assert len(np.unique(columns, axis=0)) == latent_dim


@pytest.mark.parametrize(("latent_dim", "layers"), [(2, 6), (9, 8), (40, 12)])
@once
def test_by_default_any_two_dimensions_meet(latent_dim, layers):
    prior = zoo.priors.get("flow", latent_dim)
    assert prior.num_layers == prior.get_config()["num_layers"] == layers
    fixed = np.array([coupling.fixed for coupling in prior.couplings], bool)
    for d in range(latent_dim):  # some layer moves one of the two, and not the other
        apart = np.any(fixed != fixed[:, d : d + 1], axis=0)
        assert np.flatnonzero(~apart).tolist() == [d]


@pytest.mark.parametrize("sign", (-1, 1))
def test_huge_log_scales_stay_finite(sign):
    prior = make_flow(4, num_layers=32, scale=0.0)
    for coupling in prior.couplings:
        coupling.head.bias.assign(np.float32([sign * 1e30] * 4 + [1.0] * 4))
    z = ops.convert_to_tensor(np.float32([[30, -30, 0, 1], [0, 0, 0, 0]]))
    for values in (prior.from_noise(z), prior.log_prob(z)):
        assert np.isfinite(array(values)).all()
    slope = gradient(lambda z: ops.sum(prior.log_prob(z)), array(z))
    assert np.isfinite(slope).all()


@once
def test_kl_at_draws_is_the_kl_on_average():
    """At its start, against the closed form; then against draws of the ratio."""
    rng = np.random.default_rng(0)
    q = DiagonalNormal(*(ops.cast(rng.normal(size=(3, 2)), "float32") for _ in "ml"))
    noise = ops.cast(rng.standard_normal((100_000, 3, 2)), "float32")
    fresh = Flow(2)
    fresh.build()
    terms = make_terms(q, fresh, q.from_noise(noise), ops.zeros((100_000, 3)))
    np.testing.assert_allclose(array(terms.kl), array(q.kl()), atol=0.03)
    terms = make_terms(q, make_flow(2), q.from_noise(noise), ops.zeros((100_000, 3)))
    expected = -array(terms.log_ratio).mean(axis=0)
    np.testing.assert_allclose(array(terms.kl), expected, atol=0.03)
    np.testing.assert_allclose(array(terms.elbo), -array(terms.kl), atol=1e-6)


@once
def test_likelihood_of_a_known_model_is_exact():
    model = linear_model(0.1, 1.05, prior="flow")
    estimate = model.log_marginal_likelihood(
        IMAGES, num_importance_samples=3000, seed=0
    )
    np.testing.assert_allclose(estimate, exact_log_likelihood(), atol=0.02)


@once
def test_training_finds_latents_that_are_not_gaussian():
    """Latents on a ring, which N(0, I) of the same variance describes badly."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 512)
    ring = 1.41 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    z = (ring + 0.2 * rng.standard_normal(ring.shape)).astype("float32")
    prior = Flow(2, num_layers=6, hidden_units=32, seed=0)
    inputs = keras.Input((2,))
    prior.build()
    before = float(-ops.mean(prior.log_prob(ops.convert_to_tensor(z))))
    model = keras.Model(inputs, LogProb(prior)(inputs))
    quick_compile(
        model, keras.optimizers.Adam(0.01), loss=lambda _, log_prob: -log_prob
    )
    model.fit(z, np.zeros(512), batch_size=128, epochs=40, verbose=0)
    after = float(-ops.mean(prior.log_prob(ops.convert_to_tensor(z))))
    assert before == pytest.approx(2.9, abs=0.1)
    assert after < before - 0.5


class LogProb(keras.layers.Layer):
    """A prior's log-density as a layer."""

    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def call(self, z):
        return self.prior.log_prob(z)


@pytest.mark.parametrize("objective", (None, "importance_weighted", "capacity"))
def test_fit_trains_the_prior_too(images, objective):
    mixing = objective is None
    prior = Flow(2, num_layers=4, hidden_units=8, seed=0, mixing=mixing)
    model = make_dense(prior=prior, objective=objective)
    start = [np.array(array(v.value)) for v in prior.trainable_variables]
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, epochs=20, batch_size=16, verbose=0).history
    assert set(history) == LOGS
    assert history["loss"][-1] < history["loss"][0]
    for before, weight in zip(start, prior.trainable_variables, strict=True):
        assert np.abs(array(weight.value) - before).max() > 1e-4, weight.path
    sampled = model.sample(8, temperature=0.8, seed=1)
    assert sampled.shape == (8, 8, 8, 1) and np.isfinite(sampled).all()


@pytest.mark.parametrize("dtype", ("mixed_bfloat16", "mixed_float16"))
def test_mixed_precision_leaves_it_in_float32(images, dtype):
    model = make_dense(prior="flow", dtype=dtype)
    quick_compile(model, "adam")
    assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all()
    assert {str(v.dtype) for v in model.prior.trainable_variables} == {"float32"}
    exact = make_dense(prior="flow")
    exact.set_weights(model.get_weights())
    z = np.random.default_rng(0).standard_normal((5, 2)).astype("float32")
    np.testing.assert_array_equal(
        array(model.prior.log_prob(ops.convert_to_tensor(z))),
        array(exact.prior.log_prob(ops.convert_to_tensor(z))),
    )


@once
def test_names_and_seeds_give_the_same_prior():
    one, same, other = (make_dense(prior="flow", seed=s) for s in (3, 3, 4))
    assert isinstance(one.prior, Flow) and one.prior.latent_dim == 2
    for a, b in zip(trainable(one), trainable(same), strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [array(m.prior.couplings[0].hidden.kernel) for m in (one, other)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0
    first, second = one.prior.couplings[:2]
    assert np.abs(array(first.hidden.kernel) - array(second.hidden.kernel)).max() > 0


def test_a_trained_model_goes_on_with_it(grey):
    """The networks of a model with a plain prior, and a prior that begins as that."""
    plain = make_dense()
    random_weights(plain, seed=0)
    model = zoo.DenseVAE.from_config({**plain.get_config(), "prior": "flow"})
    for network in ("encoder", "decoder"):
        getattr(model, network).set_weights(getattr(plain, network).get_weights())
    np.testing.assert_allclose(
        model.sample(3, seed=0), plain.sample(3, seed=0), atol=1e-6
    )
    options = {"num_importance_samples": 4, "seed": 0}
    np.testing.assert_allclose(
        model.log_marginal_likelihood(grey, **options),
        plain.log_marginal_likelihood(grey, **options),
        rtol=1e-5,
    )


@once
def test_each_label_has_a_density_of_its_own(images):
    """Every draw of each image is scored given that image's label."""
    model = zoo.ConditionalVAE(
        (8, 8, 1), 2, 3, hidden_units=(4,), prior="label_flow", seed=0
    )
    weights = random_weights(model, seed=0)
    labels, x = np.arange(6) % 3, images[:6]
    terms = model.elbo_terms(ops.convert_to_tensor(x), labels, num_draws=4)
    z, scored = array(terms.group.z), array(terms.group.prior.log_prob(terms.group.z))
    for i, label in enumerate(labels):
        own = model.make_prior(np.array([label])).log_prob(z[:, i])
        np.testing.assert_allclose(scored[:, i], array(own), rtol=1e-5)
        other = model.make_prior(np.array([(label + 1) % 3])).log_prob(z[:, i])
        assert np.abs(array(own) - array(other)).max() > 0.1
    # A label moves the hidden units of each coupling by its own row.
    coupling = model.prior.couplings[0]
    y = np.float32([[0, 1, 0]])
    moved = weights["flow/coupling_0/label/kernel"][1]
    raw = (z[0] * coupling.fixed) @ weights["flow/coupling_0/hidden/kernel"]
    hidden = np.maximum(raw + weights["flow/coupling_0/hidden/bias"] + moved, 0)
    head = [weights[f"flow/coupling_0/head/{part}"] for part in ("kernel", "bias")]
    log_scale, shift = np.split(hidden @ head[0] + head[1], 2, axis=1)
    given = coupling.parameters(ops.convert_to_tensor(z[0]), y)
    where = 1 - coupling.fixed
    given = [array(part) for part in given]
    np.testing.assert_allclose(given[0], np.tanh(log_scale) * where, atol=1e-5)
    np.testing.assert_allclose(given[1], shift * where, rtol=1e-4, atol=1e-5)


@once
def test_conditional_models_share_one_prior(images):
    labels = np.arange(64) % 3
    model = zoo.ConditionalVAE((8, 8, 1), 2, 3, hidden_units=(4,), prior="flow", seed=0)
    quick_compile(model, "adam")
    model.fit(images, labels, verbose=0)
    random_weights(model, seed=0)
    assert model.sample(3, [0, 1, 2], seed=0).shape == (3, 8, 8, 1)
    assert model.make_prior(labels) is model.prior


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: Flow(1), "at least 2; got 1"),
        (lambda: make_dense(prior=Flow(3)), "of 2 latent dimensions.*a Flow of 3"),
        (lambda: Flow(0), "`latent_dim` must be a whole number >= 1; got 0"),
        (lambda: zoo.priors.get("flow"), "`latent_dim` must be.*got None"),
        (lambda: Flow(2, num_layers=0), "`num_layers` must be .*>= 1"),
        (lambda: Flow(2, num_layers=33), "`num_layers` must be .*<= 32"),
        (lambda: Flow(2, hidden_units=1.5), "`hidden_units` must be"),
        (lambda: Flow(2, label_dim=-1), "`label_dim` must be .*>= 0"),
        (lambda: Flow(2, label_dim=3).log_prob(np.zeros((1, 2))), "needs labels: see"),
        (lambda: Flow(2, label_dim=3).from_noise(np.zeros((1, 2))), "needs labels"),
        (
            lambda: make_dense(prior=Flow(2, label_dim=3)),
            "a Flow of labels of 3 numbers; the model's labels have none",
        ),
        (
            lambda: make_dense(prior="flow", objective=ELBO(free_bits=0.1)),
            "`free_bits` does: it needs a prior of independent dimensions.*got Flow",
        ),
    ],
)
@once
def test_bad_arguments_are_one_sentence(make, match):
    with pytest.raises(ValueError, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)
