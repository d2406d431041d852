"""Classes called by their names. NumPy alone, for exported files, too."""

import difflib
from typing import Any

import numpy as np

# Stands for a label that is not known, as in scikit-learn's semi-supervised models.
UNKNOWN = -1

_NUMBER_WORDS = "zero one two three four five six seven eight nine".split()
# Names that a sentence lists.
_LISTED = 20


def plain_name(name: Any) -> str:
    """A name whatever its case; of a digit, as a word or a number, the number."""
    plain = str(name).strip().casefold()
    if plain in _NUMBER_WORDS:
        return str(_NUMBER_WORDS.index(plain))
    return str(int(plain)) if plain.isdecimal() else plain


def class_number(name: Any, class_names: Any) -> int | None:
    """The number of the class of this name, or None.

    A name is known if it is among `class_names`; or else if it is whatever its case, or
    as the same digit in figures and as a word, and only one is.

    >>> class_number("Nine", ["0", "9"]), class_number("cat", ["dog"])
    (1, None)
    """
    names = [str(known) for known in class_names]
    if name in names:
        return names.index(name)
    alike = [i for i, n in enumerate(names) if plain_name(n) == plain_name(name)]
    return alike[0] if len(alike) == 1 else None


def is_text(labels: Any) -> bool:
    """Whether labels are names: a text, or an array or nested lists of texts."""
    if isinstance(labels, (str, list, tuple, np.ndarray)):
        try:
            array = np.asarray(labels)
        except ValueError:  # ragged
            return False
        if array.dtype.kind == "O":
            return array.size > 0 and all(isinstance(v, str) for v in array.flat)
        return array.dtype.kind == "U"
    return False


def checked_names(class_names: Any, num_classes: Any) -> list[str] | None:
    """Names of the classes 0, 1, ... as a model keeps them; None if there are none.

    Raises:
        ValueError: if they are not as many as the classes.

    >>> checked_names(("cat", "dog"), 2)
    ['cat', 'dog']
    """
    if class_names is None:
        return None
    names = [str(name) for name in class_names]
    if len(names) != num_classes:
        raise ValueError(
            f"`class_names` must name {num_classes or 'no'} classes; got {len(names)} "
            "names."
        )
    return names


def numbers_of(labels: Any, class_names: Any) -> Any:
    """Names of classes as their numbers; any other labels as they are.

    Args:
        labels: what a caller gave.
        class_names: names of the classes 0, 1, ..., or None if they have none.

    Returns:
        int array of the shape of the names, or `labels`.

    Raises:
        ValueError: for a name that is none of a class.

    >>> numbers_of(["dog", "cat"], ["cat", "dog"]).tolist()
    [1, 0]
    """
    if class_names is None or not is_text(labels):
        return labels
    given = np.asarray(labels)
    numbers = {name: class_number(name, class_names) for name in set(given.flat)}
    for name, number in numbers.items():
        if number is None:
            raise ValueError(_unknown(str(name), [str(n) for n in class_names]))
    flat = [numbers[name] for name in given.flat]
    return np.array(flat, np.int64).reshape(given.shape)


def _unknown(name, names):
    known = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.strip().casefold(), known, n=1)
    hint = f" (did you mean {known[close[0]]!r}?)" if close else ""
    more = len(names) - _LISTED
    there = ", ".join(names[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")
    return f"`labels` must be numbers or names of classes, {there}; got {name!r}{hint}."
