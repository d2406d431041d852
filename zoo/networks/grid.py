"""Fully convolutional encoder and decoder: images to a coarser grid and back."""

import math

import keras
from keras import ops

from zoo.networks.pair import Networks
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.stages import (
    DoublingStages,
    HalvingStages,
    check_stages,
    halvings,
)


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
            data_format="channels_last",
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
            data_format="channels_last",
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


class LatentGridEncoder(GridEncoder):
    """Images (N, H, W, C) to means and log-variances of a grid's latents, (N, 2 D).

    Args:
        channels: latents at each of the h x w positions: D = h w channels.
        condition_dim: numbers an image beside its pixels that every position sees.
        options: as in `GridEncoder`.
    """

    # Posteriors start narrow, with a hundredth of the prior's variance: a decoder of
    # thousands of noisy latents takes epochs to find out what is signal.
    INITIAL_LOG_VAR = -4.0

    def __init__(self, channels, condition_dim=0, **options):
        super().__init__(channels, **options)
        self.condition_dim = condition_dim
        self.log_var_head = keras.layers.Conv2D(
            channels,
            1,
            data_format="channels_last",
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(self.INITIAL_LOG_VAR),
            dtype=self.dtype_policy,
            name="log_var_head",
        )

    def build(self, input_shape):
        shape = self.build_stages(input_shape)
        for head in (self.head, self.log_var_head):
            head.build((*shape[:3], shape[3] + self.condition_dim))
        self.built = True

    def call(self, images, condition=None):
        x = _with_condition(self.halve(images), condition, self.condition_dim)
        parts = self.head(x), self.log_var_head(x)
        size = math.prod(parts[0].shape[1:])
        return ops.concatenate([ops.reshape(p, (-1, size)) for p in parts], axis=-1)


class LatentGridDecoder(GridDecoder):
    """Latents (N, latent_dim), of a grid, to likelihood parameters (N, H, W, channels).

    Args:
        output_shape: (H, W, channels).
        condition_dim: how many numbers after the latents every position sees.
        options: as in `GridDecoder`.
    """

    def __init__(self, output_shape, condition_dim=0, **options):
        super().__init__(output_shape, **options)
        self.condition_dim = condition_dim

    def build(self, input_shape):
        height, width, _ = self.coarsest
        self.latents = input_shape[-1] - self.condition_dim
        self.grid = (height, width, self.latents // (height * width))
        super().build((None, *self.grid[:2], self.grid[2] + self.condition_dim))

    def call(self, z):
        grid = ops.reshape(z[:, : self.latents], (-1, *self.grid))
        return super().call(
            _with_condition(grid, z[:, self.latents :], self.condition_dim)
        )


def _with_condition(features, condition, condition_dim):
    """Features (N, h, w, D) with an image's condition (N, L) at each position."""
    if not condition_dim:
        return features
    _, height, width, _ = features.shape
    spread = ops.cast(condition, features.dtype)[:, None, None, :]
    spread = ops.tile(spread, (1, height, width, 1))
    return ops.concatenate([features, spread], axis=-1)


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
        block, activation: see `zoo.networks.stages.ConvBlock`.
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


def latent_grid_networks(
    image_shape,
    latent_dim,
    likelihood,
    *,
    filters,
    blocks_per_stage,
    block,
    activation,
    condition_dim=0,
    seed=None,
    dtype=None,
):
    """Networks of latents that lie on the coarsest grid: no dense layer between.

    Args:
        latent_dim: of the whole grid, a multiple of its h x w positions.
        image_shape, likelihood: of the model.
        filters, blocks_per_stage, block, activation: as in `grid_networks`.
        condition_dim: numbers that both networks see beside image and latent.
        seed, dtype: as in `zoo.VAE`.

    Returns:
        `LatentGridEncoder`, `LatentGridDecoder`.

    Raises:
        ValueError: if the latents do not go evenly onto the grid.
    """
    positions = grid_shape(image_shape, filters)
    channels, rest = divmod(latent_dim, math.prod(positions))
    if rest:
        raise ValueError(
            "Without hidden units `latent_dim` must be a multiple of the "
            f"{positions[0]} x {positions[1]} = {math.prod(positions)} positions of "
            f"the coarsest grid; got {latent_dim}."
        )
    height, width, colours = image_shape
    seeds = InitializerSeeds(seed)
    options = {
        "filters": filters,
        "blocks_per_stage": blocks_per_stage,
        "block": block,
        "activation": activation,
        "condition_dim": condition_dim,
        "dtype": dtype,
    }
    encoder = LatentGridEncoder(
        channels, **options, seed=seeds.next_seed(), name="encoder"
    )
    decoder = LatentGridDecoder(
        (height, width, likelihood.parameters(colours)),
        **options,
        seed=seeds.next_seed(),
        name="decoder",
    )
    return encoder, decoder
