"""Plots that move through latent space: traversals, interpolations, a manifold."""

import numpy as np

from recipes.plots import needs, style
from recipes.plots.kind import Kind, columns_for
from recipes.plots.paths import (
    Start,
    equal_probabilities,
    quantiles,
    steps_between,
)
from recipes.plots.tiles import draw_tiles
from zoo.applications.paths import PATHS

# Frames from one end of a latent to the other, and milliseconds of each.
FRAMES, MILLISECONDS = 14, 70
# Share of an image's height and width that a close-up shows.
CLOSE_UP = 3 / 8


class Traversal(Kind):
    """One latent a row, from one end of its prior to the other."""

    name = "traversal"
    title = "Latent traversal"
    summary = "What each latent does, those that matter most first."
    needs = (needs.model, needs.latent_vectors)
    options = {"num_samples": 10, "label": None, "seed": None}

    def draw(self, subject, num_samples, label, seed):
        ranking = subject.ranking
        shown = ranking.order[:num_samples]
        start = Start.choose(subject, seed, label)
        steps = columns_for(subject, 11)
        values = steps_between(subject, steps, start.label)
        z = np.tile(start.latents(1)[0], (len(shown), steps, 1))
        for row, latent in enumerate(shown):
            z[row, :, latent] = values[:, latent]
        tiles = decode_all(subject, z, start.label)
        if of_many(subject):
            tiles = close_up(tiles.swapaxes(0, 1)).swapaxes(0, 1)
        columns = ["1 %", *[""] * (steps - 2), "99 %"]
        if subject.prior == "standard_normal":  # the same values in every row
            columns = [style.signed(value) for value in values[:, 0]]
        return draw_tiles(
            f"{subject.name}: what each latent does",
            tiles,
            row_labels=[ranking.label(latent) for latent in shown],
            column_labels=columns,
        )

    def caption(self, subject, num_samples, label, seed):
        count = min(num_samples, subject.latent_dim)
        return _moving(
            subject, count, "from the top", Start.choose(subject, seed, label).words(1)
        )


class Animation(Kind):
    """A traversal in time: three images, and a column for each latent."""

    name = "animation"
    title = "Latent traversal, animated"
    summary = "A GIF of the latents that matter most, each swinging through its range."
    animated = True
    needs = (needs.model, needs.latent_vectors)
    options = {"label": None, "seed": None}

    def draw(self, subject, label, seed):
        shown = subject.ranking.order[: columns_for(subject, 8)]
        start = Start.choose(subject, seed, label)
        low, high = steps_between(subject, 2, start.label)
        bases = start.latents(3)
        moments = []
        # Slow where it turns, as a pendulum is.
        for phase in 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, FRAMES)):
            z = np.repeat(bases[:, None], len(shown), axis=1)
            for column, latent in enumerate(shown):
                z[:, column, latent] = low[latent] + phase * (high - low)[latent]
            moments.append(decode_all(subject, z, start.label))
        moments = np.stack(moments)
        if of_many(subject):
            moments = close_up(moments)
        frames = []
        for tiles in moments:
            figure = draw_tiles(
                f"{subject.name}: what each latent does",
                tiles,
                column_labels=[f"z {latent}" for latent in shown],
                row_width=600,
            )
            frames.append(style.to_pixels(figure))
        return frames + frames[-2:0:-1]

    def to_bytes(self, figure, form):
        return style.to_gif(figure, MILLISECONDS)

    def caption(self, subject, label, seed):
        count = min(columns_for(subject, 8), subject.latent_dim)
        start = Start.choose(subject, seed, label)
        return _moving(subject, count, "from the left", start.words(3))


class Interpolation(Kind):
    """Images between two others, along a line and along a great circle."""

    name = "interpolation"
    title = "Interpolation"
    summary = "Images between two others, linear and spherical."
    needs = (needs.model, needs.latent_vectors)
    options = {"num_samples": 3, "method": None, "label": None, "seed": None}
    methods = tuple(PATHS)

    def draw(self, subject, num_samples, method, label, seed):
        methods = [method] if method else list(PATHS)
        start = Start.choose(subject, seed, label)
        ends, images = start.latents(2 * num_samples), start.images(2 * num_samples)
        if len(ends) < 2:
            raise ValueError("There is one test image alone: an interpolation needs 2.")
        t = np.linspace(0, 1, columns_for(subject, 9))
        pairs = range(0, len(ends) - 1, 2)
        z = [PATHS[way](ends[i], ends[i + 1], t) for i in pairs for way in methods]
        tiles = decode_all(subject, np.float32(z), start.label)
        columns = [f"{100 * value:.0f} %" for value in t]
        if images is not None:
            columns = ["image", *columns, "image"]
            left, right = (
                np.repeat([images[i + end] for i in pairs], len(methods), axis=0)
                for end in (0, 1)
            )
            tiles = np.concatenate([left[:, None], tiles, right[:, None]], axis=1)
        return draw_tiles(
            f"{subject.name}: from one image to another",
            tiles,
            row_labels=methods * len(pairs),
            column_labels=columns,
            group=len(methods),
        )

    def caption(self, subject, num_samples, method, label, seed):
        way = f"on a {method} path" if method else "on a linear and a spherical path"
        return (
            f"What {subject.name} decodes {way} from one latent to another, with the "
            "share of the second above each column. The ends: "
            f"{Start.choose(subject, seed, label).words(2)}."
        )


class Manifold(Kind):
    """The two latents that matter most, one across and one up."""

    name = "manifold"
    title = "Latent manifold"
    summary = "Two latents at once, on a grid of equal probability."
    needs = (needs.model, needs.latent_vectors, needs.two_latents, needs.few_latents)
    options = {"label": None, "seed": None}

    def draw(self, subject, label, seed):
        ranking = subject.ranking
        across, up = ranking.order[:2]
        start = Start.choose(subject, seed, label)
        side = columns_for(subject, 15)
        values = quantiles(subject, equal_probabilities(side), start.label)
        z = np.tile(start.latents(1)[0], (side, side, 1))
        z[:, :, across] = values[None, :, across]
        # The largest on top, as on an axis.
        z[:, :, up] = values[::-1, None, up]
        return draw_tiles(
            f"{subject.name}: across z {across}, up z {up}",
            decode_all(subject, z, start.label),
            row_labels=[style.signed(value) for value in values[::-1, up]],
            column_labels=[style.signed(value) for value in values[:, across]],
        )

    def caption(self, subject, label, seed):
        others = ""
        if subject.latent_dim > 2:
            start = Start.choose(subject, seed, label)
            others = f" All others rest at {start.words(1)}."
        return (
            f"The two latents of {subject.name} that matter most, by "
            f"{subject.ranking.words}: at the centres of {columns_for(subject, 15)} "
            f"intervals of equal probability under the prior.{others}"
        )


def decode_all(subject, z, label=None):
    """Latents (R, N, latent_dim) as tiles (R, N, H, W, C)."""
    images = subject.decode(z.reshape(-1, z.shape[-1]), label)
    return images.reshape(*z.shape[:2], *images.shape[1:])


def of_many(subject):
    """Whether latents are so many that a single one changes little of an image."""
    return needs.few_latents(subject) is not None


def close_up(images):
    """The part of each image that changes.

    Args:
        images: (S, ..., H, W, C), the same images in S steps.

    Returns:
        (S, ..., h, w, C), the h x w pixels around the centre of what changes.
    """
    height, width = (_close_up_side(side) for side in images.shape[-3:-1])
    change = np.ptp(images, axis=0).max(axis=-1)
    near = np.empty((*images.shape[:-3], height, width, images.shape[-1]), images.dtype)
    for which in np.ndindex(*change.shape[:-2]):
        weight = change[which] ** 2
        top = _first_of(weight.sum(axis=1), height)
        left = _first_of(weight.sum(axis=0), width)
        there = (slice(None), *which)
        near[there] = images[there][:, top : top + height, left : left + width]
    return near


def _close_up_side(side):
    return max(1, round(CLOSE_UP * side))


def _first_of(weights, length):
    """Where an interval of a length starts that is around the centre of weights."""
    centre = np.average(np.arange(len(weights)), weights=weights + 1e-12)
    return int(np.clip(round(centre - (length - 1) / 2), 0, len(weights) - length))


def _moving(subject, count, where, start):
    """A caption of latents that move one by one, away from a start in words."""
    which = f"The {count} latents of {subject.name} that matter most"
    if count == subject.latent_dim:
        which = f"The latents of {subject.name}"
    near = ""
    if of_many(subject):
        height, width = map(_close_up_side, subject.image_shape[:2])
        near = (
            f" One of {subject.latent_dim:,} changes little of an image: shown are "
            f"the {height} x {width} pixels around it."
        )
    return (
        f"{which}, ordered {where} by {subject.ranking.words}. Each moves from its 1 % "
        f"to its 99 % quantile under the prior while all others rest at {start}.{near}"
    )
