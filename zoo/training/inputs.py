"""What `fit` and `evaluate` were given, checked before any step is compiled."""

import itertools

import keras
import numpy as np

from zoo import validation


def is_array(x):
    """Whether `x` is held in memory: a NumPy array, a tensor or nested lists."""
    return (
        isinstance(x, (np.ndarray, list, np.generic))
        or keras.ops.is_tensor(x)
        or hasattr(x, "__array__")
    )


def _first_batch(data):
    """(first batch or None, an equivalent of `data` that still holds that batch)."""
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches == 0:
            return None, data
        return data[0], _CompleteDataset(data)
    if hasattr(data, "__next__"):
        batch = next(data, None)
        return batch, (data if batch is None else _chain(batch, data))
    # A tf.data.Dataset or a torch DataLoader: iterating it anew loses nothing.
    return next(iter(data), None), data


def _complete(batch):
    """A batch as Keras on TensorFlow takes it: a tuple, without None for labels."""
    batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    if len(batch) == 3:
        images, labels, weights = batch
        batch = images, placeholder_labels(labels, weights), weights
    return batch


def _chain(first, rest):
    # Keras takes generators by their type, which itertools.chain objects lack.
    for batch in itertools.chain([first], rest):
        yield _complete(batch)


class _CompleteDataset(keras.utils.PyDataset):
    """A PyDataset whose batches are complete."""

    def __init__(self, data):
        super().__init__(
            workers=data.workers,
            use_multiprocessing=data.use_multiprocessing,
            max_queue_size=data.max_queue_size,
        )
        self.data = data

    def __getitem__(self, index):
        return _complete(self.data[index])

    @property
    def num_batches(self):
        return self.data.num_batches

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()


def check_data(model, x, labels=None, argument="x", check_labels=None):
    """Checks arrays as a whole, and the first batch of anything that streams.

    Args:
        model: a `zoo.VAE`.
        x: an array, tf.data.Dataset, PyDataset, generator or torch DataLoader.
        labels: what was given as labels beside an array.
        argument: the argument's name, for errors.
        check_labels: of labels and their number; None for `model.check_labels`.

    Returns:
        (what to train on, its labels or None): a float32 array, or the stream with
        nothing taken from it.

    Raises:
        ValueError, TypeError: one sentence that says what was given and is wanted.
    """
    check_labels = check_labels or model.check_labels
    if x is None:
        raise ValueError(f"`{argument}` must be images; got None.")
    if is_array(x):
        x = validation.check_images(x, model.image_shape, argument)
        return x, check_labels(labels, len(x))
    if labels is not None:
        raise ValueError(
            f"`{argument}` is a {type(x).__name__}, which must give its labels itself; "
            "got labels beside it."
        )
    streams = hasattr(x, "__iter__") or isinstance(x, keras.utils.PyDataset)
    if not streams or isinstance(x, (tuple, dict, str)):
        raise TypeError(
            f"`{argument}` must be an array, a tf.data.Dataset, a PyDataset, a "
            f"generator or a DataLoader of images; got {type(x).__name__}."
        )
    batch, x = _first_batch(x)
    if batch is None:
        raise ValueError(f"`{argument}` must hold at least one batch; got none.")
    if isinstance(batch, list):
        batch = tuple(batch)
    images, batch_labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
    images = validation.check_images(images, model.image_shape, argument)
    check_labels(without_placeholder(batch_labels), len(images))
    return x, None


def check_last_batch(model, x, batch_size, argument="x"):
    """Refuses an array whose last batch is too small for the model's loss.

    Said before training starts, as TensorFlow would train on such a batch in silence
    and the other backends stop at the end of the first epoch.

    Args:
        model: a `zoo.VAE`.
        x: what `check_data` returned; streams pass.
        batch_size: as in `fit`, None for 32.
        argument: the argument's name, for errors.

    Raises:
        ValueError: one sentence that says what was given and is wanted.
    """
    if not is_array(x):
        return
    size = int(batch_size or 32)
    smallest = len(x) % size or size
    if smallest < model.min_batch_size:
        raise ValueError(
            f"`{argument}` must leave no batch of fewer than {model.min_batch_size} "
            "images, which the model's loss compares with each other; got "
            f"{len(x)} image(s) in batches of {size}: choose another `batch_size`."
        )


def split_validation(x, labels, sample_weight, fraction):
    """Cuts the last `fraction` of arrays off for validation, as Keras does.

    Returns:
        (x, labels, sample_weight), (x, labels, sample_weight) for validation.

    Raises:
        ValueError: for a fraction outside (0, 1), streams, or a split without images.
    """
    if not is_array(x):
        raise ValueError(
            "`validation_split` needs arrays; give `validation_data` with a "
            f"{type(x).__name__}."
        )
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must lie in (0, 1); got {fraction!r}.")
    cut = int(len(x) * (1 - fraction))
    if not 0 < cut < len(x):
        raise ValueError(
            f"`validation_split`={fraction!r} of {len(x)} image(s) leaves one side "
            "empty: give more images or another fraction."
        )

    def side(part):
        return tuple(None if a is None else a[part] for a in (x, labels, sample_weight))

    return side(slice(None, cut)), side(slice(cut, None))


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
