"""Labels beside images: classes or attributes, checked in one clear sentence."""

from typing import Any

import numpy as np
from keras import ops

from zoo.class_names import UNKNOWN, numbers_of


def wanted_labels(num_classes=None, num_attributes=None):
    """What labels must be, in words."""
    if num_classes is None:
        return f"float vectors of shape (N, {num_attributes})"
    return f"whole numbers from 0 to {num_classes - 1} of shape (N,)"


def check_presence(labels, who, wanted, noun="images"):
    """Refuses images, or what else `noun` says, without labels.

    Raises:
        ValueError: if there are no labels.
    """
    if labels is None:
        raise ValueError(f"{who} needs labels beside the {noun}, {wanted}; got none.")


def check_labels(
    labels,
    count=None,
    num_classes=None,
    num_attributes=None,
    class_names=None,
    unknown=False,
):
    """Labels as int32 (N,) or, of attributes, float32 (N, num_attributes).

    Args:
        labels: one an image; where `count` is given, one for all will do.
        count: how many images there are.
        num_classes, num_attributes: one of them, what labels are.
        class_names: names that may stand for the numbers of classes, or None.
        unknown: whether a class may be -1, which is not known.

    Raises:
        ValueError, TypeError: for labels of another number, shape, kind or range.
    """
    if ops.is_tensor(labels):
        labels = ops.convert_to_numpy(labels)
    array = np.asarray(numbers_of(labels, class_names))
    wanted, shape = wanted_labels(num_classes, num_attributes), tuple(array.shape)
    if unknown:
        wanted += f", or {UNKNOWN} where one is not known"
    if array.dtype.kind not in "iuf":
        raise TypeError(f"`labels` must be {wanted}; got {array.dtype}.")
    if num_classes is not None and shape[1:] == (1,):
        array = array[:, 0]  # as in CIFAR-10
    row: tuple[Any, ...] = () if num_classes is not None else (num_attributes,)
    if array.shape == row and count is not None:
        array = np.broadcast_to(array, (count, *row))
    if array.ndim != 1 + len(row) or array.shape[1:] != row:
        raise ValueError(f"`labels` must be {wanted}; got shape {shape}.")
    if count is not None and len(array) != count:
        raise ValueError(
            f"`labels` must be one for each of {count} image(s); got {len(array)}."
        )
    if not np.all(np.isfinite(array)):
        raise ValueError(f"`labels` must be {wanted}; got NaN or infinite values.")
    if num_classes is None:
        return array.astype("float32")
    if np.any(array != np.rint(array)):
        raise ValueError(f"`labels` must be {wanted}; got fractions.")
    least = UNKNOWN if unknown else 0
    if array.size and not least <= array.min() <= array.max() < num_classes:
        raise ValueError(
            f"`labels` must be {wanted}; got values from {array.min():g} to "
            f"{array.max():g}."
        )
    return array.astype("int32")
