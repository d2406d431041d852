"""Streams: every batch is checked, DataLoaders of every kind, and `predict`."""

import keras
import numpy as np
import pytest
from zoo_helpers import (
    BACKEND,
    SHAPE,
    first_everywhere,
    make_dense,
    needs_tensorflow,
    needs_torch,
    quick_compile,
    trainable,
)

import zoo

once = pytest.mark.one_backend("every stream has one bad batch on every backend")

CLASSES = 3


def as_generator(batches):
    return (batch for batch in batches)


class AsPyDataset(keras.utils.PyDataset):
    def __init__(self, batches, **options):
        super().__init__(**options)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def as_pydataset_of_two_threads(batches):
    return AsPyDataset(batches, workers=2, max_queue_size=2)


def as_tf_dataset(batches):
    """Shapes as the pipeline of a folder of images has them: not known."""
    import tensorflow as tf

    def spec(*parts):
        return tf.TensorSpec(
            [None] * np.ndim(parts[0]), keras.backend.standardize_dtype(parts[0].dtype)
        )

    return tf.data.Dataset.from_generator(
        lambda: iter(batches),
        output_signature=keras.tree.map_structure(spec, batches[0]),
    )


def as_loader(batches):
    """Batches made elsewhere; see below for `TensorDataset`s."""
    import torch

    return torch.utils.data.DataLoader(batches, batch_size=None)


STREAMS = {
    "generator": as_generator,
    "PyDataset": AsPyDataset,
    "PyDataset of threads": as_pydataset_of_two_threads,
    "tf.data": pytest.param(as_tf_dataset, marks=needs_tensorflow),
    "DataLoader": pytest.param(as_loader, marks=needs_torch),
}
BAD = {
    "8 bits": (lambda x: x * 255, ValueError, r"\[0, 1\]; got values from 0 to 255"),
    "NaN": (lambda x: np.where(x > 0.5, np.nan, x), ValueError, "NaN or infinite"),
    "shape": (lambda x: x[:, :, :7], ValueError, "images of 8x8 pixels"),
    "empty": (lambda x: x[:0], ValueError, "at least one image"),
    "dtype": (lambda x: x.astype("int32"), TypeError, "got int32"),
    "one image": (lambda x: x[:1], ValueError, "at least 2 images.* a batch of 1"),
}


@pytest.fixture(scope="module")
def one_model():
    # An objective that compares images with each other.
    objective = zoo.objectives.TotalCorrelation(beta=1.0, dataset_size=64)
    model = make_dense(objective=objective)
    quick_compile(model, keras.optimizers.SGD(0.01))
    return model, model.get_weights()


@pytest.fixture
def model(one_model):
    model, first_weights = one_model
    model.set_weights(first_weights)
    return model


@pytest.mark.parametrize(
    "bad",
    first_everywhere(BAD, once),
)
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_later_batch_is_refused_in_one_sentence(stream, bad, images, model):
    spoil, kind, sentence = BAD[bad]
    if bad == "dtype" and stream is as_tf_dataset:
        pytest.skip("of one dtype throughout")
    batches = [images[:16], images[16:32], images[32:48], spoil(images[48:])]
    if stream is not as_loader:
        batches = [(batch,) for batch in batches]
    with pytest.raises(kind, match=sentence) as caught:
        model.fit(stream(batches), verbose=0)
    message = str(caught.value)
    assert message.startswith("`x` must") and "\n" not in message
    assert caught.value.__suppress_context__
    # The model is as the steps before have left it, and useful.
    assert int(model.steps_trained) <= 3
    assert np.all(np.isfinite(model.elbo(images, seed=0)["elbo"]))
    model.fit(images, verbose=0)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_later_batches_are_checked_wherever_streams_go(stream, images, model):
    def batches():
        last = images[48:] * 2
        return stream([(images[:16],), (images[16:32],), (images[32:48],), (last,)])

    if stream is as_loader:
        pytest.skip("batches in tuples")
    with pytest.raises(ValueError, match="`validation_data` must be pixels"):
        model.fit(images, validation_data=batches(), verbose=0)
    model.sample(1)
    for method in (model.evaluate, model.predict):
        with pytest.raises(ValueError, match="`x` must be pixels"):
            method(batches(), verbose=0)
        model.sample(1)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_dictionaries_are_refused_with_what_to_do(stream, images, model):
    batches = [{"image": images[:16], "label": np.zeros(16, "int32")}]
    with pytest.raises(TypeError, match="a dictionary of 'image', 'label': map it"):
        model.fit(stream(batches), verbose=0)


@needs_tensorflow
def test_data_set_of_unknown_shape_trains_and_is_checked(images, model):
    import tensorflow as tf

    def unknown(scale):
        batches = [scale * images[i : i + 16] for i in range(0, 64, 16)]
        return tf.data.Dataset.from_generator(
            lambda: iter(batches), output_types=tf.float32
        )

    model.fit(unknown(1), verbose=0)
    assert int(model.steps_trained) == 4
    with pytest.raises(ValueError, match="`x` must be pixels in"):
        model.fit(unknown(2), verbose=0)


@pytest.mark.skipif(BACKEND == "torch", reason="one step at a time")
@pytest.mark.parametrize("stream", [as_generator, AsPyDataset])
def test_a_bad_batch_inside_of_a_call_of_many_steps(stream, images):
    model = make_dense()
    quick_compile(model, steps_per_execution=4)
    batches = [(images[:16],)] * 6 + [(images[:16] * 2,), (images[:16],)]
    for method in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="`x` must be pixels"):
            method(stream(batches), verbose=0)
        assert np.all(np.isfinite(model.sample(2, seed=0)))
    assert int(model.steps_trained) <= 7  # batches of a PyDataset are shuffled
    model.fit(images, verbose=0)


# Labels.


@pytest.fixture(scope="module")
def conditional():
    model = zoo.ConditionalVAE(SHAPE, 2, CLASSES, hidden_units=(4,), seed=0)
    quick_compile(model)
    return model


@pytest.fixture(scope="module")
def labels():
    return (np.arange(64) % CLASSES).astype("int32")


@pytest.mark.parametrize(
    "stream",
    [
        as_generator,
        AsPyDataset,
        pytest.param(as_tf_dataset, marks=needs_tensorflow),
        pytest.param(as_loader, marks=needs_torch),
    ],
)
def test_labels_of_later_batches_are_checked(stream, images, labels, conditional):
    starts = range(0, 64, 16)
    good = [(images[i : i + 16], labels[i : i + 16]) for i in starts]
    conditional.fit(stream(good), verbose=0)
    bad = [*good[:3], (images[48:], labels[48:] + 1)]
    with pytest.raises(ValueError, match="`labels` must be whole numbers from 0 to 2"):
        conditional.fit(stream(bad), verbose=0)
    given = conditional.predict(stream(good), verbose=0)
    np.testing.assert_allclose(
        given, conditional.reconstruct(images, labels), atol=1e-6
    )


def test_predict_takes_labels_as_fit_does(images, labels, conditional):
    expected = conditional.reconstruct(images, labels)
    assert np.any(np.abs(expected - conditional.reconstruct(images, 0)) > 1e-6)
    for given in (
        conditional.predict(images, labels=labels, batch_size=10, verbose=0),
        conditional.predict((images, labels), 10, verbose=0),
    ):
        assert isinstance(given, np.ndarray)
        np.testing.assert_allclose(given, expected, atol=1e-6)
    with pytest.raises(ValueError, match="needs labels"):
        conditional.predict(images, verbose=0)
    with pytest.raises(ValueError, match="one for each of 64"):
        conditional.predict(images, labels=labels[:3], verbose=0)


def test_predict_refuses_what_is_no_image(images, model):
    with pytest.raises(ValueError, match="takes no labels"):
        model.predict((images, np.zeros(64)), verbose=0)
    with pytest.raises(ValueError, match="rescale"):
        model.predict(images * 255, verbose=0)


# DataLoaders.


@needs_torch
# Keras on TensorFlow starts processes for two batches and leaves them: these may fail.
@pytest.mark.parametrize("workers", [0] if BACKEND == "tensorflow" else [0, 2])
@pytest.mark.parametrize("bare", ["TensorDataset", "own"])
def test_loaders_of_bare_images(bare, workers, images, model):
    from torch.utils.data import DataLoader

    class Own:
        """Images alone, as users write it."""

        def __len__(self):
            return len(images)

        def __getitem__(self, index):
            return images[index]

    data = Own() if bare == "own" else _tensor_dataset(images)
    loader = DataLoader(data, batch_size=20, num_workers=workers)
    history = model.fit(loader, validation_data=loader, epochs=2, verbose=0).history
    assert np.all(np.isfinite(history["loss"] + history["val_loss"]))
    assert int(model.steps_trained) == 8
    logs = model.evaluate(loader, verbose=0, return_dict=True)
    assert logs["active_units"] == model.evaluate(images, verbose=0)[-1]
    np.testing.assert_allclose(
        model.predict(loader, verbose=0), model.reconstruct(images), atol=1e-6
    )


def _tensor_dataset(*arrays):
    import torch

    return torch.utils.data.TensorDataset(*map(torch.as_tensor, arrays))


@needs_torch
def test_loaders_with_labels_and_weights(images, labels, conditional):
    from torch.utils.data import DataLoader

    weights = np.linspace(0, 1, 64, dtype="float32")
    loader = DataLoader(_tensor_dataset(images, labels, weights), batch_size=16)
    first = conditional.get_weights()
    options = {"shuffle": False, "verbose": 0}
    results = []
    for given in (
        {"x": loader},
        {"x": images, "y": labels, "sample_weight": weights, "batch_size": 16},
    ):
        conditional.set_weights(first)
        quick_compile(conditional, keras.optimizers.SGD(0.0))
        conditional.seed_generator.state.assign([0, 0])
        logs = conditional.fit(**given, **options).history
        results.append(logs["loss"] + logs["elbo"])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    shape = conditional.predict(loader, verbose=0).shape
    assert shape == images.shape and len(trainable(conditional)) > 0
