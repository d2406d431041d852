"""From whatever values the pixels come in to float32 in [0, 1]."""

from __future__ import annotations

import dataclasses

import numpy as np

# 8-bit images kept in a wider type reach this brightness somewhere in a whole data set;
# values that stop below it (0..16, 0..100) are on a scale nobody can guess.
_EIGHT_BIT_REACHES = 128
# Rounding in float32 arithmetic, not a different scale.
_SLACK = 1e-5


@dataclasses.dataclass(frozen=True)
class Scale:
    """`[low, high]` of the source is `[0, 1]` here.

    Attributes:
        low, high: the source's black and white.
        levels: 256 if the source has 8 bits a pixel, else `None`.
        sentence: what was found and done, for the report.
    """

    low: float
    high: float
    levels: int | None
    sentence: str

    def check(self, images, what: str) -> None:
        """Refuses values that the scale does not have.

        Raises:
            ValueError: if a value is not finite or lies outside [low, high].
        """
        low, high = _extremes(images, what)
        slack = _SLACK * (self.high - self.low)
        if low < self.low - slack or high > self.high + slack:
            raise ValueError(
                f"The pixels of {what} lie in [{low:g}, {high:g}], outside the range "
                f"[{self.low:g}, {self.high:g}] that they are scaled from."
            )

    def apply(self, images: np.ndarray, what: str) -> np.ndarray:
        """Scales to float32 in [0, 1].

        Raises:
            ValueError: as `check`.
        """
        self.check(images, what)
        scaled = images.astype(np.float32)  # a copy, so the rest is done in place
        if self.low:
            scaled -= np.float32(self.low)
        if self.high - self.low != 1:
            scaled /= np.float32(self.high - self.low)
        return np.clip(scaled, 0, 1, out=scaled)


def find_scale(images: np.ndarray, what: str, value_range=None) -> Scale:
    """Tells from the type and the extremes of `images` which range they are in.

    Args:
        images: array of any shape, not empty.
        what: how errors name it.
        value_range: `(black, white)` if the caller knows, which ends all guessing.

    Raises:
        ValueError: if a value is not finite, or the range is ambiguous.
    """
    low, high = _extremes(images, what)
    kind = images.dtype
    if value_range is not None:
        black, white = _checked_range(value_range)
        levels = 256 if (black, white) == (0, 255) and kind.kind in "ui" else None
        return _scale(kind, black, white, levels, " as asked")
    if kind == np.bool_:
        return Scale(0, 1, None, "bool pixels became 0 and 1")
    if kind.kind in "ui":
        return _integer_scale(kind, low, high, what)
    return _float_scale(kind, low, high, what)


def _integer_scale(kind, low, high, what) -> Scale:
    if low >= 0 and high <= 1:
        return Scale(0, 1, None, f"binary {kind} pixels became 0 and 1")
    if kind == np.uint8:
        hint = f" (the brightest is {high:g})" if high < _EIGHT_BIT_REACHES else ""
        return _scale(kind, 0, 255, 256, hint)
    if low >= 0 and _EIGHT_BIT_REACHES <= high <= 255:
        return _scale(kind, 0, 255, 256)
    # 10- and 12-bit cameras stop at 1023 and 4095.
    if low >= 0 and 4095 < high <= 65535:
        return _scale(kind, 0, 65535, None)
    raise _ambiguous(kind, low, high, what)


def _float_scale(kind, low, high, what) -> Scale:
    if low >= -_SLACK and high <= 1 + _SLACK:
        return Scale(0, 1, None, f"{kind} pixels in [0, 1] kept as they are")
    if -1 - _SLACK <= low <= -0.5 and high <= 1 + _SLACK:
        return _scale(kind, -1, 1, None)
    if low >= 0 and _EIGHT_BIT_REACHES <= high <= 255:
        return _scale(kind, 0, 255, None)
    raise _ambiguous(kind, low, high, what)


def _scale(kind, low, high, levels, hint="") -> Scale:
    text = f"{kind} pixels in [{low:g}, {high:g}]{hint} scaled to [0, 1]"
    return Scale(low, high, levels, text)


def _ambiguous(kind, low, high, what) -> ValueError:
    return ValueError(
        f"The pixels of {what} are {kind} in [{low:g}, {high:g}], which is none of "
        "[0, 1], [-1, 1], 0..255 and 16 bits: scale them to [0, 1] first, or, in "
        "Python, pass `value_range=(black, white)` to `load_images`."
    )


def _checked_range(value_range) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            "`value_range` must be two finite numbers, black < white, received "
            f"{value_range!r}."
        )
    return low, high


def _extremes(images, what) -> tuple[float, float]:
    low, high = float(images.min()), float(images.max())
    # Minimum and maximum are NaN if any value is.
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"The pixels of {what} contain NaN or infinite values.")
    return low, high
