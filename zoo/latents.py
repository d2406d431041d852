"""What a model's latents are, and what random numbers a sample is made of.

Plain descriptions: presets, exports, plots and reports ask them, never a class's name.
"""

import math
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


class NoiseSpec(NamedTuple):
    """How many random numbers one sample is made of: see `Autoencoder.generate`.

    Attributes:
        normals: standard normal numbers.
        uniforms: uniform numbers in [0, 1).
    """

    normals: int = 0
    uniforms: int = 0
