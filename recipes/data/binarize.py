"""Grey images as models of binary ones take them."""

from __future__ import annotations

import numpy as np

from recipes.data.on_disk import BLOCK


def binarize(images, seed: int = 0) -> np.ndarray:
    """Draws every pixel once: 1 with the probability that its grey value gives.

    The draw is `numpy.random.default_rng(seed).random(images.shape) < images`: the same
    images in the same order give the same bits everywhere. Evaluation uses seed 0.

    Args:
        images: array (N, H, W, C) or of any other shape, pixels in [0, 1].
        seed: seed of the draw.

    Returns:
        float32 array of the shape of `images`, every value 0.0 or 1.0.

    Raises:
        ValueError: if a pixel is NaN or lies outside [0, 1].

    Example:
        >>> import numpy as np
        >>> binarize(np.array([[0.0, 0.5, 0.5, 1.0]])).tolist()
        [[0.0, 1.0, 1.0, 1.0]]
    """
    images = np.asarray(images)
    # Written so that NaN, which compares false with everything, fails as well.
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            "`images` to binarize must lie in [0, 1] without NaN, received values "
            f"from {images.min()} to {images.max()}."
        )
    rng = np.random.default_rng(seed)
    binary = np.empty(images.shape, np.float32)
    # Some at a time: the draws are the same, and take twice as much memory.
    for start in range(0, len(images), BLOCK):
        some = images[start : start + BLOCK]
        binary[start : start + BLOCK] = rng.random(some.shape) < some
    return binary


def binarize_each(images) -> np.ndarray:
    """Draws every pixel, each image by the same numbers, whatever stands beside it.

    Of `binarize` an image's bits, and with them its score, depend on the images before.

    Args:
        images: array (N, H, W, C), pixels in [0, 1].

    Returns:
        float32 array of the same shape, every value 0.0 or 1.0.

    Example:
        >>> import numpy as np
        >>> binarize_each(np.full((2, 1, 2, 1), 0.5)).ravel().tolist()
        [0.0, 1.0, 0.0, 1.0]
    """
    drawn = np.random.default_rng(0).random(np.shape(images)[1:])
    return (drawn < images).astype(np.float32)
