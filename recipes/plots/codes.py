"""Plots of codes: how its codebook is used, and where its codes lie."""

import numpy as np

from recipes.plots import needs, style
from recipes.plots.kind import Kind, columns_for
from recipes.plots.tiles import draw_tiles, in_colour, in_rows, interleave
from zoo.evaluation.statistics import count_codes, statistics_of_counts


class Codebook(Kind):
    """How often each code is used."""

    name = "codebook"
    title = "Use of the codebook"
    summary = "How often each code is chosen, and the perplexity."
    needs = (needs.model, needs.codes, needs.encoder, needs.images)

    def draw(self, subject):
        figure, (axes,) = style.new_chart(f"{subject.name}: use of the codebook")
        size = subject.codebook_size
        ranks = np.arange(1, size + 1)
        levels = counts_of(subject)
        for level, count in enumerate(levels):
            label = f"level {level + 1}: " if len(levels) > 1 else ""
            label += f"{100 * np.mean(count > 0):.0f} % in use, "
            label += f"perplexity {perplexity(count):.0f}"
            colour = style.CYCLE[level % len(style.CYCLE)]
            axes.step(
                ranks,
                100 * np.sort(count / count.sum())[::-1],
                where="mid",
                color=colour,
                label=label,
            )
        axes.axhline(
            100 / size, color=style.GREY, linestyle="--", label="all codes alike"
        )
        axes.set_xlim(1, max(2, size))
        axes.set_ylim(bottom=0)
        axes.set(
            xlabel=f"the {size:,} codes, the most frequent first",
            ylabel="share of all places, %",
        )
        axes.legend()
        return figure

    def caption(self, subject):
        levels = counts_of(subject)
        figures = ", ".join(f"{perplexity(count):.0f}" for count in levels)
        each = " (one figure for each level)" if len(levels) > 1 else ""
        return (
            f"Share of the codes of {subject.images.words}, as {subject.name} encodes "
            f"them; perplexity {figures} of at most {subject.codebook_size:,}{each}."
        )


class Codes(Kind):
    """Test images, the map of their codes, and what is decoded from it."""

    name = "codes"
    title = "Maps of codes"
    summary = "Test images, the codes at each place as colours, and the decoded images."
    needs = (needs.model, needs.codes, needs.encoder, needs.images)
    options = {"num_samples": 10, "seed": None}

    def draw(self, subject, num_samples, seed):
        chosen = subject.pick(num_samples, seed)
        images = subject.images.images[chosen]
        codes = subject.encode(images)
        maps = [
            _as_pictures(level, order, subject.image_shape)
            for level, order in zip(
                levels_of(subject, codes), brightness_order(subject), strict=True
            )
        ]
        columns = min(len(images), columns_for(subject, 10))
        kinds = [in_colour(images), *maps, in_colour(subject.decode(codes))]
        names = ["original", "codes", "decoded"]
        if len(maps) > 1:
            names[1:2] = [f"codes, level {i + 1}" for i in range(len(maps))]
        tiles = interleave(*(in_rows(kind, columns) for kind in kinds))
        return draw_tiles(
            f"{subject.name}: codes",
            tiles,
            row_labels=names * (len(tiles) // len(names)),
            group=len(names),
        )

    def caption(self, subject, num_samples, seed):
        count = min(num_samples, len(subject.images.images))
        shape = " x ".join(map(str, subject.code_shape))
        return (
            f"{count} {subject.images.short}, drawn with seed {seed}; their {shape} "
            f"codes of {subject.codebook_size:,} and what {subject.name} decodes from "
            "these. From blue to yellow, codes stand for places that are brighter on "
            "average."
        )


def levels_of(subject, codes):
    """Codes int32 (N, h, w) of each level of the quantizer, in a list."""
    if len(subject.code_shape) == 2:
        return [codes]
    return list(np.moveaxis(codes, -1, 0))


def counts_of(subject):
    """How often each code is chosen for the test images, (levels, codebook_size)."""
    return count_codes(subject.codes, subject.codebook_size)


def perplexity(count):
    """That of the codes of one level, of how often each is chosen, (codebook_size,)."""
    return statistics_of_counts([count])["perplexity"]


def brightness_order(subject):
    """Place of each code among all by the brightness of the pixels that it stands for.

    Returns:
        list of float64 (codebook_size,) in [0, 1], one a level: 0 is the darkest. Codes
        that are never used are nan.
    """
    rows, columns = subject.code_shape[:2]
    bright = mean_of_places(subject.images.images, rows, columns)
    orders = []
    for level in levels_of(subject, subject.codes):
        size = subject.codebook_size
        count = np.bincount(level.ravel(), minlength=size)
        total = np.bincount(level.ravel(), bright.ravel(), minlength=size)
        used = np.flatnonzero(count)
        place = np.full(size, np.nan)
        ranks = np.argsort(np.argsort(total[used] / count[used], kind="stable"))
        place[used] = ranks / max(1, len(used) - 1)
        orders.append(place)
    return orders


def mean_of_places(images, rows, columns):
    """Mean of the pixels of each place: (N, H, W, C) to float64 (N, rows, columns)."""

    def averages(size, places):
        owner = np.arange(size) * places // size
        matrix = (owner == np.arange(places)[:, None]).astype(np.float64)
        return matrix / matrix.sum(axis=1, keepdims=True)

    grey = np.mean(images, axis=-1, dtype=np.float64)
    down, across = averages(grey.shape[1], rows), averages(grey.shape[2], columns)
    return down @ grey @ across.T


def _as_pictures(codes, order, image_shape):
    """Codes (N, h, w) as colours, at the size of images: (N, H, W, 3)."""
    import matplotlib

    height, width, _ = image_shape
    colours = matplotlib.colormaps["viridis"](order)[..., :3]
    down = np.arange(height) * codes.shape[1] // height
    across = np.arange(width) * codes.shape[2] // width
    return colours[codes][:, down][:, :, across].astype(np.float32)
