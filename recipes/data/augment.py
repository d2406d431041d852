"""Training images changed at random: mirrored, moved, turned a little."""

from __future__ import annotations

import numpy as np

from recipes.data.classes import are_signs
from recipes.data.locations import require

KINDS = ("flip", "shift", "rotate")
# Of height and width, how far images move: 2 pixels of 28 or 32, 4 of 64.
SHIFT = 1 / 16
# Degrees, how far they turn.
ANGLE = 10


def check_kinds(augment) -> tuple[str, ...]:
    """Kinds of changes, in the order in which they are made.

    Args:
        augment: some of `KINDS`, or a string of them with commas between.

    Raises:
        ValueError: if one of them is another, or comes twice.
    """
    given = augment.split(",") if isinstance(augment, str) else list(augment or ())
    given = [str(kind).strip() for kind in given if str(kind).strip()]
    if len(set(given)) < len(given) or not set(given) <= set(KINDS):
        raise ValueError(
            f"`augment` must name some of {', '.join(KINDS)}, each once; received "
            f"{','.join(given)!r}."
        )
    return tuple(kind for kind in KINDS if kind in given)


class Augmentation:
    """Changes images at random, each by itself.

    - "flip" mirrors every other image, left to right.
    - "shift" moves by up to a sixteenth of height and width, in whole pixels.
    - "rotate" turns by up to 10 degrees around the centre (bilinear).

    What comes in from outside repeats the pixels of the edge.

    Args:
        kinds: some of these.
        levels: how many values a pixel has, to which turned ones are rounded; `None`
            for any.

    Example:
        >>> import numpy as np
        >>> flip = Augmentation(["flip"], levels=None)
        >>> images = np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32")
        >>> changed = flip(images, np.random.default_rng(0))
        >>> [bool((a == b[:, ::-1]).all()) for a, b in zip(changed, images)]
        [False, True, True, True]
    """

    def __init__(self, kinds, levels: int | None):
        self.kinds = check_kinds(kinds)
        self.levels = levels

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Changed images, float32 in [0, 1] of the same shape.

        Args:
            images: float32 (N, H, W, C) in [0, 1].
            rng: decides the changes.
        """
        changes = {"flip": _flipped, "shift": _shifted, "rotate": self._turned}
        for kind in self.kinds:
            images = changes[kind](images, rng)
        return images

    def _turned(self, images, rng):
        turned = _turned(images, rng)
        if self.levels is None:
            return turned
        top = np.float32(self.levels - 1)
        return np.rint(turned * top) / top

    def sentence(self, class_names=None) -> str:
        """What is done, for the report; of signs that mirroring spoils, that it does.

        Args:
            class_names: names of the images' classes, or `None`.
        """
        text = f"training images are changed at random: {', '.join(self.kinds)}"
        if "flip" not in self.kinds:
            return text
        if class_names and are_signs(class_names):
            return (
                f"{text}; the classes look like digits or letters, which mirrored are "
                "others or none: leave flip out"
            )
        return f"{text}; flip is not for digits, letters and other signs"


def _flipped(images, rng):
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def _shifted(images, rng):
    count, height, width, _ = images.shape
    which = np.arange(count)[:, None]

    def moved(size):
        most = max(1, round(size * SHIFT))
        by = rng.integers(-most, most + 1, (count, 1))
        return np.clip(np.arange(size) + by, 0, size - 1)

    rows, columns = moved(height), moved(width)
    return images[which[:, :, None], rows[:, :, None], columns[:, None, :]]


def _turned(images, rng):
    image_class = require("PIL.Image")
    angles = rng.uniform(-ANGLE, ANGLE, len(images))
    height, width = images.shape[1:3]
    # So far a corner moves, and no further.
    margin = int(np.ceil(np.hypot(height, width) / 2 * np.sin(np.radians(ANGLE)))) + 1
    sides = (margin, margin)
    padded = np.pad(images, [(0, 0), sides, sides, (0, 0)], mode="edge")
    turned = np.empty_like(images)
    for target, image, angle in zip(turned, padded, angles, strict=True):
        for channel in range(images.shape[3]):
            plane = image_class.fromarray(np.ascontiguousarray(image[..., channel]))
            plane = plane.rotate(angle, image_class.Resampling.BILINEAR)
            target[..., channel] = np.asarray(plane)[margin:-margin, margin:-margin]
    return np.clip(turned, 0, 1, out=turned)
