"""Checks of labels: one clear sentence each."""

import numpy as np

from export.runtime.arguments import short
from export.runtime.signature import networks_see_labels
from zoo.class_names import numbers_of


def check_labels(labels, count, metadata):
    """Labels as a file takes them, one a row.

    Args:
        labels: what the caller gave: one for each row, or one for all.
        count: how many rows there are.
        metadata: says by `num_classes` or `num_attributes` what the model takes, and by
            `class_names`, if there are any, what the classes may be called.

    Returns:
        int32 (count,) for classes, float32 (count, num_attributes) for attributes, None
        for a model that takes no labels.

    Raises:
        ValueError: if labels are missing, not wanted, of another number or out of
            range.
        TypeError: if they are not numbers.

    Example:

    >>> check_labels(2, 3, {"num_classes": 10}).tolist()
    [2, 2, 2]
    >>> names = {"num_classes": 2, "class_names": ["cat", "dog"]}
    >>> check_labels(["dog", "cat"], 2, names).tolist()
    [1, 0]
    """
    num_classes = metadata.get("num_classes")
    num_attributes = metadata.get("num_attributes")
    if num_classes is None and num_attributes is None:
        if labels is not None:
            raise ValueError(
                "`labels` must be None: this decoder is unconditional; got "
                f"{short(labels)}."
            )
        return None
    if num_classes is not None:
        row, what = (), f"whole numbers from 0 to {num_classes - 1}"
    else:
        row, what = (num_attributes,), f"float vectors of {num_attributes} attributes"
    wanted = f"`labels` must be {what}, one for each of {count} or one for all"
    if labels is None:
        raise ValueError(f"{wanted}: this model is conditional; got None.")
    array = _as_array(numbers_of(labels, metadata.get("class_names")), wanted)
    if num_classes is not None and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]  # a column, as CIFAR-10 has them
    if array.shape == row:
        array = np.broadcast_to(array, (count, *row))
    if array.shape != (count, *row):
        raise ValueError(f"{wanted}; got shape {array.shape}.")
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32)).all()
    if not finite:
        raise ValueError(f"{wanted}; got NaN or infinite values.")
    if num_classes is None:
        return np.ascontiguousarray(array, dtype=np.float32)
    if np.any(array != np.rint(array)):
        raise ValueError(f"{wanted}; got fractions.")
    if array.size and not 0 <= array.min() <= array.max() < num_classes:
        raise ValueError(f"{wanted}; got values from {array.min()} to {array.max()}.")
    return np.ascontiguousarray(array, dtype=np.int32)


def check_network_labels(labels, count, metadata):
    """`check_labels` for decoder and encoder: None where the prior alone has labels."""
    needed = networks_see_labels(metadata)
    if not needed and labels is None:
        return None
    labels = check_labels(labels, count, metadata)
    return labels if needed else None


def _as_array(labels, wanted):
    try:
        array = np.asarray(labels)
    except Exception as error:  # ragged lists, tensors on another device
        raise TypeError(
            f"{wanted}; got {type(labels).__name__}, which numpy cannot read."
        ) from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{wanted}; got dtype {array.dtype}.")
    return array
