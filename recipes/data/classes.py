"""Classes of images matched by their names to those that a model knows."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.common.errors import listed
from zoo.class_names import class_number, plain_name

# Names that a sentence lists of each side.
_LISTED = 20


def match_classes(data, known):
    """Gives images the labels under which a model knows their classes.

    Args:
        data: `recipes.data.ImageData`.
        known: names of the model's classes, in the order of its labels, or `None`.

    Returns:
        `data` as it is where either side names no classes, or both name the same in
        the same order; else a copy with the model's labels and names, whose report
        says which class became which.

    Raises:
        ValueError: as `class_numbers`.
    """
    if known is None or data.class_names is None:
        return data
    known = tuple(known)
    if tuple(data.class_names) == known:
        return data
    numbers = class_numbers(data.class_names, known, data.name)
    pairs = [
        f"{name!r} to {number} {known[number]!r}"
        for name, number in zip(data.class_names, numbers, strict=True)
    ]
    labels = {
        field: None if (own := getattr(data, field)) is None else numbers[own]
        for field in ("train_labels", "validation_labels", "test_labels")
    }
    said = f"classes matched to the model's by name: {listed(pairs, _LISTED)}"
    return dataclasses.replace(
        data, **labels, class_names=known, report=[*data.report, said]
    )


def class_numbers(names, known, what: str) -> np.ndarray:
    """The number in `known` of each of `names`.

    Names match as `zoo.class_names.class_number` says.

    Args:
        names, known: names of classes.
        what: how the error names the images.

    Returns:
        int64 array, one number for each of `names`.

    Raises:
        ValueError: if they cannot all be matched.
    """
    found = []
    for name in names:
        number = class_number(name, known)
        if number is None:
            raise ValueError(
                f"The classes of {what} must be among those that the model knows by "
                f"name, {listed(known, _LISTED)}, since a model of other classes can "
                "be neither fine-tuned nor scored as it is; received "
                f"{listed(names, _LISTED)}."
            )
        found.append(number)
    return np.array(found, np.int64)


def are_signs(names) -> bool:
    """Whether all classes are named like digits, numbers or letters."""
    keys = [plain_name(name) for name in names]
    return all(len(key) == 1 or key.isdecimal() for key in keys)
