"""What is scored: the representation of each image of a factor grid."""

from typing import Any, Protocol

import keras
import numpy as np

from zoo import validation
from zoo.evaluation.latents import posterior_mean

# Images drawn and encoded at a time.
_CHUNK = 1024


class FactorGrid(Protocol):
    """Images of all combinations of some factors. Any object with these will do.

    Attributes:
        factor_names: names of the factors.
        factor_sizes: how many values 0, 1, ... each one has, at least 2.
    """

    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]

    def images(self, factors):
        """Factors (N, F), integers, to their images (N, H, W, C) in [0, 1]."""


class Representation:
    """The codes of a grid's images; each image is encoded once, when it is asked for.

    Args:
        model: a `zoo.VAE`, whose posterior means are the codes, or a function from
            images (N, H, W, C) to codes (N, D).
        grid: a `FactorGrid`.

    Raises:
        ValueError, TypeError: if `model` is neither, takes labels, or `grid` is not a
            grid of at least 2 factors of at least 2 values.

    Example:

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation
    >>> def images_of(factors):
    ...     return np.ones((1, 8, 8, 1)) * factors[:, :1, None, None] / 3
    >>> grid = SimpleNamespace(
    ...     factor_names=("grey", "none"), factor_sizes=(4, 2), images=images_of)
    >>> representation = Representation(lambda x: x[:, 0, :2, 0] * 3, grid)
    >>> representation.codes([[0, 0], [3, 1]]).tolist()
    [[0.0, 0.0], [3.0, 3.0]]
    """

    def __init__(self, model, grid):
        self.factor_names, self.factor_sizes = _check_grid(grid)
        self._images = grid.images
        self._encode = _encoder(model)
        # Sorted numbers of the images encoded so far, and their codes.
        self._known = np.empty(0, np.int64)
        self._codes: Any = None

    def sample(self, count, rng):
        """Draws images, all combinations of factors equally likely.

        Args:
            count: how many.
            rng: `numpy.random.Generator`.

        Returns:
            factors int64 (count, F), and codes float64 (count, D).

        Raises:
            ValueError, TypeError: as `codes`.
        """
        factors = self.sample_factors((count,), rng)
        return factors, self.codes(factors)

    def varied_sample(self, count, rng):
        """As `sample`, for what is learned from.

        Raises:
            ValueError: if a factor or the code is the same for all images.
        """
        factors, codes = self.sample(count, rng)
        for name, values in zip(self.factor_names, factors.T, strict=True):
            if np.all(values == values[0]):
                raise ValueError(
                    f"`num_train` = {count} is too few: the factor {name!r} has the "
                    "same value in all images that were drawn."
                )
        if np.all(codes == codes[0]):
            raise ValueError(
                f"The representation is constant: it is {codes[0]} for all {count} "
                "images that were drawn."
            )
        return factors, codes

    def sample_factors(self, shape, rng):
        """Draws factors: int64 (*shape, F)."""
        return rng.integers(self.factor_sizes, size=(*shape, len(self.factor_sizes)))

    def codes(self, factors):
        """Factors (..., F) to the codes of their images, float64 (..., D).

        Raises:
            ValueError, TypeError: if the representation is not of shape (N, D), D >= 2,
                or not finite.
        """
        factors = np.asarray(factors)
        numbers = np.ravel_multi_index(
            tuple(np.moveaxis(factors, -1, 0)), self.factor_sizes
        )
        self._add(np.setdiff1d(numbers, self._known))
        return self._codes[np.searchsorted(self._known, numbers)].astype(np.float64)

    def _add(self, numbers):
        """Encodes the images of these numbers, none of which is known yet."""
        if not len(numbers):
            return
        parts = [] if self._codes is None else [self._codes]
        for start in range(0, len(numbers), _CHUNK):
            chunk = np.unravel_index(numbers[start : start + _CHUNK], self.factor_sizes)
            images = self._images(np.stack(chunk, axis=-1))
            parts.append(_check_codes(self._encode(images), len(chunk[0])))
        known = np.concatenate([self._known, numbers])
        order = np.argsort(known)
        self._known, self._codes = known[order], np.concatenate(parts)[order]


def _encoder(model):
    """A function from images to codes."""
    if hasattr(model, "encode_parameters"):
        model.check_labels(None)

        def encode(images):
            images = validation.check_images(images, model.image_shape, "grid.images")
            return posterior_mean(model, images)

        return encode
    if callable(model):
        return model
    raise TypeError(
        "`model` must be a zoo.VAE or a function from images to representations; got "
        f"{type(model).__name__}."
    )


def _check_grid(grid):
    """Names and sizes of the factors."""
    names, sizes = tuple(grid.factor_names), tuple(map(int, grid.factor_sizes))
    if len(sizes) < 2 or len(names) != len(sizes) or min(sizes) < 2:
        raise ValueError(
            "`grid` must have at least 2 factors with a name and at least 2 values "
            f"each; got the names {names} and sizes {sizes}."
        )
    return names, sizes


def _check_codes(codes, count):
    """Codes as a float32 array (count, D)."""
    if keras.ops.is_tensor(codes):
        codes = keras.ops.convert_to_numpy(codes)
    codes = np.asarray(codes)
    if codes.ndim != 2 or len(codes) != count or codes.shape[1] < 2:
        raise ValueError(
            f"The representation of {count} images must have shape ({count}, D) with "
            f"D >= 2 dimensions; got {codes.shape}."
        )
    codes = codes.astype(np.float32)
    if not np.all(np.isfinite(codes)):
        raise ValueError("The representation holds NaN or infinite values.")
    return codes
