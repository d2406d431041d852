"""Many small images as one plot, every pixel a whole number of pixels wide."""

import numpy as np

from recipes.plots import style

# Pixels of the plot.
MARGIN, GAP, GROUP_GAP, LABEL_GAP = 24, 4, 20, 12
# How wide a row of images should be, about, and an image at most.
WIDTH, LARGEST = 1050, 128
# How many times as tall as that all rows may be, about.
TALL = 1.4


def draw_tiles(
    title, tiles, *, row_labels=(), column_labels=(), group=None, row_width=WIDTH
):
    """Draws rows of images, with a label at each row and above each column.

    Args:
        title: of the plot.
        tiles: float (R, N, H, W, C) in [0, 1], C 1 or 3; NaN where no image is.
        row_labels, column_labels: texts, R and N of them, or none.
        group: after so many rows there is a wider gap.
        row_width: pixels that a row of images should be wide, about.

    Returns:
        `matplotlib.figure.Figure`.
    """
    tiles = enlarge(tiles, row_width)
    rows, columns, height, width, _ = tiles.shape
    tops = np.arange(rows) * (height + GAP)
    tops += (np.arange(rows) // (group or rows)) * GROUP_GAP
    lefts = np.arange(columns) * (width + GAP)
    sheet = np.ones((tops[-1] + height, lefts[-1] + width, 3))
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            tile = tiles[row, column]
            sheet[top : top + height, left : left + width] = np.where(
                np.isnan(tile), 1.0, np.clip(tile, 0.0, 1.0)
            )

    line = style.text_height()
    widest = max((style.text_width(label) for label in row_labels), default=0)
    left = MARGIN + (widest + LABEL_GAP if widest else 0)
    tallest = max((style.text_width(label) for label in column_labels), default=0)
    turned = tallest > width + GAP
    # Side by side, labels that are nearly as wide as their columns would run together.
    narrow = 1 if turned else min(1, (width - GAP) / max(tallest, 1))
    room = (tallest if turned else line) + LABEL_GAP // 2 if tallest else 0
    top = MARGIN + style.text_height(style.TITLE) + LABEL_GAP // 2 + room
    title_width = style.text_width(title, style.TITLE, "bold")
    across = max(left + sheet.shape[1], MARGIN + title_width) + MARGIN
    down = top + sheet.shape[0] + MARGIN

    figure = style.new_figure(across / style.DPI, down / style.DPI)

    def write(text, x, y, **options):
        figure.text(x / across, 1 - y / down, text, **options)

    bold = {"size": style.TITLE, "weight": "bold"}
    write(title, MARGIN, MARGIN - 4, va="top", **bold)
    for label, y in zip(row_labels, tops, strict=False):
        centre = top + y + height / 2
        write(label, left - LABEL_GAP, centre, ha="right", va="center")
    for label, x in zip(column_labels, lefts, strict=False):
        centre = left + x + width / 2
        write(
            label,
            centre,
            top - LABEL_GAP // 2,
            ha="center",
            va="bottom",
            size=narrow * style.TEXT,
            rotation=90 if turned else 0,
        )
    place = (left, down - top - sheet.shape[0], sheet.shape[1], sheet.shape[0])
    axes = figure.add_axes(np.divide(place, (across, down, across, down)))
    axes.imshow(sheet, interpolation="none", aspect="auto", vmin=0, vmax=1)
    axes.set_axis_off()
    return figure


def enlarge(tiles, row_width=WIDTH):
    """Each pixel as a square of pixels, or fewer where images are very large.

    Args:
        tiles: float (R, N, H, W, C).
        row_width: as in `draw_tiles`.

    Returns:
        float array (R, N, H * s, W * s, C), s so that a row is about that wide, or
        less where that would be tall.
    """
    rows, columns, height, width, _ = tiles.shape
    scale = min(
        round(row_width / (columns * width)),
        round(TALL * row_width / (rows * height)),
        LARGEST // max(height, width),
    )
    if scale >= 1:
        return tiles.repeat(scale, axis=2).repeat(scale, axis=3)
    step = max(1, round(columns * width / (1.5 * row_width)))
    return tiles[:, :, ::step, ::step]


def in_rows(images, columns):
    """Images (N, H, W, C) as tiles (R, columns, H, W, C), NaN at the end."""
    rows = -(-len(images) // columns)
    tiles = np.full((rows * columns, *images.shape[1:]), np.nan, np.float32)
    tiles[: len(images)] = images
    return tiles.reshape(rows, columns, *images.shape[1:])


def interleave(*rows):
    """Tiles (R, N, H, W, C) of several kinds, one below the other: (R * kinds, ...)."""
    together = np.stack(np.broadcast_arrays(*rows), axis=1)
    return together.reshape(-1, *together.shape[2:])


def in_colour(images):
    """Grey or RGB images (..., 1 or 3) as RGB."""
    return np.broadcast_to(images, (*images.shape[:-1], 3))
