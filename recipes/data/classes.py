"""Classes of images matched by their names to those that a model knows."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.common.errors import listed

_NUMBER_WORDS = "zero one two three four five six seven eight nine".split()
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

    Names match if they are equal; or else if they are equal whatever their case, or
    the same digit as a number and as a word, and only one does.

    Args:
        names, known: names of classes.
        what: how the error names the images.

    Returns:
        int64 array, one number for each of `names`.

    Raises:
        ValueError: if they cannot all be matched.
    """
    exact = {name: number for number, name in enumerate(known)}
    alike: dict[str, list[int]] = {}
    for number, name in enumerate(known):
        alike.setdefault(_key(name), []).append(number)
    found = []
    for name in names:
        numbers = [exact[name]] if name in exact else alike.get(_key(name), [])
        if len(numbers) != 1:
            raise ValueError(
                f"The classes of {what} must be among those that the model knows by "
                f"name, {listed(known, _LISTED)}, since a model of other classes can "
                "be neither fine-tuned nor scored as it is; received "
                f"{listed(names, _LISTED)}."
            )
        found += numbers
    return np.array(found, np.int64)


def are_signs(names) -> bool:
    """Whether all classes are named like digits, numbers or letters."""
    keys = [_key(name) for name in names]
    return all(len(key) == 1 or key.isdecimal() for key in keys)


def _key(name: str) -> str:
    plain = str(name).strip().casefold()
    if plain in _NUMBER_WORDS:
        return str(_NUMBER_WORDS.index(plain))
    return str(int(plain)) if plain.isdecimal() else plain
