"""Images that are read batch by batch train, and are scored, as those in memory."""

import keras
import numpy as np
import pytest
from zoo_helpers import BACKEND, SHAPE, make_dense, quick_compile, trainable

import zoo

QUIET = {"batch_size": 16, "verbose": 0}


class Rows:
    """An array's rows that nobody takes for an array."""

    def __init__(self, images):
        self.images = images
        self.shape, self.dtype = images.shape, images.dtype

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        assert np.size(self.images[index]) <= 40 * np.prod(self.shape[1:])
        return self.images[index]


class Dimmed(Rows):
    """Rows that training sees darker, each by another factor."""

    def draw(self, index, rng):
        factors = rng.uniform(0.5, 1, (len(index), 1, 1, 1))
        return (self[index] * factors).astype("float32")


class SeedEveryEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        keras.utils.set_random_seed(7 + epoch)


def fitted(images, labels=None, **options):
    """(weights, history) of a small model after two epochs."""
    model = make_dense()
    if labels is not None:
        model = zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,), seed=0)
    steps = 1 if BACKEND == "torch" else 2
    quick_compile(model, "adam", steps_per_execution=steps)
    options = {"epochs": 2, "callbacks": [SeedEveryEpoch()], **QUIET, **options}
    history = model.fit(images, labels, **options).history
    return model.get_weights(), history


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(2).random((40, *SHAPE), dtype="float32")


@pytest.mark.parametrize("beside", ["nothing", "labels", "weights"])
def test_training_is_that_on_an_array(x, beside):
    labels = np.arange(40) % 3 if beside == "labels" else None
    options = {"sample_weight": np.linspace(0, 1, 40)} if beside == "weights" else {}
    given = x[:9] if labels is None else (x[:9], labels[:9])
    same = Rows(x[:9]) if labels is None else (Rows(x[:9]), labels[:9])
    weights, history = fitted(x, labels, validation_data=given, **options)
    others, told = fitted(Rows(x), labels, validation_data=same, **options)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    for name in ("elbo", "val_elbo"):
        np.testing.assert_allclose(history[name], told[name], rtol=1e-5)


def test_what_training_draws_depends_on_the_seed_alone(x):
    dimmed, _ = fitted(Dimmed(x))
    again, _ = fitted(Dimmed(x))
    for one, other in zip(dimmed, again, strict=True):
        np.testing.assert_array_equal(one, other)
    plain, _ = fitted(Rows(x))
    assert max(np.abs(a - b).max() for a, b in zip(dimmed, plain, strict=True)) > 1e-4


def test_every_epoch_draws_anew(x):
    seen = []

    class Watched(Dimmed):
        def draw(self, index, rng):
            images = super().draw(index, rng)
            seen.append((np.array(index), images / self[index]))
            return images

    model = make_dense()
    quick_compile(model, "adam")
    model.fit(Watched(x), epochs=2, **QUIET)
    # Batches were looked at before: the last two times three are those trained on.
    orders, factors = (
        [np.concatenate(three) for three in (parts[-6:-3], parts[-3:])]
        for parts in zip(*seen, strict=True)
    )
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(40))
    assert not np.array_equal(*orders)
    one, other = (
        part[np.argsort(order), 0, 0, 0]
        for part, order in zip(factors, orders, strict=True)
    )
    assert not np.allclose(one, other)
    seen.clear()
    model.fit(Watched(x), epochs=1, shuffle=False, **QUIET)
    np.testing.assert_array_equal(
        np.concatenate([order for order, _ in seen[-3:]]), np.arange(40)
    )


def test_figures_are_those_of_an_array(model, x):
    rows = Rows(x)
    np.testing.assert_array_equal(model.reconstruct(rows), model.reconstruct(x))
    for name, values in model.elbo(x, seed=0).items():
        np.testing.assert_array_equal(model.elbo(rows, seed=0)[name], values)
    np.testing.assert_array_equal(
        *(model.log_marginal_likelihood(i, None, 3, seed=0) for i in (rows, x))
    )
    # A method that needs all of them reads them.
    np.testing.assert_array_equal(
        *(np.asarray(model.encode(i).mean) for i in (rows, x))
    )


def test_evaluate_takes_rows(compiled_model, x):
    keras.utils.set_random_seed(0)
    figures = [
        compiled_model.evaluate(i, batch_size=40, verbose=0, return_dict=True)["kl"]
        for i in (Rows(x), x)
    ]
    assert figures[0] == pytest.approx(figures[1], rel=1e-5)


@pytest.mark.one_backend("training on rows is tried on every backend")
def test_prior_of_codes_is_trained_on_rows():
    images = np.random.default_rng(0).random((20, *SHAPE), dtype="float32")
    weights = []
    for given in (images, Rows(images)):
        prior = zoo.CodePrior(4, (2, 2), width=8, num_layers=1, num_heads=1, seed=0)
        options = {"filters": (4, 8), "blocks_per_stage": 0, "seed": 0}
        vae = zoo.VQVAE(SHAPE, 4, 2, prior=prior, **options)
        keras.utils.set_random_seed(0)
        vae.fit_prior(given, epochs=1, **QUIET)
        weights.append(prior.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "change, labels, options, sentence",
    [
        (lambda x: x[:, :7], None, {}, "`x` must be images of 8x8 pixels"),
        (lambda x: (255 * x).astype("uint8"), None, {}, "`x` must be float32 pixels"),
        (lambda x: x, np.zeros(40), {}, "takes no labels"),
        (lambda x: x, None, {"validation_split": 0.1}, "`validation_split` needs arr"),
        (
            lambda x: x,
            None,
            {"sample_weight": [1, 2]},
            "`sample_weight` must be one fo",
        ),
    ],
)
def test_wrong_rows_are_one_sentence(
    compiled_model, x, change, labels, options, sentence
):
    with pytest.raises((ValueError, TypeError), match=sentence):
        compiled_model.fit(Rows(change(x)), labels, **QUIET, **options)


def test_a_late_pixel_that_is_none_stops_training(x):
    broken = x.copy()
    broken[33] = np.nan
    model = make_dense()
    quick_compile(model, "adam")
    with pytest.raises(ValueError, match="`x` must be finite pixels in"):
        model.fit(Rows(broken), shuffle=False, **QUIET)
    with pytest.raises(ValueError, match="`x` must be finite pixels in"):
        model.reconstruct(Rows(broken))
    assert all(np.all(np.isfinite(values)) for values in trainable(model))


def test_steps_without_a_size_of_batches_are_all_images(x):
    model = make_dense()
    model.compile("adam")
    assert model.predict(x, steps=1, verbose=0).shape == x.shape
    whole = model.evaluate(x, batch_size=40, verbose=0, return_dict=True)
    seen = model.evaluate(x, steps=1, verbose=0, return_dict=True)
    assert seen["kl"] == pytest.approx(whole["kl"], rel=1e-4)
    options = {"validation_data": x, "validation_steps": 1, "verbose": 0}
    history = model.fit(x, **options).history
    seen = model.evaluate(x, batch_size=40, verbose=0, return_dict=True)
    assert history["val_kl"][0] == pytest.approx(seen["kl"], rel=1e-4)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of tf.data")
@pytest.mark.parametrize("given", ["array", "evaluated", "rows"])
def test_no_epoch_waits_for_the_tuner(x, given):
    from zoo.training.ordering import with_seeded_order
    from zoo.training.rows import RowBatches

    model = make_dense()
    if given == "array":
        data = with_seeded_order({"x": x, "batch_size": 16})["x"]
    elif given == "evaluated":
        data, _, _ = model.in_shares(x, None, None, 16, "test")
    else:
        batches = RowBatches(Rows(x), None, None, 16, None)
        adapter, _, _ = model.in_shares(batches, None, None, None, "train")
        data = adapter.get_tf_dataset()
    # Two epochs of the dense model, of 0.9 s each, took 6.2 s with it.
    assert data.options().autotune.enabled is False
