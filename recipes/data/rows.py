"""Images that become float32 batch by batch, when training asks for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from recipes.data.augment import Augmentation
from recipes.data.geometry import fit_array
from recipes.data.on_disk import BLOCK
from recipes.data.values import Scale


@dataclasses.dataclass(frozen=True)
class Conversion:
    """Makes a source's images float32 in [0, 1] of the wanted shape.

    Attributes:
        scale: of the source's pixels.
        image_shape: (height, width, channels), or `None` to keep what there is.
        invert: turn black to white and white to black, after all else.
        what: how errors name the source.
    """

    scale: Scale
    image_shape: tuple[int, int, int] | None
    invert: bool
    what: str

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.with_notes(images)[0]

    def with_notes(self, images: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Float32 images, and what was done to them, for the report."""
        scaled = self.scale.apply(images, self.what)
        levels = self.scale.levels
        scaled, notes = fit_array(scaled, self.image_shape, levels, self.what)
        if self.invert:
            # In place: `apply` made a copy.
            scaled = np.subtract(1, scaled, out=scaled)
            notes = [*notes, "inverted, black to white and white to black"]
        return scaled, notes

    def levels(self, images) -> int | None:
        """How many values a pixel of the source may have, `None` if that is unknown."""
        size = self.image_shape and self.image_shape[:2]
        whole = images.dtype.kind in "bui" and self.scale.high == 1
        binary = whole and size in (None, tuple(images.shape[1:3]))
        return 2 if binary else self.scale.levels


class Rows:
    """Images (N, H, W, C), float32 in [0, 1], made of their source when they are read.

    They are indexed like an array, by numbers, slices and arrays of either, and
    `np.mean` takes them; each time the values are those that the array in memory would
    have. `model.fit` of a `zoo` model takes them as training images.

    Args:
        source: array of N or more images in memory or on disk.
        indices: (N,), which of the source's.
        convert: function of some of the source's images that makes them float32 in
            [0, 1] of the wanted shape.

    Example:
        >>> import numpy as np
        >>> pixels = np.zeros((5, 8, 8, 1), np.uint8)
        >>> rows = Rows(pixels, np.array([4, 2]), lambda x: x.astype("float32") / 255)
        >>> rows.shape, rows[[1, 0, 1]].shape, float(np.mean(rows))
        ((2, 8, 8, 1), (3, 8, 8, 1), 0.0)
    """

    dtype = np.dtype("float32")
    ndim = 4

    def __init__(
        self,
        source,
        indices: np.ndarray,
        convert: Callable[[np.ndarray], np.ndarray],
    ):
        self.source = source
        self.indices = np.asarray(indices)
        self.convert = convert
        self.shape = (len(self.indices), *self[:1].shape[1:])

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def __getitem__(self, index) -> np.ndarray:
        chosen = self.indices[index]
        if not np.ndim(chosen):
            return self.convert(self.source[chosen[None]])[0]
        if isinstance(index, slice) and len(chosen) and np.all(np.diff(chosen) == 1):
            # No copy of them in the source's own type.
            chosen = slice(chosen[0], chosen[-1] + 1)
        return self.convert(self.source[chosen])

    def blocks(self) -> Iterator[np.ndarray]:
        """All images in their order, some at a time."""
        for start in range(0, len(self), BLOCK):
            yield self[start : start + BLOCK]

    def mean(self, axis=None, dtype=None, out=None):
        """The mean of all pixels, or over images (axis 0): what `np.mean` asks for."""
        if axis not in (None, 0) or out is not None:
            raise ValueError(f"`axis` must be None or 0, received {axis!r}.")
        total = sum(block.sum(axis, dtype=np.float64) for block in self.blocks())
        mean = total / (len(self) if axis == 0 else np.prod(self.shape))
        return mean.astype(dtype or self.dtype)


class AugmentedRows(Rows):
    """Rows that training sees changed at random: see `recipes.data.augment`.

    Args:
        source, indices, convert: as in `Rows`.
        augmentation: the changes.
    """

    def __init__(self, source, indices, convert, augmentation: Augmentation):
        super().__init__(source, indices, convert)
        self.augmentation = augmentation

    @classmethod
    def of(cls, images, augmentation: Augmentation) -> AugmentedRows:
        """Those of other rows, or of an array of images."""
        if isinstance(images, Rows):
            return cls(images.source, images.indices, images.convert, augmentation)
        return cls(images, np.arange(len(images)), lambda some: some, augmentation)

    def draw(self, index, rng: np.random.Generator) -> np.ndarray:
        """What training asks for in the place of `self[index]`."""
        return self.augmentation(self[index], rng)


def changes_of(images) -> list[str] | None:
    """Kinds of random changes that training is to see of images, `None` without."""
    return list(images.augmentation.kinds) if hasattr(images, "augmentation") else None
