"""A plot of what each level of a ladder does."""

import numpy as np

from recipes.plots import needs
from recipes.plots.kind import Kind, columns_for
from recipes.plots.latents import decode_all
from recipes.plots.paths import Start
from recipes.plots.tiles import draw_tiles
from zoo.latents import LatentLevel, levels_of


class Levels(Kind):
    """One level, or group, a row: drawn anew, while all others are kept."""

    name = "levels"
    title = "What each level does"
    summary = "Each level of a ladder drawn anew from its prior, all others kept."
    needs = (needs.model, needs.several_groups, needs.latent_row)
    options = {"num_samples": 2, "method": "level", "label": None, "seed": None}
    methods = ("level", "group")

    def draw(self, subject, num_samples, method, label, seed):
        start = Start.choose(subject, seed, label)
        kept, images = start.latents(num_samples), start.images(num_samples)
        parts = parts_of(subject, method)
        count = columns_for(subject, 9)
        # The same in every row of images. Whoever drew what is kept, drew others.
        drawn = subject.draw_latents(num_samples + count, start.label, seed)[-count:]
        z = np.tile(kept[:, None, None], (1, len(parts), count + 1, 1))
        for row, part in enumerate(parts):
            these = slice(part.start, part.start + part.size)
            z[:, row, 1:, these] = drawn[:, these]
        tiles = decode_all(subject, z.reshape(-1, count + 1, z.shape[-1]), start.label)
        columns = ["all kept", *[""] * count]
        if images is not None:
            first = np.repeat(images, len(parts), axis=0)[:, None]
            tiles = np.concatenate([first, tiles], axis=1)
            columns.insert(0, "image")
        names = [_label(subject, part) for part in parts]
        return draw_tiles(
            f"{subject.name}: each {method} drawn anew",
            tiles,
            row_labels=names * len(kept),
            column_labels=columns,
            group=len(parts),
        )

    def caption(self, subject, num_samples, method, label, seed):
        start = Start.choose(subject, seed, label)
        return (
            f"In each row one {method} of the latents of {subject.name} is drawn anew "
            "from its prior, given those before it, while all others are kept: they "
            f"rest at {start.words(num_samples)}. Coarsest first; nothing was selected."
        )


def parts_of(subject, method):
    """What is drawn anew together: `zoo.latents.LatentLevel`s.

    Args:
        subject: of several groups of latents.
        method: "level", or "group" for each of its groups alone.
    """
    if method == "level":
        return levels_of(subject.latents)
    starts = np.cumsum([0, *(spec.size for spec in subject.latents)])
    return [
        LatentLevel(spec.name, (spec.name,), int(start), spec.size)
        for spec, start in zip(subject.latents, starts, strict=False)
    ]


def _label(subject, part):
    """What a plot calls a level, such as "7x7, 61.0 nats"."""
    kl = [subject.stored_kl_of(name) for name in part.groups]
    return part.name if None in kl else f"{part.name}, {sum(kl):.1f} nats"
