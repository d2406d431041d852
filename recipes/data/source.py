"""What a source of images must offer: its own splits, read one at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

# Images read of each split of a data set with factors: its grid may hold hundreds of
# thousands, which no memory does. 50,000 of 64x64 pixels are 819 MB as float32.
GRID_IMAGES = 50_000


@dataclasses.dataclass
class Part:
    """One of a source's own splits, as it was found.

    Attributes:
        images: array (N, H, W, C), any real type, any range; pictures that were decoded
            from files are uint8 and already have the wanted size and channels.
        labels: int64 (N,), or `None`.
        notes: sentences for the report.
        factors: int64 (N, F), what the images were made from, or `None`.
        names: of the files that they lie in, below the folder, or `None`.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    factors: np.ndarray | None = None
    names: list[str] | None = None


@dataclasses.dataclass
class Source:
    """A named set of images with one to three splits of its own.

    Attributes:
        name: how the report and errors name it.
        splits: which of "train", "validation" and "test" it has; always "train".
        read: reads one of them, so that a split nobody asked for is never opened.
        notes: sentences for the report.
        class_names: names of the labels 0, 1, ..., or `None`.
        license: licence of the images, or `None` if unknown.
        factor_names, factor_sizes: names of the factors and how many values each has,
            or `None` where the images come without.
        of_files: whether each image is a file of its own, whose name its part gives.
    """

    name: str
    splits: tuple[str, ...]
    read: Callable[[str], Part]
    notes: list[str] = dataclasses.field(default_factory=list)
    class_names: tuple[str, ...] | None = None
    license: str | None = None
    factor_names: tuple[str, ...] | None = None
    factor_sizes: tuple[int, ...] | None = None
    of_files: bool = False
