"""Models of few labels: sums over classes, known and unknown labels, `fit`."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import SHAPE, array, gradient, make_dense, quick_compile

import zoo
from zoo.models.unknown_labels import every_class, some_classes

once = pytest.mark.one_backend("terms, training and presets are tried on every backend")

UNKNOWN = -1


def make_semi(latent_dim=2, num_classes=3, networks="dense", **options):
    sizes = {"dense": {"hidden_units": (4,)}, "conv": {"filters": (2, 3)}}
    return zoo.SemiSupervisedVAE(
        SHAPE,
        latent_dim,
        num_classes,
        networks=networks,
        **{**sizes[networks], "seed": 0, "name": "vae", **options},
    )


def make_stacked(latent_dim=2, num_classes=3, base_dim=2, base=None, **options):
    base = base or zoo.DenseVAE(SHAPE, base_dim, hidden_units=(4,), seed=1)
    options = {"hidden_units": (4,), "seed": 0, "name": "vae", **options}
    return zoo.StackedSemiSupervisedVAE(base, latent_dim, num_classes, **options)


def set_weights(model, seed, scale=0.5):
    """Random weights instead of initial ones, which leave biases at 0."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            scale * rng.standard_normal(w.shape) if w.shape else array(w)
            for w in model.weights
        ]
    )


MAKE = {"semi_supervised": make_semi, "stacked": make_stacked}


@pytest.fixture(params=MAKE)
def make(request):
    return MAKE[request.param]


@pytest.fixture
def random_model(make):
    model = make(batch_norm=False)
    set_weights(model, seed=1)
    return model


@pytest.fixture(scope="module")
def blobs():
    """Images of two patterns and noise, their classes, and labels of four of them."""
    rng = np.random.default_rng(0)
    patterns = rng.random((2, *SHAPE)) < 0.5
    y = rng.integers(0, 2, 200)
    x = (patterns[y] ^ (rng.random((200, *SHAPE)) < 0.05)).astype("float32")
    few = np.full(200, UNKNOWN)
    few[:4] = y[:4] = [0, 1, 0, 1]
    x[:4] = patterns[y[:4]]
    return x, y, few


# Sums over classes.


def test_terms_of_unknown_labels_are_means_over_the_classifier(random_model, images):
    x = images[:6]
    probs = random_model.predict_proba(x).astype(np.float64)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    if isinstance(random_model, zoo.StackedSemiSupervisedVAE):
        # It tells classes by a draw: here by next to none.
        flat = random_model.base.encoder.head
        kernel, bias = (array(w) for w in flat.weights)
        half = len(bias) // 2
        kernel[:, half:], bias[half:] = 0, -20
        flat.set_weights([kernel, bias])
        probs = random_model.predict_proba(x).astype(np.float64)
    given = [random_model.elbo(x, label, seed=0) for label in range(3)]
    whole = random_model.elbo(x, seed=0)
    for name in ("log_likelihood", "kl_z"):
        mean = sum(p * each[name] for p, each in zip(probs.T, given, strict=True))
        np.testing.assert_allclose(whole[name], mean, rtol=1e-4)
    label = np.sum(probs * np.log(probs), axis=1) + math.log(3)
    np.testing.assert_allclose(whole["kl_label"], label, atol=2e-5)
    elbo = sum(p * each["elbo"] for p, each in zip(probs.T, given, strict=True)) - label
    np.testing.assert_allclose(whole["elbo"], elbo, rtol=1e-4)
    assert not any(np.any(each["kl_label"]) for each in given)


def test_known_and_unknown_labels_stand_in_one_batch(random_model, images):
    x, y = images[:4], np.array([2, UNKNOWN, 0, UNKNOWN])
    mixed = random_model.elbo(x, y, seed=0)["elbo"]
    unknown = random_model.elbo(x, seed=0)["elbo"]
    known = random_model.elbo(x, np.abs(y), seed=0)["elbo"]
    np.testing.assert_allclose(mixed, np.where(y < 0, unknown, known), rtol=1e-5)


def grid(points=121, width=6.0):
    """Points and weights of a quadrature with N(0, 1)."""
    z = np.linspace(-width, width, points)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return z.astype("float32"), density * (z[1] - z[0])


def test_likelihood_is_the_sum_over_labels_and_latents(images):
    """log p(x) = log 1/C sum_y integral p(z) p(x|z, y) dz, by quadrature."""
    model = make_semi(latent_dim=1)
    set_weights(model, seed=3, scale=0.25)
    x = images[:3]
    z, weights = grid()
    log_p = np.empty((3, 3))
    for label in range(3):
        p = array(model.decode(z[:, None], label)).astype(np.float64)
        pixels = np.where(x[:, None] > 0.5, p, 1 - p)
        log_px = np.log(pixels).sum(axis=(2, 3, 4))
        log_p[:, label] = np.log(np.exp(log_px) @ weights)
    exact = np.logaddexp.reduce(log_p, axis=1) - math.log(3)
    options = {"num_importance_samples": 4000, "seed": 0}
    found = model.log_marginal_likelihood(x, **options)
    np.testing.assert_allclose(found, exact, atol=0.08)
    of_label = model.log_marginal_likelihood(x, [0, 2, UNKNOWN], **options)
    wanted = [log_p[0, 0], log_p[1, 2], exact[2]]
    np.testing.assert_allclose(of_label, wanted, atol=0.08)
    assert np.all(model.elbo(x, seed=0)["elbo"].mean() < exact.mean())


def test_likelihood_of_a_stack_is_the_sum_over_all_its_latents(images):
    model = make_stacked(latent_dim=1, base_dim=1, batch_norm=False)
    set_weights(model, seed=3, scale=0.25)
    x = images[:3]
    z, weights = grid(81)
    rows = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel()
    log_p = np.empty((3, 3))
    for label in range(3):
        p = array(model.decode(rows, label)).astype(np.float64)
        log_px = np.stack(
            [np.log(np.where(one > 0.5, p, 1 - p)).sum(axis=(1, 2, 3)) for one in x]
        )
        log_p[:, label] = np.log(np.exp(log_px) @ weights)
    exact = np.logaddexp.reduce(log_p, axis=1) - math.log(3)
    options = {"num_importance_samples": 4000, "seed": 0}
    found = model.log_marginal_likelihood(x, **options)
    np.testing.assert_allclose(found, exact, atol=0.08)
    found = model.log_marginal_likelihood(x, 1, **options)
    np.testing.assert_allclose(found, log_p[:, 1], atol=0.08)


@pytest.mark.parametrize("number", (2, 3))
@once
def test_some_classes_stand_for_all_on_average(number):
    logits = np.array([0.3, -0.5, 1.0, 0.1, -1.2], "float32")
    values = np.array([3.0, -1.0, 0.5, 2.0, 7.0], "float32")
    count = 20_000
    labels = ops.full((count,), UNKNOWN, "int32")

    def mean_of(look):
        def mean(logits):
            rows = ops.broadcast_to(ops.log_softmax(logits), (count, 5))
            classes, weights, _ = look(rows)
            return ops.sum(weights * ops.take(values, classes)) / count

        return mean

    exact = mean_of(lambda rows: every_class(rows, labels))
    some = mean_of(
        lambda rows: some_classes(rows, labels, number, keras.random.SeedGenerator(0))
    )
    tensor = ops.convert_to_tensor(logits)
    # The standard error of one draw is about 2 / sqrt(20,000).
    assert float(some(tensor)) == pytest.approx(float(exact(tensor)), abs=0.04)
    np.testing.assert_allclose(
        gradient(some, logits), gradient(exact, logits), atol=0.05
    )


@once
def test_a_known_class_is_all_that_counts_among_some_classes():
    log_probs = ops.log_softmax(ops.convert_to_tensor([[5.0, 0.0, 0.0, 0.0]] * 2))
    labels = ops.convert_to_tensor(np.array([3, 0], "int32"))
    seed = keras.random.SeedGenerator(0)
    classes, weights, _ = some_classes(log_probs, labels, 2, seed)
    np.testing.assert_array_equal(array(classes)[0], [3, 0])
    np.testing.assert_array_equal(array(weights), [[1, 1], [0, 0]])


# Training.


@pytest.mark.parametrize("kind", ("dense", "conv", "some classes", "stacked"))
def test_four_labels_are_enough_for_two_patterns(blobs, kind):
    x, y, few = blobs
    options = {"num_classes": 2, "labelled_share": 0.3}
    if kind == "stacked":
        base = make_dense(hidden_units=(16,))
        quick_compile(base, keras.optimizers.Adam(0.02))
        base.fit(x, batch_size=20, epochs=12, verbose=0)
        model = make_stacked(base=base, hidden_units=(16,), **options)
        before = [np.array(array(w)) for w in model.base.weights]
    else:
        networks = "conv" if kind == "conv" else "dense"
        if kind == "some classes":
            options.update(num_classes=3, num_summed_classes=2)
        model = make_semi(networks=networks, **options)
    quick_compile(model, keras.optimizers.Adam(0.01))
    logs = model.fit(
        x, few, batch_size=20, epochs=12, verbose=0, validation_data=(x[:20], y[:20])
    ).history
    assert {"accuracy", "cross_entropy", "kl_label", "kl_z"} <= set(logs)
    assert logs["loss"][-1] < logs["loss"][0]
    assert logs["val_accuracy"][-1] > 0.9
    told = model.predict_proba(x).argmax(axis=1)
    assert np.mean(told == y) > 0.9
    # What is drawn of a class is more like the images of that class.
    drawn = [model.sample(50, labels=label, seed=0).mean(axis=0) for label in range(2)]
    means = [x[y == label].mean(axis=0) for label in range(2)]
    assert np.sum((drawn[1] - drawn[0]) * (means[1] - means[0])) > 0.5
    if kind == "stacked":  # the base has stayed as it was
        for old, new in zip(before, model.base.weights, strict=True):
            np.testing.assert_array_equal(array(new), old)


@once
def test_how_well_labels_are_told_is_logged_whatever_it_weighs(blobs):
    x, y, _ = blobs
    model = make_semi(num_classes=2, classification_weight=0.0)
    quick_compile(model, "adam")
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    probs = model.predict_proba(x).astype(np.float64)
    told = -np.log(probs[np.arange(len(y)), y]).mean()
    assert logs["cross_entropy"] == pytest.approx(told, rel=1e-3)
    assert logs["accuracy"] == pytest.approx(np.mean(probs.argmax(1) == y))


@once
def test_free_bits_count_the_label_as_one_latent(blobs):
    x, _, few = blobs
    free = zoo.objectives.ELBO(free_bits=0.1)
    model = make_semi(num_classes=2, objective=free)
    quick_compile(model, keras.optimizers.SGD(0.0))
    logs = model.fit(x, few, epochs=1, verbose=0).history
    assert np.isfinite(logs["loss"][0])


@once
def test_images_with_labels_are_repeated(make):
    model = make(labelled_share=0.5)
    labels = np.full(110, UNKNOWN)
    labels[[3, 7]] = 0, 1
    # 108 without a label, and 54 times 2 with one.
    assert model.epoch_length(110, labels) == 216
    assert make(labelled_share=0.0).epoch_length(110, labels) == 110


@once
def test_weights_of_samples_follow_the_images_that_are_repeated(blobs):
    x, _, few = blobs
    model = make_semi(num_classes=2)
    quick_compile(model, keras.optimizers.SGD(0.0))
    nothing = np.zeros(len(x))
    logs = model.fit(x, few, sample_weight=nothing, epochs=1, verbose=0).history
    assert logs["loss"][0] == 0
    nothing[few != UNKNOWN] = 1
    logs = model.fit(x, few, sample_weight=nothing, epochs=1, verbose=0).history
    assert logs["loss"][0] > 0


@once
def test_a_share_is_held_out_before_images_are_repeated(blobs):
    x, _, few = blobs
    model = make_semi(num_classes=2)
    quick_compile(model, "adam")
    logs = model.fit(x, few, 50, 1, validation_split=0.1, verbose=0).history
    assert "val_elbo" in logs
    with pytest.raises(ValueError, match="got none that is known"):
        model.fit(x[::-1], few[::-1], validation_split=0.1, verbose=0)


def test_a_stream_brings_its_own_labels(make, blobs):
    x, _, few = blobs
    model = make(num_classes=2)
    quick_compile(model, "adam")
    batches = [(x[i : i + 50], few[i : i + 50]) for i in range(0, 200, 50)]

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index]

    logs = model.fit(Batches(), epochs=1, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    logs = model.evaluate(x, few, verbose=0, return_dict=True)
    assert 0 <= logs["accuracy"] <= 1


def test_a_base_may_be_trained_along(blobs):
    x, _, few = blobs
    model = make_stacked(num_classes=2)
    model.base.trainable = True
    before = np.array(array(model.base.encoder.head.kernel))
    quick_compile(model, "adam")
    model.fit(x, few, epochs=1, verbose=0)
    assert np.any(array(model.base.encoder.head.kernel) != before)


# What users do with it.


def test_latents_of_a_stack_bring_back_what_its_base_does(images):
    model = make_stacked(batch_norm=False)
    set_weights(model, seed=1)
    x = images[:5]
    posterior = model.encode(x)
    assert set(posterior) == {"z", "features"}
    decoded = model.decode(posterior.mean, model.predict_proba(x).argmax(axis=1))
    np.testing.assert_allclose(array(decoded), model.base.reconstruct(x), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), array(decoded), atol=1e-5)
    by_groups = model.decode(dict(model.split_noise(posterior.mean)), 1)
    assert tuple(by_groups.shape) == x.shape
    assert tuple(posterior.sample(0).shape) == (5, 4)


def test_unknown_labels_are_the_most_probable_where_one_is_needed(random_model, images):
    x = images[:6]
    best = random_model.predict_proba(x).argmax(axis=1)
    for given in (None, np.full(6, UNKNOWN), np.where(np.arange(6) < 3, best, UNKNOWN)):
        np.testing.assert_allclose(
            array(random_model.encode(x, given).mean),
            array(random_model.encode(x, best).mean),
            atol=1e-6,
        )
        np.testing.assert_allclose(
            random_model.reconstruct(x, given),
            random_model.reconstruct(x, best),
            atol=1e-6,
        )


def test_a_preset_and_a_keras_file_are_the_same_model(random_model, images, tmp_path):
    x = images[:5]
    random_model.save_to_preset(tmp_path / "preset")
    random_model.save(tmp_path / "model.keras")
    for other in (
        zoo.from_preset(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        assert type(other) is type(random_model)
        np.testing.assert_array_equal(
            other.predict_proba(x), random_model.predict_proba(x)
        )
        np.testing.assert_array_equal(
            other.sample(3, labels=[0, 1, 2], seed=0),
            random_model.sample(3, labels=[0, 1, 2], seed=0),
        )
        assert other.get_config() == random_model.get_config()


# Bad input.


@pytest.mark.parametrize(
    "labels, words",
    (
        (None, "needs the labels of some images to learn from"),
        (np.full(200, UNKNOWN), "got none that is known"),
        (np.where(np.arange(200) < 5, 1, UNKNOWN), "got those of class 1 alone"),
        (np.full(200, 3), "or -1 where one is not known; got values from 3 to 3"),
        (np.full(200, -2), "got values from -2 to -2"),
        (np.zeros(7), "one for each of 200"),
        (np.full(200, 0.5), "got fractions"),
        (np.array(["a"] * 200), "must be whole numbers"),
    ),
)
@once
def test_labels_that_nothing_can_be_learned_from_are_refused(
    make, blobs, labels, words
):
    model = make()
    quick_compile(model, "adam")
    with pytest.raises((ValueError, TypeError), match=words):
        model.fit(blobs[0], labels, verbose=0)


def test_what_makes_images_of_labels_needs_them(random_model):
    with pytest.raises(ValueError, match="needs labels beside the images"):
        random_model.sample(2)
    with pytest.raises(ValueError, match="got values from -1 to -1"):
        random_model.sample(2, labels=UNKNOWN)
    size = sum(spec.size for spec in random_model.latents)
    with pytest.raises(ValueError, match="needs labels"):
        random_model.decode(np.zeros((2, size), "float32"))


@pytest.mark.parametrize(
    "options, words",
    (
        ({"classification_weight": -1.0}, "`classification_weight` must be"),
        ({"labelled_share": 1.0}, "`labelled_share` must be a share"),
        ({"num_summed_classes": 1}, "`num_summed_classes` must be"),
        ({"num_classes": 0}, "`num_classes` must be"),
        ({"objective": "dip_ii"}, "`objective` must be a zoo.objectives.ELBO"),
        ({"beta": (1.0, 1.0)}, "one weight"),
    ),
)
@once
def test_arguments_out_of_range_are_refused(make, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make(**options)


@once
def test_a_base_is_copied_without_its_prior(images):
    base = make_dense(prior="flow")
    set_weights(base, seed=1)
    model = make_stacked(base=base)
    assert model.count_params() < base.count_params()
    assert base.trainable and not model.base.trainable
    np.testing.assert_array_equal(model.reconstruct(images), base.reconstruct(images))


def test_a_base_must_have_one_vector_and_no_labels():
    for base in (
        zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,)),
        zoo.HierarchicalVAE(SHAPE, ((4, 1, 2),), filters=4),
        keras.Sequential([keras.layers.Dense(2)]),
    ):
        with pytest.raises(TypeError, match="`base` must be a model of the zoo"):
            zoo.StackedSemiSupervisedVAE(base, 2, 3)


def test_batch_norm_follows_the_batch_in_training_alone(grey):
    model = zoo.DenseVAE(SHAPE, 2, hidden_units=(4,), batch_norm=True, seed=0)
    assert model.get_config()["batch_norm"] is True
    assert "batch_norm" not in make_dense().get_config()
    one, all_ = model.reconstruct(grey[:1]), model.reconstruct(grey)
    np.testing.assert_allclose(one, all_[:1], atol=1e-6)
    norm = model.encoder.stack.norms[0]
    before = np.array(array(norm.moving_mean))
    quick_compile(model, "adam")
    model.fit(grey, epochs=1, verbose=0)
    assert np.any(array(norm.moving_mean) != before)
