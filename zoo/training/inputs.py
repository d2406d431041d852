"""What `fit` and `evaluate` were given, checked before any step is compiled."""

import keras
import numpy as np

from zoo import validation
from zoo.training import streams

# Training images up to this size are kept on the device for the length of `fit`.
RESIDENT_BYTES = 2 * 2**30


def is_array(x):
    """Whether `x` is held in memory: a NumPy array, a tensor or nested lists."""
    return (
        isinstance(x, (np.ndarray, list, np.generic))
        or keras.ops.is_tensor(x)
        or hasattr(x, "__array__")
    )


def check_data(
    model, x, labels=None, argument="x", check_labels=None, errors=None, least=1
):
    """Checks arrays as a whole, and of anything that streams each batch as it comes.

    The first batch of a stream is checked at once, unless a DataLoader would have to
    start processes for it.

    Args:
        model: a `zoo.VAE`.
        x: an array, tf.data.Dataset, PyDataset, generator or torch DataLoader.
        labels: what was given as labels beside an array.
        argument: the argument's name, for errors.
        check_labels: of labels and their number; None for
            `model.check_labels_of_images`.
        errors: list that later refusals of a stream are added to: see
            `streams.BatchCheck`.
        least: images that a batch of a stream must have.

    Returns:
        (what to train on, its labels or None): a float32 array, or a stream of the
        same batches, none of them lost.

    Raises:
        ValueError, TypeError: one sentence that says what was given and is wanted.
    """
    check_labels = check_labels or model.check_labels_of_images
    if x is None:
        raise ValueError(f"`{argument}` must be {model.event.noun}; got None.")
    if is_array(x):
        x = model.event.check(x, argument)
        model.remark_on(x)
        return x, check_labels(labels, len(x))
    if labels is not None:
        raise ValueError(
            f"`{argument}` is a {type(x).__name__}, which must give its labels itself; "
            "got labels beside it."
        )
    streaming = hasattr(x, "__iter__") or isinstance(x, keras.utils.PyDataset)
    if not streaming or isinstance(x, (tuple, dict, str)):
        raise TypeError(
            f"`{argument}` must be an array, a tf.data.Dataset, a PyDataset, a "
            f"generator or a DataLoader of {model.event.noun}; got {type(x).__name__}."
        )
    check = streams.BatchCheck(
        model, check_labels, argument, [] if errors is None else errors, least
    )
    return streams.opened(x, check), None


def check_last_batch(model, x, batch_size, argument="x"):
    """Refuses images whose last batch is too small for the model's loss.

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
    if not (is_array(x) or validation.is_rows(x)):
        return
    size = int(batch_size or 32)
    smallest = len(x) % size or size
    if smallest < model.min_batch_size:
        raise ValueError(
            f"`{argument}` must leave no batch of fewer than {model.min_batch_size} "
            f"{model.event.noun}, which the model's loss compares with each other; got "
            f"{len(x)} {model.event.noun[:-1]}(s) in batches of {size}: choose another "
            "`batch_size`."
        )
    if min(size, len(x)) < model.least_batch:
        raise ValueError(
            f"`{argument}` must make batches of at least {model.least_batch} "
            f"{model.event.noun}, so that each device has some; got {len(x)} in "
            f"batches of {size}: choose another `batch_size`, or fewer devices."
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


def refuse_class_weight():
    """Says what to give instead.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        "`class_weight` weighs classes, of which an ELBO knows none: give "
        "`sample_weight`, one number an image, such as weights[labels]."
    )
