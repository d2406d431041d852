"""ConditionalVAE: labels in every form, the learned prior, Bayes' rule."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import (
    LOGS,
    SHAPE,
    array,
    first_everywhere,
    quick_compile,
    random_weights,
)

import zoo
from zoo.distributions import DiagonalNormal, kl_divergence, kl_per_unit
from zoo.evaluation.latents import kl_per_latent

once = pytest.mark.one_backend(
    "labels become vectors that the ELBO is tried with on every backend"
)

NETWORKS = {
    "dense": {"hidden_units": (4,)},
    "conv": {"filters": (2, 3), "blocks_per_stage": 1, "hidden_units": 4},
}


def make_conditional(networks="dense", num_classes=3, **options):
    """A small model; `num_classes` None makes one of attributes."""
    options = {**NETWORKS[networks], "seed": 0, "name": "vae", **options}
    return zoo.ConditionalVAE(SHAPE, 2, num_classes, networks=networks, **options)


@pytest.fixture
def labels():
    return np.arange(64) % 3


@pytest.mark.parametrize("networks", first_everywhere(NETWORKS, once))
@pytest.mark.parametrize("prior", ("standard_normal", "label_normal", "label_flow"))
def test_fit_lowers_the_loss_and_the_label_matters(images, labels, networks, prior):
    # Bright where the label is 1: the label alone says a lot.
    x = (images * (labels == 1)[:, None, None, None]).astype("float32")
    model = make_conditional(networks, prior=prior)
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(x, labels, epochs=30, batch_size=16, verbose=0).history
    assert set(history) == LOGS
    assert history["loss"][-1] < history["loss"][0] - 5
    right = model.elbo(x, labels, seed=0)["elbo"]
    wrong = model.elbo(x, (labels + 1) % 3, seed=0)["elbo"]
    assert right.mean() > wrong.mean() + 1
    bright, dark = (model.sample(200, label, seed=0).mean() for label in (1, 0))
    assert bright > 1.5 * dark


def test_kl_of_latents_adds_up_to_that_of_the_learned_prior(images, labels):
    model = make_conditional(prior="label_normal")
    random_weights(model, seed=1)
    kl = kl_per_latent(model, images, labels)
    whole = model.elbo(images, labels, seed=0)["kl"].mean()
    assert kl.sum() == pytest.approx(whole, rel=1e-5)
    posterior = model.encode(images, labels)
    assert array(posterior.kl()).mean() == pytest.approx(whole, rel=1e-5)
    to_normal = array(posterior.kl(zoo.priors.StandardNormal()))
    assert abs(whole - to_normal.mean()) > 0.1


def test_elbo_is_that_of_the_label_vectors_written_out(images, labels):
    """The dense network in NumPy, a one-hot label beside pixels and latents."""
    model = make_conditional(prior="label_normal", activation="tanh")
    w = random_weights(model, seed=1)
    x, noise = images[:5], np.random.default_rng(0).standard_normal((2, 5, 2))
    y = np.eye(3)[labels[:5]]
    terms = model.elbo_terms(
        ops.convert_to_tensor(x), labels[:5], noise=ops.cast(noise, "float32")
    )

    def dense(name, inputs):
        return inputs @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    hidden = np.tanh(dense("encoder/stack/hidden_0", np.c_[x.reshape(5, -1), y]))
    mean, log_var = np.split(dense("encoder/head", hidden), 2, axis=1)
    z = mean + np.exp(log_var / 2) * noise
    prior_mean = y @ w["label_normal/mean"]
    prior_log_var = y @ w["label_normal/log_var"]
    for draw in range(2):
        logits = dense(
            "decoder/head",
            np.tanh(dense("decoder/stack/hidden_0", np.c_[z[draw], y])),
        )
        pixels = x.reshape(5, -1)
        expected = np.sum(pixels * logits - np.logaddexp(0, logits), axis=1)
        np.testing.assert_allclose(
            array(terms.log_likelihood)[draw], expected, rtol=2e-5
        )
        squared = (z[draw] - prior_mean) ** 2 / np.exp(prior_log_var)
        log_prior = -0.5 * np.sum(squared + prior_log_var + np.log(2 * np.pi), axis=1)
        np.testing.assert_allclose(
            array(terms.group.prior.log_prob(terms.group.z))[draw], log_prior, rtol=2e-5
        )
    difference = (mean - prior_mean) ** 2 / np.exp(prior_log_var)
    ratio = log_var - prior_log_var
    kl = 0.5 * np.sum(difference + np.exp(ratio) - 1 - ratio, axis=1)
    np.testing.assert_allclose(array(terms.kl), kl, rtol=2e-5)


@once
def test_kl_between_gaussians_matches_sampling():
    rng = np.random.default_rng(0)
    mean, log_var, prior_mean, prior_log_var = rng.normal(size=(4, 3, 2))
    posterior = DiagonalNormal(mean, log_var)
    prior = DiagonalNormal(prior_mean, prior_log_var)
    noise = ops.convert_to_tensor(rng.standard_normal((200_000, 3, 2)), "float32")
    z = posterior.from_noise(noise)
    sampled = array(posterior.log_prob(z) - prior.log_prob(z)).mean(axis=0)
    exact = array(kl_divergence(posterior, prior))
    np.testing.assert_allclose(sampled, exact, atol=0.03)
    assert np.all(array(kl_per_unit(posterior, prior)) >= 0)


@once
def test_learned_prior_starts_as_standard_normal():
    plain, learned = make_conditional(), make_conditional(prior="label_normal")
    labels = np.array([0, 2, 1])
    np.testing.assert_allclose(
        learned.sample(3, labels, seed=0), plain.sample(3, labels, seed=0), atol=1e-6
    )
    random_weights(learned, seed=0)
    cold = learned.sample(4, 1, temperature=0.0, seed=0)
    assert np.ptp(cold, axis=0).max() < 1e-6  # the mode of p(z|y=1)
    z = learned.prior.given(learned.label_vectors(np.array([1])))
    mode = learned.decode(z.from_noise(ops.zeros((1, 2))), 1)
    np.testing.assert_allclose(cold[0], array(mode)[0], atol=1e-6)


def test_attributes_condition_as_classes_do(images, labels):
    classes = make_conditional()
    attributes = make_conditional(num_classes=None, num_attributes=3)
    vectors = np.eye(3, dtype="float32")[labels]
    np.testing.assert_allclose(
        attributes.elbo(images, vectors, seed=0)["elbo"],
        classes.elbo(images, labels, seed=0)["elbo"],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        attributes.sample(2, [0.0, 1.0, 0.0], seed=0),
        classes.sample(2, 1, seed=0),
        atol=1e-6,
    )
    with pytest.raises(ValueError, match="classify"):
        attributes.classify(images)


@once
def test_one_label_serves_all_samples_and_latents():
    model = make_conditional()
    z = np.random.default_rng(0).standard_normal((4, 2), dtype="float32")
    for label in (2, np.int64(2), 2.0, [2, 2, 2, 2]):
        np.testing.assert_array_equal(
            array(model.decode(z, label)), array(model.decode(z, [2] * 4))
        )
        np.testing.assert_array_equal(
            model.sample(4, label, seed=1), model.sample(4, [2] * 4, seed=1)
        )
    # The first samples stay when more are asked for.
    np.testing.assert_allclose(
        model.sample(9, 2, seed=1)[:4], model.sample(4, 2, seed=1), atol=1e-6
    )


@once
def test_likelihood_of_several_draws_uses_each_images_label(images, labels):
    model = make_conditional()
    random_weights(model, seed=2)
    together = model.log_marginal_likelihood(images, labels, 7, batch_size=5, seed=0)
    for label in range(3):
        # One stream of noise an image, so that a part of them cannot be compared:
        # all images, of which the others' figures are left out.
        alone = model.log_marginal_likelihood(images, label, 7, batch_size=64, seed=0)
        own = labels == label
        np.testing.assert_allclose(together[own], alone[own], rtol=1e-5)


@once
def test_classify_is_bayes_rule(images, labels):
    model = make_conditional()
    random_weights(model, seed=3)
    x = images[:6]
    log_px = model.class_log_likelihoods(x, num_importance_samples=4, seed=0)
    assert log_px.shape == (6, 3)
    likelihood = np.exp(log_px - log_px.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        model.classify(x, num_importance_samples=4, seed=0),
        likelihood / likelihood.sum(axis=1, keepdims=True),
        rtol=1e-9,
    )
    prior = np.array([0.0, 0.25, 0.75])
    joint = likelihood * prior
    np.testing.assert_allclose(
        model.classify(x, prior, num_importance_samples=4, seed=0),
        joint / joint.sum(axis=1, keepdims=True),
        rtol=1e-9,
    )
    for wrong in ([0.5, 0.5], [1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]):
        with pytest.raises(ValueError, match="sum to 1"):
            model.classify(x, wrong)


def test_preset_keeps_labels_and_prior(images, labels, tmp_path):
    model = make_conditional(
        "conv", prior="label_normal", class_names=["a", "b", "c"], likelihood="gaussian"
    )
    random_weights(model, seed=4, scale=0.1)
    model.save_to_preset(tmp_path / "preset")
    again = zoo.from_preset(tmp_path / "preset")
    assert again.class_names == ["a", "b", "c"] and again.num_classes == 3
    np.testing.assert_allclose(
        again.elbo(images, labels, seed=0)["elbo"],
        model.elbo(images, labels, seed=0)["elbo"],
        rtol=1e-6,
    )
    assert zoo.preset_info(tmp_path / "preset")["num_classes"] == 3
    quick_compile(again, "adam")
    again.fit(images, labels, verbose=0)


def test_fit_takes_labels_from_streams_and_beside_weights(images, labels):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            part = slice(16 * index, 16 * index + 16)
            return images[part], labels[part]

    model = make_conditional()
    quick_compile(model, keras.optimizers.SGD(0.0))
    model.fit(Batches(), validation_data=Batches(), verbose=0)
    weights = np.linspace(0, 2, 64, dtype="float32")
    model.fit(
        images,
        labels,
        sample_weight=weights,
        validation_split=0.25,
        batch_size=16,
        verbose=0,
    )
    model.evaluate(images, labels, verbose=0)
    model.train_on_batch(images[:4], labels[:4])


@pytest.mark.parametrize(
    "given, said",
    [
        (None, "needs labels"),
        ([0, 1], "one for each of 4"),
        ([0, 1, 2, 3], "from 0 to 3"),
        ([0, 1, 2, -1], "from -1 to 2"),
        ([0, 1, 2, 0.5], "fractions"),
        ([0, 1, 2, np.nan], "NaN"),
        ([[0, 1], [1, 2]] * 2, r"got shape \(4, 2\)"),
    ],
)
@once
def test_wrong_labels_get_one_sentence(images, given, said):
    model = make_conditional()
    quick_compile(model)
    x = images[:4]
    with pytest.raises(ValueError, match=said):
        model.fit(x, given, verbose=0)
    with pytest.raises(ValueError, match=said):
        model.elbo(x, given)
    with pytest.raises(ValueError, match=said):
        model.sample(4, given)


@once
def test_labels_may_be_names(images):
    names = ["cat", "dog", "owl"]
    model = make_conditional(class_names=names)
    np.testing.assert_array_equal(
        model.sample(2, "dog", seed=0), model.sample(2, 1, seed=0)
    )
    given = np.array(["owl", "Cat"])
    np.testing.assert_array_equal(
        model.sample(2, given, seed=0), model.sample(2, [2, 0], seed=0)
    )
    for one, other in zip(
        model.elbo(images[:2], ["owl", "cat"], seed=0).values(),
        model.elbo(images[:2], [2, 0], seed=0).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    quick_compile(model, "adam")
    model.fit(images[:2], ["owl", "cat"], batch_size=2, verbose=0)
    there = "^`labels` must be numbers or names of classes, cat, dog, owl; got "
    with pytest.raises(ValueError, match=there + r"'dogs' \(did you mean 'dog'\?\)\.$"):
        model.sample(1, "dogs")
    with pytest.raises(
        TypeError, match="^`labels` must be whole numbers from 0 to 2 o"
    ):
        make_conditional().sample(1, "dog")
    with pytest.raises(TypeError, match="^`labels` must be float vectors"):
        make_conditional(num_classes=None, num_attributes=3).sample(1, "dog")
    with pytest.raises(TypeError, match="^`x` must give numbers as labels"):
        model.fit(iter([(images[:2], np.array(["owl", "cat"]))]), verbose=0)


@once
def test_labels_of_the_wrong_kind_are_refused(images):
    model = make_conditional()
    with pytest.raises(TypeError, match="whole numbers from 0 to 2"):
        model.elbo(images[:2], ["a", "b"])
    attributes = make_conditional(num_classes=None, num_attributes=2)
    with pytest.raises(ValueError, match=r"float vectors of shape \(N, 2\)"):
        attributes.elbo(images[:2], [0, 1, 0])
    quick_compile(model)
    with pytest.raises(ValueError, match="needs labels"):
        model.train_on_batch(images[:2])
    # Integers in a column, as CIFAR-10 has them, are as good as any.
    assert model.check_labels([[0], [1]]).tolist() == [0, 1]


@pytest.mark.parametrize(
    "options, said",
    [
        ({"num_classes": None}, "Give `num_classes`, or `num_attributes`"),
        ({"num_attributes": 2}, "one of `num_classes` and `num_attributes`"),
        ({"num_classes": 0}, "`num_classes` must be a whole number >= 1"),
        ({"class_names": ["a"]}, "must name 3 classes; got 1"),
        ({"networks": "deep"}, "must be one of 'conv', 'dense'"),
    ],
)
def test_wrong_arguments_get_one_sentence(options, said):
    with pytest.raises(ValueError, match=said):
        zoo.ConditionalVAE(SHAPE, 2, **{"num_classes": 3, **options})


def test_options_of_other_networks_are_refused():
    with pytest.raises(TypeError, match="dense networks take no `filters`"):
        zoo.ConditionalVAE(SHAPE, 2, 3, filters=(2,))
