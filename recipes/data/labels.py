"""Labels: one integer an image, or none."""

from __future__ import annotations

import numpy as np


def as_labels(labels, count: int, what: str) -> np.ndarray:
    """Labels as int64 (N,).

    Raises:
        ValueError: if they are not one whole number for each of `count` images.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:  # CIFAR-10 as Keras gives it
        array = array[:, 0]
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and bool(np.all(array == np.rint(array)))
    )
    if array.ndim != 1 or len(array) != count or not whole:
        raise ValueError(
            f"The labels of {what} must be one whole number an image, shape "
            f"({count},), received {array.dtype} of shape {array.shape}."
        )
    return array.astype(np.int64)
