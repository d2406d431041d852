"""What a model's latents are, and what random numbers a sample is made of.

Plain descriptions: presets, exports, plots and reports ask them, never a class's name.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple


class LatentSpec(NamedTuple):
    """One group of latents of an image.

    Attributes:
        name: "z", "codes", "z_3", ...
        shape: shape of the group, of one image.
        codebook_size: K where the latents are codes 0 ... K - 1; None where they are
            real numbers.

    Example:

    >>> from zoo.latents import LatentSpec
    >>> LatentSpec("codes", (7, 7), codebook_size=512).size
    49
    """

    name: str
    shape: tuple[int, ...]
    codebook_size: int | None = None

    @property
    def is_codes(self) -> bool:
        """Whether the latents are codes, whole numbers."""
        return self.codebook_size is not None

    @property
    def size(self) -> int:
        """How many latents the group has."""
        return math.prod(self.shape)


class LatentLevel(NamedTuple):
    """The groups of a ladder that lie on one grid, and where they stand in its row.

    Attributes:
        name: the grid, "7x7"; of latents that lie on none, the group's name.
        groups: names of its groups.
        start: how many latents come before them.
        size: how many they have.
    """

    name: str
    groups: tuple[str, ...]
    start: int
    size: int


def levels_of(latents: Iterable[LatentSpec]) -> list[LatentLevel]:
    """The levels that groups of latents, coarsest first, lie on.

    Example:

    >>> from zoo.latents import LatentSpec, levels_of
    >>> groups = [LatentSpec(f"z_7x7_{i}", (7, 7, 4)) for i in (1, 2)]
    >>> levels_of([*groups, LatentSpec("z_14x14_1", (14, 14, 4))])[1]
    LatentLevel(name='14x14', groups=('z_14x14_1',), start=392, size=784)
    """
    levels: list[LatentLevel] = []
    start = 0
    for spec in latents:
        on_grid = len(spec.shape) == 3
        name = "x".join(map(str, spec.shape[:2])) if on_grid else spec.name
        level = LatentLevel(name, (spec.name,), start, spec.size)
        if on_grid and levels and levels[-1].name == name:
            _, groups, first, size = levels.pop()
            level = LatentLevel(name, (*groups, spec.name), first, size + spec.size)
        levels.append(level)
        start += spec.size
    return levels


class NoiseSpec(NamedTuple):
    """How many random numbers one sample is made of: see `Autoencoder.generate`.

    Attributes:
        normals: standard normal numbers.
        uniforms: uniform numbers in [0, 1).
    """

    normals: int = 0
    uniforms: int = 0
