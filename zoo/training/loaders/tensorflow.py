"""Datasets of TensorFlow."""

import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

from zoo.event import Image
from zoo.training.placeholders import without_placeholder


def checked(dataset, check):
    """A dataset whose own graph checks each batch; Python sees suspicious ones alone.

    On suspicion `check` itself decides, which has the sentences.
    """

    of_images = isinstance(check.event, Image)

    def report(*batch):
        check(batch)
        return np.int32(0)

    def fine(images, labels):
        pixels = tf.reshape(images, [-1])  # half the time of comparing each
        # NaN propagates through min and max, and fails every comparison.
        yield (tf.reduce_min(pixels) >= 0) & (tf.reduce_max(pixels) <= 1)
        yield tf.size(images) > 0
        yield tf.shape(images)[0] >= check.least
        yield tf.reduce_all(tf.equal(tf.shape(images)[1:], check.event.shape))
        if labels is not None and (labels.dtype.is_floating or labels.dtype.is_integer):
            numbers = tf.cast(labels, "float32")
            yield tf.reduce_all(tf.abs(numbers) < float("inf"))
            num_classes = getattr(
                getattr(check.check_labels, "__self__", None), "num_classes", None
            )
            if num_classes is not None:
                yield tf.reduce_all((numbers >= 0) & (numbers < num_classes))

    def checked_by_python(batch):
        return tf.numpy_function(report, batch, tf.int32)

    def map_batch(*batch):
        images, *rest = batch
        if images.dtype == tf.bool:
            return batch
        labels = without_placeholder(rest[0]) if rest else None
        if images.shape.rank is None or not of_images:
            done = checked_by_python(batch)
        else:
            done = tf.cond(
                tf.reduce_all(tf.stack(list(fine(images, labels)))),
                lambda: tf.constant(0),
                lambda: checked_by_python(batch),
            )
        with tf.control_dependencies([done]):
            if of_images:
                images = tf.ensure_shape(images, (None, *check.event.shape))
            return (images, *rest)

    return dataset.map(map_batch)


def batches(arrays, batch_size, shuffle=True, least=1):
    """Batches of arrays.

    Args:
        arrays: an array (N, ...), or nested tuples of such.
        batch_size: the last batch may be smaller.
        shuffle: whether numpy's global generator draws an order every epoch.
        least: images that a batch must have: fewer at the end join those before.

    Returns:
        A tf.data.Dataset of as many batches as `keras.Model.fit` would make, or one
        fewer.
    """
    arrays = tf.nest.map_structure(tf.convert_to_tensor, arrays)
    count = len(tf.nest.flatten(arrays)[0])

    def order(_):
        if not shuffle:
            return tf.range(count, dtype=tf.int64)
        drawn = tf.numpy_function(
            lambda: np.random.permutation(count), [], tf.int64, stateful=True
        )
        return tf.ensure_shape(drawn, (count,))

    rest = count % batch_size
    joined = batch_size + rest if 0 < rest < least and count > batch_size else 0

    whole = (count - joined) // batch_size * batch_size

    def split(indices):
        # By batches: one by one, numbers would take as long as a small step.
        rows = tf.reshape(indices[:whole], (-1, batch_size))
        pieces = tf.data.Dataset.from_tensor_slices(rows)
        if whole < count:
            last = tf.data.Dataset.from_tensors(indices[whole:])
            pieces = pieces.concatenate(last)
        return pieces

    def batch(indices):
        return tf.nest.map_structure(lambda array: tf.gather(array, indices), arrays)

    made = tf.data.Dataset.range(1).map(order).flat_map(split).map(batch)
    made = made.apply(
        tf.data.experimental.assert_cardinality(-(-count // batch_size) - bool(joined))
    )
    return _untuned(made.prefetch(2))


class UntunedAdapter(PyDatasetAdapter):
    """Keras' own way from a `keras.utils.PyDataset` to TensorFlow, but untuned."""

    def get_tf_dataset(self):
        return _untuned(super().get_tf_dataset())


def _untuned(dataset):
    """A dataset without TensorFlow's tuner, for which there is nothing to choose.

    It sleeps for 10 ms, and then twice as long each time; the end of an epoch may wait
    until it wakes, which can be as long again as the epoch took.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
