"""Factor grids: every combination of some factors, each with its image.

What `zoo.evaluation.disentanglement` asks for images: such that share one factor and
differ in all others.
"""

from __future__ import annotations

import numpy as np

from recipes.data.values import find_scale


class FactorGrid:
    """All combinations of some factors, numbered with the last factor fastest.

    A subclass says what `images` are.

    Args:
        factor_names: names of the factors.
        factor_sizes: how many values each one has; the values are 0, 1, ...

    Example:
        >>> grid = FactorGrid(("shape", "x"), (3, 32))
        >>> grid.num_images
        96
        >>> grid.factors([0, 33]).tolist()
        [[0, 0], [1, 1]]
        >>> grid.indices([[1, 1]]).tolist()
        [33]
    """

    def __init__(self, factor_names, factor_sizes):
        self.factor_names = tuple(factor_names)
        self.factor_sizes = tuple(int(size) for size in factor_sizes)

    @property
    def num_images(self) -> int:
        """How many combinations there are."""
        return int(np.prod(self.factor_sizes, dtype=np.int64))

    def factors(self, indices) -> np.ndarray:
        """Indices (N,) in the grid to factors, int64 (N, F).

        Raises:
            ValueError: if an index is not in the grid.
        """
        indices = np.asarray(indices)
        if indices.size and not 0 <= indices.min() <= indices.max() < self.num_images:
            raise ValueError(
                f"`indices` must be in 0..{self.num_images - 1}, received values from "
                f"{indices.min()} to {indices.max()}."
            )
        return np.stack(np.unravel_index(indices, self.factor_sizes), axis=-1)

    def indices(self, factors) -> np.ndarray:
        """Factors (N, F) to indices in the grid, int64 (N,).

        Raises:
            ValueError: if a factor has another number of values.
        """
        return np.ravel_multi_index(tuple(self._checked(factors).T), self.factor_sizes)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Draws combinations, all equally likely: int64 (count, F)."""
        rng = np.random.default_rng(seed)
        return rng.integers(self.factor_sizes, size=(count, len(self.factor_sizes)))

    def images(self, factors) -> np.ndarray:
        """The images of factors (N, F): float32 (N, H, W, C) in [0, 1].

        Raises:
            ValueError: if a factor has another number of values.
        """
        raise NotImplementedError

    def _checked(self, factors) -> np.ndarray:
        factors = np.asarray(factors)
        if factors.ndim != 2 or factors.shape[1] != len(self.factor_sizes):
            raise ValueError(
                f"`factors` must have shape (N, {len(self.factor_sizes)}), one column "
                f"for each of {', '.join(self.factor_names)}; received "
                f"{factors.shape}."
            )
        if not np.issubdtype(factors.dtype, np.integer):
            raise ValueError(f"`factors` must be integers, received {factors.dtype}.")
        if np.any(factors < 0) or np.any(factors >= self.factor_sizes):
            limits = ", ".join(
                f"{name} 0..{size - 1}"
                for name, size in zip(self.factor_names, self.factor_sizes, strict=True)
            )
            raise ValueError(f"`factors` must be in {limits}.")
        return factors


class ArrayGrid(FactorGrid):
    """A complete factor grid of images that are in memory, in any order.

    Args:
        images: (N, H, W, C), on any scale that `load_images` understands. Kept as they
            are: only those that are asked for become float32.
        factors: (N, F), any numbers; the values of a factor are numbered in order.
        factor_names: names of the factors, or `None` for "factor 0", ...
        value_range: (black, white), if it cannot be told from the pixels.

    Raises:
        ValueError: if shapes do not match, or a combination has no image.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((6, 8, 8, 1), np.uint8)
        >>> images[5] = 255
        >>> factors = [[x, y] for x in (0.0, 0.5, 1.0) for y in (-1, 1)]
        >>> grid = ArrayGrid(images, factors, ("x", "y"))
        >>> grid.factor_sizes, grid.images([[2, 1]]).max()
        ((3, 2), np.float32(1.0))
    """

    def __init__(self, images, factors, factor_names=None, value_range=None):
        images, factors = np.asarray(images), np.asarray(factors)
        if images.ndim != 4 or images.size == 0:
            raise ValueError(
                f"`images` must have shape (N, H, W, C), received {images.shape}."
            )
        if factors.ndim != 2 or len(factors) != len(images):
            raise ValueError(
                f"`factors` must have shape ({len(images)}, F), a row for each image; "
                f"received {factors.shape}."
            )
        if factor_names is None:
            factor_names = [f"factor {i}" for i in range(factors.shape[1])]
        numbered = [np.unique(column, return_inverse=True) for column in factors.T]
        super().__init__(factor_names, [len(values) for values, _ in numbered])
        if len(self.factor_names) != factors.shape[1]:
            raise ValueError(
                f"`factor_names` must name {factors.shape[1]} factors, received "
                f"{len(self.factor_names)}."
            )
        self._row = self._rows_of(np.stack([index for _, index in numbered], axis=1))
        self._images = images
        self._scale = find_scale(images, "the grid", value_range)

    def images(self, factors) -> np.ndarray:
        rows = self._row[self.indices(factors)]
        return self._scale.apply(self._images[rows], "the grid")

    def _rows_of(self, factors) -> np.ndarray:
        """Which row of the arrays holds each combination."""
        # Before an array of that size is made: two factors with a value for each image
        # have more combinations than memory.
        if self.num_images <= len(factors):
            rows = np.full(self.num_images, -1)
            rows[self.indices(factors)] = np.arange(len(factors))
            missing = int(np.sum(rows < 0))
        else:
            missing = self.num_images - len(factors)
        if missing:
            sizes = " x ".join(map(str, self.factor_sizes))
            raise ValueError(
                f"The images are not a complete grid of {sizes} factors: at least "
                f"{missing:,} of {self.num_images:,} combinations have none."
            )
        return rows


class InvertedGrid(FactorGrid):
    """The negatives of a grid's images: black is white, and white is black."""

    def __init__(self, grid):
        super().__init__(grid.factor_names, grid.factor_sizes)
        self._grid = grid

    def images(self, factors) -> np.ndarray:
        return 1 - self._grid.images(factors)
