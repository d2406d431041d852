"""The labels of images for a model, and classes matched by name to those it knows."""

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
        data: `recipes.data.ImageData` or `recipes.data.texts.TextData`.
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


def labels_for(model, data, split):
    """The labels of a split if the model takes labels, else None.

    Raises:
        ValueError: if it does and there are none.
    """
    if not model.label_dim:
        return None
    labels = getattr(data, f"{split}_labels")
    if labels is None:
        where = "images in one sub-folder a class, or an .npz with labels"
        if model.event.noun == "texts":
            where = (
                "a table with a column of classes (--label), or a data set with them"
            )
        raise ValueError(
            f"{type(model).__name__} needs labels beside the {model.event.noun}, and "
            f"{data.name} has none: give {where}."
        )
    return labels


def known_classes(model, data):
    """The data with the labels that the model has for classes of these names.

    Args:
        model: a model of the zoo; one that takes no labels leaves the data as it is.
        data: `recipes.data.ImageData`.

    Raises:
        ValueError: if the model does not know all of them.
    """
    known = getattr(model, "class_names", None) if model.label_dim else None
    return match_classes(data, known)


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
