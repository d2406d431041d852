"""A prior of the first group of a ladder: any that flat models take."""

import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp
from scipy.stats import norm
from zoo_helpers import array, first_everywhere, quick_compile, random_weights

import zoo

once = pytest.mark.one_backend(
    "one prior of a ladder, and each of a vector, is trained on every backend"
)

SHAPE = (9, 10, 2)
LEVELS = ((4, 1, 2), (2, 2, 1))
FIRST, ROW = 18, 90
X = np.random.default_rng(3).integers(0, 2, (6, *SHAPE)).astype("float32")
LABELS = np.array([0, 2, 1, 1, 0, 2])
PRIORS = {
    "mixture": lambda: zoo.priors.Mixture(FIRST, 4, seed=0),
    "vamp": lambda: zoo.priors.Vamp(SHAPE, 4, seed=0),
    "flow": lambda: zoo.priors.Flow(FIRST, 2, 8, seed=0),
    "label_flow": lambda: zoo.priors.Flow(FIRST, 2, 8, label_dim=3, seed=0),
    "label_normal": lambda: zoo.priors.LabelNormal(FIRST, 3),
}


def make(prior="standard_normal", **options):
    labelled = str(prior).startswith("label")
    prior = PRIORS[prior]() if prior in PRIORS else prior
    if labelled:
        options["num_classes"] = 3
    model = zoo.HierarchicalVAE(
        SHAPE, LEVELS, filters=(4, 3), blocks_per_level=1, prior=prior, **options
    )
    random_weights(model, seed=5, scale=0.3)
    return model, LABELS if labelled else None


@pytest.mark.parametrize("prior", first_everywhere(PRIORS, once))
def test_ladder_with_a_prior_is_trained_scored_sampled_and_saved(prior, tmp_path):
    model, labels = make(prior, seed=0)
    assert model.noise.normals == ROW
    quick_compile(model)
    before = [array(weight) for weight in model.prior.trainable_variables]
    history = model.fit(X, labels, epochs=2, verbose=0).history
    assert np.isfinite(history["kl_z_3x3_1"]).all()
    learned = [array(weight) for weight in model.prior.trainable_variables]
    assert any(map(np.any, (a - b for a, b in zip(learned, before, strict=True))))
    model.save_to_preset(tmp_path / "ladder")
    loaded = zoo.from_preset(tmp_path / "ladder")
    assert type(loaded.prior) is type(model.prior)
    for one in ("elbo", "kl_z_3x3_1"):
        mine, theirs = (m.elbo(X, labels, seed=1)[one] for m in (model, loaded))
        np.testing.assert_allclose(theirs, mine, rtol=1e-5)
    drawn = [m.sample(6, labels, seed=2) for m in (model, loaded)]
    np.testing.assert_allclose(*drawn, atol=1e-6)
    assert np.std(drawn[0], axis=0).mean() > 0.01
    # The bound is of a likelihood: more draws tighten it.
    few, many = (
        model.log_marginal_likelihood(X, labels, k, seed=0).mean() for k in (1, 200)
    )
    assert few < many


@once
def test_a_mixture_that_is_the_standard_normal_changes_nothing():
    plain, _ = make(seed=0)
    model, _ = make(zoo.priors.Mixture(FIRST, 1), seed=0)
    model.prior.set_weights([np.zeros(w.shape) for w in model.prior.get_weights()])
    for part in ("encoder", "decoder"):
        getattr(model, part).set_weights(getattr(plain, part).get_weights())
    np.testing.assert_allclose(
        model.log_marginal_likelihood(X, num_importance_samples=8, seed=0),
        plain.log_marginal_likelihood(X, num_importance_samples=8, seed=0),
        rtol=1e-5,
    )
    for temperature in (0.7, (0.2, 1.5)):
        drawn = (m.sample(3, None, temperature, seed=1) for m in (model, plain))
        np.testing.assert_allclose(*drawn, atol=1e-6)


@once
def test_kl_to_a_normal_distribution_of_the_label_is_in_closed_form():
    model, _ = make("label_normal", seed=0)
    q = model.encode(X, LABELS)["z_3x3_1"]
    mean, log_var = (array(t).reshape(6, -1) for t in (q.mean, q.log_var))
    of_label = [array(w)[LABELS] for w in model.prior.weights]
    expected = 0.5 * np.sum(
        of_label[1]
        - log_var
        - 1
        + np.exp(log_var - of_label[1])
        + (mean - of_label[0]) ** 2 / np.exp(of_label[1]),
        axis=1,
    )
    assert expected.min() > 0.1
    scored = model.elbo(X, LABELS, seed=0)["kl_z_3x3_1"]
    np.testing.assert_allclose(scored, expected, rtol=1e-4)
    np.testing.assert_allclose(array(q.kl()), expected, rtol=1e-4)


@once
def test_vamp_is_the_mixture_of_the_first_groups_posteriors():
    model, _ = make("vamp", seed=0)
    pseudo = array(model.prior.pseudo_inputs())
    q = model.encode(pseudo)["z_3x3_1"]
    mean, log_var = (array(t).reshape(1, 4, -1) for t in (q.mean, q.log_var))
    z = np.random.default_rng(0).standard_normal((5, 1, FIRST)).astype("float32")
    each = norm.logpdf(z, mean, np.exp(0.5 * log_var)).sum(-1)
    expected = logsumexp(each, axis=1) - np.log(4)
    got = model.make_prior().log_prob(ops.convert_to_tensor(z[:, 0]))
    np.testing.assert_allclose(array(got), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "prior, options, said",
    [
        (lambda: zoo.priors.Flow(5), {}, "must be of 18 latent dimensions"),
        (PRIORS["vamp"], {"num_classes": 3}, "needs labels"),
        (PRIORS["label_normal"], {}, "labels have none"),
        (PRIORS["flow"], {"objective": zoo.objectives.ELBO(free_bits=0.1)}, "Flow"),
    ],
)
def test_priors_that_do_not_fit_are_refused(prior, options, said):
    with pytest.raises(ValueError, match=said):
        make(prior(), **options)
