"""Streams of batches, each of which is checked before a step sees it."""

import itertools
import sys

import keras
import numpy as np

from zoo import validation


class BatchCheck:
    """Checks batches for one model, and completes them for Keras.

    Args:
        image_shape: (H, W, C) of the model.
        check_labels: function of labels and their number.
        argument: what the stream was given as, for errors.
        errors: list that every refusal is added to. What Keras makes of an exception
            in a stream differs by backend: `plain_error` finds the first one here.
    """

    def __init__(self, image_shape, check_labels, argument, errors):
        self.image_shape = image_shape
        self.check_labels = check_labels
        self.argument = argument
        self.errors = errors

    def __call__(self, batch):
        """The batch as a tuple that every backend takes.

        Raises:
            ValueError, TypeError: one sentence that says what was given and is wanted.
        """
        batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
        try:
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
            images = validation.check_images(images, self.image_shape, self.argument)
            if self.check_labels is not None:
                self.check_labels(without_placeholder(labels), len(images))
        except (TypeError, ValueError) as error:
            self.errors.append(error)
            raise
        if len(batch) == 3:
            batch = batch[0], placeholder_labels(labels, weights), weights
        return batch

    def __getstate__(self):
        # To another process go no models: labels are left to the step.
        return {**vars(self), "check_labels": None, "errors": []}


def opened(data, check):
    """The batches of `data`, each checked as it comes and the first one at once.

    Args:
        data: PyDataset, iterator, tf.data.Dataset or torch DataLoader.
        check: a `BatchCheck`.

    Returns:
        A stream of a kind that Keras knows, with no batch lost.

    Raises:
        ValueError, TypeError: of the first batch, or if there is none.
    """
    if getattr(data, "num_workers", 0):
        # A DataLoader's processes, started for one batch and left alone, may fail.
        empty = hasattr(data.dataset, "__len__") and len(data) == 0
    else:
        batch, data = _first_batch(data)
        empty = batch is None
        if not empty:
            check(batch)
    if empty:
        raise ValueError(f"`{check.argument}` must hold at least one batch; got none.")
    return _checked(data, check)


def _first_batch(data):
    """(first batch or None, an equivalent of `data` that still holds that batch)."""
    if isinstance(data, keras.utils.PyDataset):
        return (None if data.num_batches == 0 else data[0]), data
    if hasattr(data, "__next__"):
        batch = next(data, None)
        return batch, (data if batch is None else itertools.chain([batch], data))
    # A tf.data.Dataset or a torch DataLoader: iterating it anew loses nothing.
    return next(iter(data), None), data


def _checked(data, check):
    """`data` with each batch checked; what is unknown is returned as it is."""
    if isinstance(data, keras.utils.PyDataset):
        return CheckedDataset(data, check)
    if hasattr(data, "__next__"):
        # Keras takes generators by their type.
        return (check(batch) for batch in data)
    if _is_a(data, "tensorflow", lambda tf: tf.data.Dataset):
        return _checked_tensorflow_dataset(data, check)
    if _is_a(data, "torch", lambda torch: torch.utils.data.DataLoader):
        return _checked_loader(data, check)
    return data


def _is_a(data, package, kind):
    """Whether `data` is of a class of a package that may not have been imported."""
    module = sys.modules.get(package)
    return module is not None and isinstance(data, kind(module))


class CheckedDataset(keras.utils.PyDataset):
    """A PyDataset whose batches are checked and complete."""

    def __init__(self, data, check):
        super().__init__(
            workers=data.workers,
            use_multiprocessing=data.use_multiprocessing,
            max_queue_size=data.max_queue_size,
        )
        self.data = data
        self.check = check

    def __getitem__(self, index):
        return self.check(self.data[index])

    @property
    def num_batches(self):
        return self.data.num_batches

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()


def _checked_loader(loader, check):
    """A DataLoader that yields the checked batches of another."""
    import torch

    def as_tensor(part):
        return None if part is None else torch.as_tensor(part)

    class CheckedLoader(torch.utils.data.DataLoader):
        def __init__(self):
            # What Keras asks for: the number of batches, and their size.
            self.__dict__.update(vars(loader))

        def __iter__(self):
            return (tuple(map(as_tensor, check(batch))) for batch in loader)

        def __len__(self):
            return len(loader)

    return CheckedLoader()


def _checked_tensorflow_dataset(dataset, check):
    """A dataset whose own graph checks each batch; Python sees suspicious ones alone.

    On suspicion `check` itself decides, which has the sentences.
    """
    import tensorflow as tf

    def report(*batch):
        check(batch)
        return np.int32(0)

    def fine(images, labels):
        pixels = tf.reshape(images, [-1])  # half the time of comparing each
        # NaN propagates through min and max, and fails every comparison.
        yield (tf.reduce_min(pixels) >= 0) & (tf.reduce_max(pixels) <= 1)
        yield tf.size(images) > 0
        yield tf.reduce_all(tf.equal(tf.shape(images)[1:], check.image_shape))
        if labels is not None and (labels.dtype.is_floating or labels.dtype.is_integer):
            numbers = tf.cast(labels, "float32")
            yield tf.reduce_all(tf.abs(numbers) < float("inf"))
            num_classes = getattr(
                getattr(check.check_labels, "__self__", None), "num_classes", None
            )
            if num_classes is not None:
                yield tf.reduce_all((numbers >= 0) & (numbers < num_classes))

    def map_batch(*batch):
        images, *rest = batch
        if images.dtype == tf.bool or images.shape.rank is None:
            return batch
        labels = without_placeholder(rest[0]) if rest else None
        with tf.control_dependencies(
            [
                tf.cond(
                    tf.reduce_all(tf.stack(list(fine(images, labels)))),
                    lambda: tf.constant(0),
                    lambda: tf.numpy_function(report, batch, tf.int32),
                )
            ]
        ):
            return (tf.ensure_shape(images, (None, *check.image_shape)), *rest)

    return dataset.map(map_batch)


def placeholder_labels(labels, sample_weight):
    """Labels of width 0 where there are weights but no labels.

    Keras drops the weights of arrays that come without labels.
    """
    if labels is None and sample_weight is not None:
        return np.zeros((len(sample_weight), 0), "float32")
    return labels


def without_placeholder(labels):
    """None for the labels that `placeholder_labels` made up."""
    shape = getattr(labels, "shape", ())
    return None if len(shape) == 2 and shape[1] == 0 else labels
