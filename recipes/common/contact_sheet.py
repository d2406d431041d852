"""Contact sheets: many images as one picture. Needs NumPy and Pillow only."""

import io

import numpy as np

from recipes.common.files import write_whole


def save_contact_sheet(path, images, columns, scale=2, gap=2):
    """Saves images (N, H, W, C) in [0, 1] as one PNG, row by row.

    Args:
        path: the file.
        columns, scale, gap: as in `contact_sheet_png`.

    Raises:
        ValueError: if the images are neither grey nor RGB.
        OSError: if the file cannot be written.
    """
    write_whole(path, contact_sheet_png(images, columns, scale, gap, optimize=True))


def contact_sheet_png(images, columns, scale=1, gap=2, optimize=False):
    """Images (N, H, W, C) in [0, 1] as the bytes of one PNG, row by row.

    Args:
        images: the images.
        columns: images a row.
        scale: how many pixels wide a pixel is drawn.
        gap: white pixels between images, before scaling.
        optimize: take longer for fewer bytes.

    Raises:
        ValueError: if the images are neither grey nor RGB.
    """
    from PIL import Image

    count, height, width, channels = images.shape
    check_channels(channels)
    rows = -(-count // columns)
    cell = (height + gap, width + gap)
    sheet = np.ones((rows * cell[0] + gap, columns * cell[1] + gap, channels))
    for i, image in enumerate(images):
        top = gap + (i // columns) * cell[0]
        left = gap + (i % columns) * cell[1]
        sheet[top : top + height, left : left + width] = image
    pixels = np.round(sheet * 255).astype(np.uint8)
    pixels = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=optimize)
    return buffer.getvalue()


def check_channels(channels):
    """Refuses images that no PNG can hold.

    Raises:
        ValueError: if they are neither grey nor RGB.
    """
    if channels not in (1, 3):
        raise ValueError(f"A PNG holds 1 or 3 channels; the images have {channels}.")


def in_pairs(images, others):
    """Images of two arrays (N, H, W, C) in turns, (2 N, H, W, C), for a sheet."""
    pairs = np.stack([images, others], axis=1)
    return pairs.reshape(-1, *images.shape[1:])
