"""Sizes and channels: one picture shape for all."""

from __future__ import annotations

import numpy as np

from recipes.data.locations import require

# The models halve an image at least twice.
SMALLEST = 8
# Rec. 601 luma, what Pillow's own conversion to grey uses.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def check_image_shape(image_shape) -> tuple[int, int, int] | None:
    """`image_shape` as a tuple of three ints, or `None`.

    Raises:
        ValueError: if it is not (height, width, channels) with height, width >= 8.
    """
    if image_shape is None:
        return None
    try:
        shape = tuple(int(size) for size in image_shape)
        exact = all(int(size) == size for size in image_shape)
    except (TypeError, ValueError):
        shape, exact = (), False
    if not exact or len(shape) != 3 or min(shape[:2]) < SMALLEST or shape[2] < 1:
        raise ValueError(
            "`image_shape` must be (height, width, channels) with height and width >= "
            f"{SMALLEST} and channels >= 1, received {image_shape!r}."
        )
    return shape


def check_size(images: np.ndarray, image_shape, what: str) -> None:
    """Refuses images too small for any model, unless they are resized anyway.

    Raises:
        ValueError: if height or width is below 8 and `image_shape` is `None`.
    """
    height, width = images.shape[1:3]
    if image_shape is None and min(height, width) < SMALLEST:
        raise ValueError(
            f"The images of {what} are {height}x{width} (height x width), smaller than "
            f"{SMALLEST}x{SMALLEST}: pass `image_shape` to resize."
        )


def cover_box(height, width, to_height, to_width) -> tuple[float, ...]:
    """The centred box of the target's aspect ratio: (left, top, right, bottom).

    It lies within the image for every size.
    """
    # Whole numbers decide which side is kept whole, and that side is exact: a rounding
    # error of 1e-14 beyond the edge is a box that Pillow refuses.
    if height * to_width <= width * to_height:
        box_height, box_width = height, min(width, height * to_width / to_height)
    else:
        box_height, box_width = min(height, width * to_height / to_width), width
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return (left, top, min(width, left + box_width), min(height, top + box_height))


def describe_resize(sizes: set[tuple[int, int]], height: int, width: int) -> str:
    """The sentence for the report; `sizes` are (height, width)."""
    ordered = sorted(sizes)
    first = "x".join(map(str, ordered[0]))
    last = "x".join(map(str, ordered[-1]))
    text = first if len(ordered) == 1 else f"{len(ordered)} sizes, {first} to {last},"
    cropped = any(h * width != w * height for h, w in sizes)
    crop = "cropped around the centre to the same aspect ratio and " if cropped else ""
    return f"{crop}resized from {text} to {height}x{width} (height x width, bicubic)"


def fit_array(images, image_shape, levels, what) -> tuple[np.ndarray, list[str]]:
    """Gives float32 images in [0, 1] the wanted size and channels.

    Args:
        images: float32 (N, H, W, C) in [0, 1].
        image_shape: (height, width, channels), or `None` to keep size and channels.
        levels: 256 to round resized pixels back to 8 bits, else `None`.
        what: how errors name the images.

    Returns:
        float32 array (N, height, width, channels), and notes for the report.

    Raises:
        ValueError: if the channels cannot be converted.
    """
    images, notes = _convert_channels(images, image_shape and image_shape[2], what)
    height, width = images.shape[1:3]
    if image_shape is None or (height, width) == image_shape[:2]:
        return images, notes
    images = _resize(images, *image_shape[:2])
    if levels:
        images = np.rint(images * (levels - 1)) / np.float32(levels - 1)
    notes.append(describe_resize({(height, width)}, *image_shape[:2]))
    return images, notes


def _convert_channels(images, wanted, what) -> tuple[np.ndarray, list[str]]:
    channels, notes = images.shape[3], []
    if channels == wanted:
        return images, notes
    if channels in (2, 4):  # grey or RGB, and how opaque each pixel is
        alpha = images[..., -1:]
        images = images[..., :-1] * alpha + (1 - alpha)
        channels -= 1
        notes.append("transparency drawn over white")
    if wanted in (None, channels):
        return images, notes
    if (channels, wanted) == (1, 3):
        notes.append("grey repeated in three channels")
        return np.repeat(images, 3, axis=-1), notes
    if (channels, wanted) == (3, 1):
        notes.append("colour turned to grey (Rec. 601 luma)")
        return (images @ _LUMA)[..., None], notes
    raise ValueError(
        f"The images of {what} have {images.shape[3]} channels, which do not convert "
        f"to the {wanted} that `image_shape` asks for."
    )


def _resize(images, to_height, to_width) -> np.ndarray:
    image_class = require("PIL.Image")
    box = cover_box(*images.shape[1:3], to_height, to_width)
    resized = np.empty(
        (len(images), to_height, to_width, images.shape[3]), dtype=np.float32
    )
    for image, target in zip(images, resized, strict=True):
        for channel in range(images.shape[3]):
            plane = image_class.fromarray(np.ascontiguousarray(image[..., channel]))
            target[..., channel] = plane.resize(
                (to_width, to_height), image_class.Resampling.BICUBIC, box=box
            )
    # Bicubic overshoots at edges.
    return np.clip(resized, 0, 1, out=resized)
