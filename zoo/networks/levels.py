"""The levels of a ladder: which grids its latents lie on."""

import itertools
from typing import NamedTuple

from zoo.latents import LatentSpec
from zoo.validation import check_whole_number


class Level(NamedTuple):
    """One resolution of a ladder.

    Attributes:
        divisor: the image's height and width are divided by it.
        groups: how many groups of latents lie there, one after another.
        channels: latents of each group at each position.
        filters: channels of the networks there.
    """

    divisor: int
    groups: int
    channels: int
    filters: int


def grid_of(image_shape, divisor, coarsest):
    """(h, w) of a level: of the image, padded to a multiple of the coarsest divisor."""
    return tuple(-(-size // coarsest) * coarsest // divisor for size in image_shape[:2])


def check_levels(levels, filters, image_shape):
    """`Level`s of (divisor, groups, channels), coarsest first.

    Raises:
        ValueError: if there are none, one is no three whole numbers >= 1, or divisors
            do not divide each other or are larger than the image.
    """
    wanted = "`levels` must be (divisor, groups, channels) of each level"
    try:
        levels = [tuple(level) for level in levels]
    except TypeError:
        raise ValueError(f"{wanted}; got {levels!r}.") from None
    if not levels:
        raise ValueError(f"{wanted}; got none.")
    for level in levels:
        if len(level) != 3:
            raise ValueError(f"{wanted}; got {level!r}.")
        for value, argument in zip(level, Level._fields[:3], strict=True):
            check_whole_number(value, f"{argument} of levels", 1)
    if isinstance(filters, int):
        filters = [filters] * len(levels)
    filters = [check_whole_number(f, "filters", 1) for f in filters]
    if len(filters) != len(levels):
        raise ValueError(
            "`filters` must be one number, or one for each level; got "
            f"{len(filters)} for {len(levels)} levels."
        )
    checked = [
        Level(int(divisor), int(groups), int(channels), f)
        for (divisor, groups, channels), f in zip(levels, filters, strict=True)
    ]
    divisors = [level.divisor for level in checked]
    for coarse, fine in itertools.pairwise(divisors):
        if coarse == fine or coarse % fine:
            raise ValueError(
                "Divisors of `levels` must come coarsest first, each a multiple of the "
                f"next; got {', '.join(map(str, divisors))}."
            )
    if divisors[0] > max(image_shape[:2]):
        raise ValueError(
            f"Divisors of `levels` must be at most {max(image_shape[:2])}, the size of "
            f"the image; got {divisors[0]}."
        )
    return checked


def latent_specs(image_shape, levels):
    """A `zoo.latents.LatentSpec` for each group: z_7x7_1, z_7x7_2, z_14x14_1, ...

    Args:
        image_shape: (H, W, C).
        levels: `Level`s, coarsest first.
    """
    specs = []
    for divisor, groups, channels, _ in levels:
        height, width = grid_of(image_shape, divisor, levels[0].divisor)
        for number in range(1, groups + 1):
            name = f"z_{height}x{width}_{number}"
            specs.append(LatentSpec(name, (height, width, channels)))
    return tuple(specs)
