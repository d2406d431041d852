"""Sizes of layers, as constructors take them: several, or one for a single layer."""

from typing import Any

import numpy as np

from zoo.validation import check_whole_number


def check_sizes(sizes: Any, argument: str) -> tuple[int, ...]:
    """Whole numbers >= 1 as a tuple; a number alone is a tuple of one.

    Raises:
        ValueError: if they are not.
    """
    several = np.iterable(sizes) and not isinstance(sizes, str)
    sizes = sizes if several else (sizes,)
    return tuple(check_whole_number(size, argument, 1) for size in sizes)
