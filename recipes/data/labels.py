"""Labels: one integer an image, or none."""

from __future__ import annotations

import dataclasses

import numpy as np

from zoo.class_names import UNKNOWN


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


def with_few_labels(data, count, seed):
    """The data with so many training labels, as many of each class; -1 for the others.

    Images of validation keep no label: where few are known, they are not known either.

    Args:
        data: `recipes.data.ImageData` with labels.
        count: how many labels are kept.
        seed: fixes which.

    Raises:
        ValueError: if the classes have no equal shares of them, or too few images.
    """
    labels, rng = data.train_labels, np.random.default_rng(seed)
    classes = np.unique(labels)
    of_each, rest = divmod(count, len(classes))
    least = min(np.sum(labels == number) for number in classes)
    if rest or not 1 <= of_each <= least:
        raise ValueError(
            f"The labels to keep must be as many of each of {len(classes)} classes, "
            f"from 1 to {least} of each; received {count}."
        )
    few = np.full_like(labels, UNKNOWN)
    for number in classes:
        kept = rng.choice(np.flatnonzero(labels == number), of_each, replace=False)
        few[kept] = number
    none = data.validation_labels
    said = f"labels: {count:,} of {len(labels):,} are kept, {of_each:,} of each class"
    return dataclasses.replace(
        data,
        train_labels=few,
        validation_labels=none if none is None else np.full_like(none, UNKNOWN),
        report=[*data.report, said],
    )
