"""Fully convolutional encoder and decoder: images to a coarser grid and back."""

import keras

from zoo.networks.conv import (
    DoublingStages,
    HalvingStages,
    check_stages,
    halvings,
)
from zoo.networks.pair import Networks
from zoo.networks.seeding import InitializerSeeds


class GridEncoder(HalvingStages):
    """Images (N, H, W, C) to features (N, h, w, num_outputs).

    Args:
        num_outputs: features at each position.
        filters, blocks_per_stage, block, activation: see `HalvingStages`.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        num_outputs,
        filters,
        blocks_per_stage,
        block,
        activation,
        seed=None,
        **kwargs,
    ):
        seeds = InitializerSeeds(seed)
        super().__init__(filters, blocks_per_stage, block, activation, seeds, **kwargs)
        self.head = keras.layers.Conv2D(
            num_outputs,
            1,
            kernel_initializer=seeds.glorot_uniform(),
            dtype=self.dtype_policy,
            name="head",
        )

    def build(self, input_shape):
        self.head.build(self.build_stages(input_shape))
        self.built = True

    def call(self, images):
        return self.head(self.halve(images))


class GridDecoder(DoublingStages):
    """Features (N, h, w, D) to likelihood parameters (N, H, W, channels).

    Args:
        output_shape: (H, W, channels).
        filters, blocks_per_stage, block, activation: see `DoublingStages`.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        output_shape,
        filters,
        blocks_per_stage,
        block,
        activation,
        seed=None,
        **kwargs,
    ):
        super().__init__(output_shape, filters, activation, **kwargs)
        seeds = InitializerSeeds(seed)
        self.stem = keras.layers.Conv2D(
            filters[-1],
            3,
            padding="same",
            kernel_initializer=seeds.glorot_uniform(),
            dtype=self.dtype_policy,
            name="stem",
        )
        self.make_stages(blocks_per_stage, block, activation, seeds)

    def build(self, input_shape):
        self.stem.build((None, *self.coarsest[:2], input_shape[-1]))
        self.build_stages()
        self.built = True

    def call(self, features):
        return self.double(self.stem(features))


def grid_shape(image_shape, filters):
    """(h, w), the grid that an image of (H, W, C) becomes: halved for each stage."""
    height, width, _ = image_shape
    return halvings(height, len(filters)), halvings(width, len(filters))


def grid_networks(
    image_shape,
    code_dim,
    likelihood,
    *,
    filters=(32, 64),
    blocks_per_stage=2,
    block="gated",
    activation="silu",
    seed=None,
    dtype=None,
):
    """A `GridEncoder` and a `GridDecoder` that fit together: `zoo.networks.Networks`.

    Args:
        image_shape, code_dim, likelihood: of the model.
        filters: channels of each stage, finest first.
        blocks_per_stage: convolutional blocks in each stage, >= 0.
        block, activation: see `zoo.networks.conv.ConvBlock`.
        seed, dtype: as in `zoo.VAE`.

    Raises:
        ValueError: for arguments out of range.
    """
    filters, blocks_per_stage = check_stages(filters, blocks_per_stage, block)
    height, width, channels = image_shape
    seeds = InitializerSeeds(seed)
    options = {
        "filters": filters,
        "blocks_per_stage": blocks_per_stage,
        "block": block,
        "activation": activation,
    }
    encoder = GridEncoder(
        code_dim, **options, seed=seeds.next_seed(), dtype=dtype, name="encoder"
    )
    decoder = GridDecoder(
        (height, width, likelihood.parameters(channels)),
        **options,
        seed=seeds.next_seed(),
        dtype=dtype,
        name="decoder",
    )
    return Networks(encoder, decoder, {**options, "filters": list(filters)})
