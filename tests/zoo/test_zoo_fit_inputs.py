"""Every form in which `fit` takes images, weights and validation images."""

import keras
import numpy as np
import pytest
from zoo_helpers import (
    BACKEND,
    LOGS,
    NoiselessVAE,
    make_dense,
    needs_tensorflow,
    needs_torch,
    quick_compile,
    trainable,
)

once = pytest.mark.one_backend("every form of images trains on every backend")

BATCH = 16
ORDERED = {"shuffle": False, "verbose": 0}


class Batches(keras.utils.PyDataset):
    """Images in batches, with weights if they are given."""

    def __init__(self, x, weights=None):
        super().__init__()
        self.x, self.weights = x, weights

    def __len__(self):
        return -(-len(self.x) // BATCH)

    def __getitem__(self, index):
        part = slice(index * BATCH, (index + 1) * BATCH)
        if self.weights is None:
            return (self.x[part],)
        weights = self.weights[part]
        # Keras on TensorFlow takes no None inside a stream.
        labels = np.zeros((len(weights), 0)) if BACKEND == "tensorflow" else None
        return self.x[part], labels, weights


def generator(x, tuples=False):
    while True:
        for start in range(0, len(x), BATCH):
            batch = x[start : start + BATCH]
            yield (batch,) if tuples else batch


def tf_dataset(x):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(x).batch(BATCH)


def data_loader(x):
    import torch

    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x))
    return torch.utils.data.DataLoader(dataset, batch_size=BATCH)


STREAMS = [
    pytest.param(tf_dataset, id="tf.data", marks=needs_tensorflow),
    pytest.param(data_loader, id="DataLoader", marks=needs_torch),
    pytest.param(Batches, id="PyDataset"),
]


@pytest.fixture(scope="module")
def x(images):
    """50 images: three full batches and a small one."""
    return images[:50]


@pytest.fixture(scope="module")
def one_model():
    """(model, its first weights); compiled once for the whole module."""
    model = make_dense(NoiselessVAE)
    quick_compile(model, keras.optimizers.SGD(0.01))
    return model, model.get_weights()


@pytest.fixture
def model(one_model):
    """A deterministic model, as new."""
    model, first_weights = one_model
    model.set_weights(first_weights)
    return model


@pytest.fixture
def fit(one_model):
    """Trains a model as new: (its weights, history)."""
    model, first_weights = one_model

    def fit(*args, **options):
        model.set_weights(first_weights)
        history = model.fit(*args, **{**ORDERED, **options}).history
        return trainable(model), history

    return fit


@pytest.fixture(scope="module")
def by_array(x, one_model):
    """(weights, history) after two epochs on an array, in the array's order."""
    model, first_weights = one_model
    model.set_weights(first_weights)
    history = model.fit(x, batch_size=BATCH, epochs=2, **ORDERED).history
    assert set(history) == LOGS
    weights = trainable(model)
    assert np.max(np.abs(weights[0] - first_weights[1])) > 1e-3  # it moved
    return weights, history


def check_same(one, other, names=("loss", "elbo", "kl", "reconstruction")):
    """Compares (weights, history) of two runs."""
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)
    assert set(one[1]) == set(other[1])
    for name in names:
        np.testing.assert_allclose(one[1][name], other[1][name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stream", STREAMS)
def test_streams_train_as_arrays_do(x, fit, by_array, stream):
    check_same(fit(stream(x), epochs=2), by_array)


@pytest.mark.parametrize("tuples", [False, True], ids=["arrays", "tuples"])
def test_generators_train_as_arrays_do_without_losing_a_batch(x, fit, by_array, tuples):
    check_same(fit(generator(x, tuples), steps_per_epoch=4, epochs=2), by_array)


def test_finite_generator_gives_one_epoch(x, model):
    batches = (x[i : i + BATCH] for i in range(0, 50, BATCH))
    before = int(model.optimizer.iterations)
    model.fit(batches, verbose=0)
    assert int(model.steps_trained) == int(model.optimizer.iterations) - before == 4


@pytest.mark.parametrize(
    "form",
    [
        keras.ops.convert_to_tensor,
        np.ndarray.tolist,
        lambda x: x.astype("float64"),
        lambda x: x.astype(bool),
    ],
    ids=["tensor", "list", "float64", "bool"],
)
@once
def test_arrays_of_other_kinds_train_as_float32_does(x, fit, by_array, form):
    check_same(fit(form(x), batch_size=BATCH, epochs=2), by_array)


def test_training_leaves_the_callers_array_alone(x, fit):
    before = x.copy()
    fit(x, batch_size=BATCH)
    np.testing.assert_array_equal(x, before)


# Sample weights.


def test_images_of_weight_zero_do_not_move_the_model(x, fit):
    weights = np.tile([1.0, 0.0, 2.0, 0.0, 1.0], 10).astype("float32")
    junk = x.copy()
    junk[weights == 0] = 1 - junk[weights == 0]
    options = {"sample_weight": weights, "batch_size": BATCH}
    check_same(fit(x, **options), fit(junk, **options))


def test_no_weight_at_all_is_no_training(x, fit, one_model):
    weights, history = fit(x, sample_weight=np.zeros(50, "float32"), batch_size=BATCH)
    assert history["loss"] == [0]
    one_model[0].set_weights(one_model[1])
    for a, b in zip(weights, trainable(one_model[0]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_scale_each_images_loss(x, model):
    terms = model.elbo_terms(keras.ops.convert_to_tensor(x))
    per_image = -keras.ops.convert_to_numpy(terms.elbo)
    weights = np.random.default_rng(0).random(50, dtype="float32")
    expected = {
        "loss": np.mean(weights * per_image),
        "elbo": -np.sum(weights * per_image) / np.sum(weights),
    }
    for logs in (
        model.evaluate(x, sample_weight=weights, verbose=0, return_dict=True),
        model.evaluate(Batches(x, weights), verbose=0, return_dict=True),
        model.test_on_batch(x, sample_weight=weights, return_dict=True),
        model.train_on_batch(x, sample_weight=weights, return_dict=True),
    ):
        for name, value in expected.items():
            assert logs[name] == pytest.approx(value, rel=1e-5)


def test_weights_of_streams_are_those_of_arrays(x, fit):
    weights = np.random.default_rng(0).random(50, dtype="float32")
    by_array = fit(x, sample_weight=weights, batch_size=BATCH)
    check_same(fit(Batches(x, weights)), by_array)


# Validation.

FORMS = [
    *STREAMS,
    pytest.param(lambda x: x, id="array"),
    pytest.param(lambda x: (x,), id="tuple"),
    pytest.param(keras.ops.convert_to_tensor, id="tensor"),
]


@pytest.fixture(scope="module")
def after_training(x, by_array, one_model):
    """What `evaluate` says of the model that two epochs on an array give."""
    model, first_weights = one_model
    model.set_weights(first_weights)
    model.fit(x, batch_size=BATCH, epochs=2, **ORDERED)
    return model.evaluate(x, batch_size=BATCH, verbose=0, return_dict=True)


def check_validation(history, after_training, names=LOGS):
    assert set(history) == LOGS | {f"val_{name}" for name in LOGS}
    for name in names:
        given = history[f"val_{name}"][-1]
        assert given == pytest.approx(after_training[name], rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
@once
def test_validation_data_in_every_form(x, fit, after_training, form):
    _, history = fit(
        x,
        batch_size=BATCH,
        epochs=2,
        validation_data=form(x),
        validation_batch_size=None if form in STREAM_FORMS else BATCH,
    )
    check_validation(history, after_training)


STREAM_FORMS = (tf_dataset, data_loader, Batches)


def test_validation_data_from_a_generator(x, fit, model):
    # One epoch: Keras replays a generator's first batches in every validation.
    options = {"validation_data": generator(x), "validation_steps": 4}
    _, history = fit(x, batch_size=BATCH, **options)
    after = model.evaluate(x, batch_size=BATCH, verbose=0, return_dict=True)
    check_validation(history, after)


def test_validation_data_with_weights(x, fit, after_training):
    # Junk that weighs nothing, after what counts.
    both = np.concatenate([x, 1 - x])
    weights = np.repeat([1.0, 0.0], 50).astype("float32")
    _, history = fit(
        x,
        batch_size=BATCH,
        epochs=2,
        validation_data=(both, None, weights),
        validation_batch_size=25,
    )
    check_validation(history, after_training, ("elbo", "kl", "reconstruction"))
    assert history["val_loss"][-1] == pytest.approx(
        after_training["loss"] / 2, rel=1e-4
    )


def test_validation_split_takes_the_last_images_and_their_weights(images, fit):
    weights = np.random.default_rng(0).random(64, dtype="float32")
    options = {"batch_size": BATCH, "validation_batch_size": BATCH}
    split = fit(images, sample_weight=weights, validation_split=0.25, **options)
    given = fit(
        images[:48],
        sample_weight=weights[:48],
        validation_data=(images[48:], None, weights[48:]),
        **options,
    )
    names = ("loss", "elbo", "val_loss", "val_elbo", "val_kl")
    check_same(split, given, names)


@pytest.mark.parametrize("stream", [*STREAMS, pytest.param(generator, id="generator")])
@once
def test_evaluate_takes_every_stream(x, model, stream):
    expected = model.evaluate(x, batch_size=BATCH, verbose=0)
    steps = 4 if stream is generator else None
    given = model.evaluate(stream(x), steps=steps, verbose=0)
    np.testing.assert_allclose(given, expected, rtol=1e-5)
