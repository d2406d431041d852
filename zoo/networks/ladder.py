"""A ladder of latents: up from the image without noise, down again group by group.

The operations are those that `zoo.networks.stages` found fast on every backend. Grids
are made coarser by a convolution as wide as its stride, and finer by a 1x1 convolution
followed by depth-to-space. Images that do not divide are padded first, and cropped at
the end.
"""

import itertools

import keras
from keras import ops

from zoo.networks.ladder_decoder import LadderDecoder, conv
from zoo.networks.levels import check_levels, grid_of
from zoo.networks.pair import Networks
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.stages import ConvBlock, check_stages, space_to_depth


class LadderEncoder(keras.layers.Layer):
    """Images (N, H, W, C) to features of each level, coarsest first; without noise.

    Args:
        image_shape: (H, W, C).
        levels: `Level`s, coarsest first.
        blocks_per_level, block, activation: see `zoo.networks.stages.ConvBlock`.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        image_shape,
        levels,
        blocks_per_level,
        block,
        activation,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        seeds = InitializerSeeds(seed)
        self.image_shape, self.levels = tuple(image_shape), tuple(levels)
        dtype = self.dtype_policy
        self.stem = conv(levels[-1].filters, 3, seeds.glorot_uniform(), dtype, "stem")
        self.downs, self.stages = [], []
        for finer, level in itertools.pairwise(reversed(levels)):
            factor = level.divisor // finer.divisor
            self.downs.append(
                conv(
                    level.filters,
                    factor,
                    seeds.glorot_uniform(),
                    dtype,
                    f"down_{len(self.downs)}",
                    strides=factor,
                )
            )
        for i, level in enumerate(reversed(levels)):
            self.stages.append(
                [
                    ConvBlock(
                        level.filters,
                        block,
                        activation,
                        seeds,
                        dtype=dtype,
                        name=f"level_{i}_block_{j}",
                    )
                    for j in range(blocks_per_level)
                ]
            )

    def build(self, input_shape):
        channels, coarsest = self.image_shape[2], self.levels[0].divisor
        for i, level in enumerate(reversed(self.levels)):
            grid = grid_of(self.image_shape, level.divisor, coarsest)
            if i == 0:
                self.stem.build((None, *grid, channels * level.divisor**2))
            for block in self.stages[i]:
                block.build((None, *grid, level.filters))
            if i < len(self.downs):
                self.downs[i].build((None, *grid, level.filters))
        self.built = True

    def call(self, images):
        height, width, _ = self.image_shape
        padded = grid_of(self.image_shape, 1, self.levels[0].divisor)
        widths = (padded[0] - height, padded[1] - width)
        x = images
        if any(widths):
            x = ops.pad(x, ((0, 0), (0, widths[0]), (0, widths[1]), (0, 0)))
        x = self.stem(space_to_depth(x, self.levels[-1].divisor))
        features = []
        for i, stage in enumerate(self.stages):
            for block in stage:
                x = block(x)
            features.insert(0, x)
            if i < len(self.downs):
                x = self.downs[i](x)
        return tuple(features)


def ladder_networks(
    image_shape,
    levels,
    likelihood,
    *,
    filters: int | tuple[int, ...] = 64,
    blocks_per_level=2,
    block="gated",
    activation="silu",
    label_dim=0,
    seed=None,
    dtype=None,
):
    """A `LadderEncoder` and a `LadderDecoder` that fit together.

    Args:
        image_shape, likelihood: of the model.
        levels: (divisor, groups, channels) of each level, coarsest first.
        filters: channels, one number or one for each level.
        blocks_per_level, block, activation: see `zoo.networks.stages.ConvBlock`.
        label_dim: how many numbers about a label the way down begins with.
        seed, dtype: as in `zoo.VAE`.

    Returns:
        `zoo.networks.pair.Networks`.

    Raises:
        ValueError: for arguments out of range.
    """
    levels = check_levels(levels, filters, image_shape)
    each = [level.filters for level in levels]
    _, blocks_per_level = check_stages(each, blocks_per_level, block)
    height, width, channels = image_shape
    seeds = InitializerSeeds(seed)
    options = {"block": block, "activation": activation, "dtype": dtype}
    encoder = LadderEncoder(
        image_shape,
        levels,
        blocks_per_level,
        seed=seeds.next_seed(),
        name="encoder",
        **options,
    )
    decoder = LadderDecoder(
        (height, width, likelihood.parameters(channels)),
        levels,
        label_dim=label_dim,
        seed=seeds.next_seed(),
        name="decoder",
        **options,
    )
    config = {
        "levels": [list(level[:3]) for level in levels],
        "filters": each,
        "blocks_per_level": blocks_per_level,
        "block": block,
        "activation": activation,
    }
    return Networks(encoder, decoder, config)
