"""White shapes on black, drawn from five factors: the factor grid of dSprites.

Matthey et al., "dSprites: Disentanglement testing Sprites dataset", 2017, describe the
grid: 3 shapes, 6 scales in [0.5, 1], 40 orientations in [0, 2 pi], 32 positions along
each axis; 64x64 pixels, black or white. The drawings here are the project's own.

A position is one pixel from the next, so that 720 shapes drawn once on a wide black
canvas hold all 737,280 images: each is a window of 64x64 pixels on one of them.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from recipes.data.factors import FactorGrid

FACTOR_NAMES = ("shape", "scale", "orientation", "x_position", "y_position")
FACTOR_SIZES = (3, 6, 40, 32, 32)
SHAPES = ("square", "ellipse", "heart")
# Both ends are the same angle: dSprites has it so, and every figure on it.
SCALES = np.linspace(0.5, 1, 6)
ORIENTATIONS = np.linspace(0, 2 * math.pi, 40)

SIDE = 64
# A shape's centre goes from pixel 16 to pixel 47, one a step, and no shape reaches
# farther than 16 pixels from it: all stay inside the frame.
_STEPS = 32
_REACH = 16
# Points along each side of a pixel that are in the shape or not: odd, so that one of
# the two is the majority.
_POINTS = 5

# All shapes cover the same area at scale 1, in pixels, so that none is told by it.
_SQUARE = 21.8
AREA = _SQUARE**2
_ELLIPSE = (15.5, AREA / math.pi / 15.5)
# A square of side a and half a disc on each of two sides: a² + pi (a/2)².
_HEART = math.sqrt(AREA / (1 + math.pi / 4))
# Where its centre of mass is, along both sides, from the centre of its square.
_HEART_MASS = math.pi / 8 * (1 / 2 + 2 / (3 * math.pi)) / (1 + math.pi / 4) * _HEART


class SpritesGrid(FactorGrid):
    """The 737,280 sprites, drawn when they are asked for.

    Factors are shape, scale, orientation, x position and y position. x grows to the
    right and y downwards; orientations turn counterclockwise. The centre of mass of
    each shape is at its position. Orientations 0 and 39 are the same angle.

    Example:
        >>> grid = SpritesGrid()
        >>> grid.factor_sizes, grid.num_images
        ((3, 6, 40, 32, 32), 737280)
        >>> images = grid.images(grid.sample(100, seed=0))
        >>> images.shape, sorted(set(images.ravel().tolist()))
        ((100, 64, 64, 1), [0.0, 1.0])
    """

    def __init__(self):
        super().__init__(FACTOR_NAMES, FACTOR_SIZES)

    def images(self, factors) -> np.ndarray:
        return self.pixels(factors).astype(np.float32)

    def pixels(self, factors) -> np.ndarray:
        """The images of factors (N, 5) as uint8 (N, 64, 64, 1), 0 or 1."""
        factors = self._checked(factors)
        x, y = factors[:, 3], factors[:, 4]
        windows = _windows()[_sprite(factors), _STEPS - 1 - y, _STEPS - 1 - x]
        return windows[..., None]

    def appearance(self, indices) -> np.ndarray:
        """A number (N,) for each index (N,): equal where the images are equal."""
        factors = self.factors(indices)
        x, y = factors[:, 3], factors[:, 4]
        return (_twins()[_sprite(factors)] * _STEPS + x) * _STEPS + y


def draw(shape: str, scale: float, orientation: float) -> np.ndarray:
    """One shape in the middle of a frame that just holds it.

    Args:
        shape: "square", "ellipse" or "heart".
        scale: size, 1 for the largest that fits.
        orientation: angle in radians, counterclockwise.

    Returns:
        uint8 (33, 33): 1 for pixels that lie in the shape for the most part, else 0.

    Example:
        >>> for row in draw("heart", scale=0.5, orientation=0.0)[11:24, 8:25]:
        ...     print("".join("-#"[pixel] for pixel in row))
        ----###---###----
        ---###########---
        --#############--
        --#############--
        --#############--
        --#############--
        --#############--
        ---###########---
        ----#########----
        -----#######-----
        ------#####------
        -------###-------
        --------#--------
    """
    pixel = np.arange(-_REACH, _REACH + 1)
    within = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    ticks = (pixel[:, None] + within).ravel() / scale
    # Rows count downwards; turning the plane back turns the shape.
    x, y = ticks, -ticks[:, None]
    cos, sin = math.cos(orientation), math.sin(orientation)
    inside = _INSIDE[shape](cos * x + sin * y, cos * y - sin * x)
    size = len(pixel)
    covered = inside.reshape(size, _POINTS, size, _POINTS).sum(axis=(1, 3))
    return (2 * covered > _POINTS**2).astype(np.uint8)


def _in_square(x, y):
    return np.maximum(abs(x), abs(y)) <= _SQUARE / 2


def _in_ellipse(x, y):
    return (x / _ELLIPSE[0]) ** 2 + (y / _ELLIPSE[1]) ** 2 <= 1


def _in_heart(x, y):
    # Along the sides of the square that stands on its corner.
    u = (y + x) / math.sqrt(2) + _HEART_MASS
    v = (y - x) / math.sqrt(2) + _HEART_MASS
    half = _HEART / 2
    square = np.maximum(abs(u), abs(v)) <= half
    right = (u - half) ** 2 + v**2 <= half**2
    left = u**2 + (v - half) ** 2 <= half**2
    return square | right | left


_INSIDE = {"square": _in_square, "ellipse": _in_ellipse, "heart": _in_heart}


def _sprite(factors) -> np.ndarray:
    """Which of the 720 drawings: (N,) for factors (N, 5)."""
    return np.ravel_multi_index(tuple(factors[:, :3].T), FACTOR_SIZES[:3])


@functools.cache
def _drawings() -> np.ndarray:
    """uint8 (720, 33, 33): every shape, scale and orientation."""
    return np.stack(
        [draw(s, scale, o) for s in SHAPES for scale in SCALES for o in ORIENTATIONS]
    )


@functools.cache
def _windows() -> np.ndarray:
    """A view (720, 32, 32, 64, 64) of every window on every drawing's canvas."""
    margin = _STEPS - 1
    canvas = np.pad(_drawings(), ((0, 0), (margin, margin), (margin, margin)))
    return np.lib.stride_tricks.sliding_window_view(canvas, (SIDE, SIDE), axis=(1, 2))


@functools.cache
def _twins() -> np.ndarray:
    """(720,): the number of the first drawing with the same pixels."""
    flat = _drawings().reshape(len(_drawings()), -1)
    _, first, which = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    return first[which]
