"""Convolutional encoder and decoder, with dense layers around the latents."""

from typing import Any

import keras
from keras import ops

from zoo.networks.grid import latent_grid_networks
from zoo.networks.pair import Networks
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.stages import DoublingStages, HalvingStages, check_stages
from zoo.validation import check_whole_number


class ConvEncoder(HalvingStages):
    """Images (N, H, W, C) to numbers (N, num_outputs).

    Args:
        num_outputs: size of the output, 2 * latent_dim for a diagonal Gaussian.
        filters: channels of each stage, finest first.
        blocks_per_stage, block, activation: see `ConvBlock`.
        hidden_units: width of the dense layer between convolutions and latents.
        condition_dim: numbers an image beside its pixels that this layer sees.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        num_outputs,
        filters,
        blocks_per_stage,
        block,
        hidden_units,
        activation,
        condition_dim=0,
        seed=None,
        **kwargs,
    ):
        seeds = InitializerSeeds(seed)
        super().__init__(filters, blocks_per_stage, block, activation, seeds, **kwargs)
        self.condition_dim = condition_dim
        dtype = self.dtype_policy
        self.flatten = keras.layers.Flatten("channels_last", dtype=dtype)
        self.hidden = keras.layers.Dense(
            hidden_units,
            activation=activation,
            kernel_initializer=seeds.he_normal(),
            dtype=dtype,
            name="hidden",
        )
        self.head = keras.layers.Dense(
            num_outputs,
            kernel_initializer=seeds.glorot_uniform(),
            dtype=dtype,
            name="head",
        )

    def build(self, input_shape):
        shape = self.build_stages(input_shape)
        self.flatten.build(shape)
        features = shape[1] * shape[2] * shape[3]
        self.hidden.build((None, features + self.condition_dim))
        self.head.build((None, self.hidden.units))
        self.built = True

    def call(self, images, condition=None):
        x = self.flatten(self.halve(images))
        if self.condition_dim:
            x = ops.concatenate([x, ops.cast(condition, x.dtype)], axis=-1)
        return self.head(self.hidden(x))


class ConvDecoder(DoublingStages):
    """Latents (N, latent_dim) to likelihood parameters (N, H, W, channels).

    Args:
        output_shape: (H, W, channels).
        filters: channels of each stage, finest first, as for the encoder.
        blocks_per_stage, block, activation: see `ConvBlock`.
        hidden_units: width of the dense layer between convolutions and latents.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        output_shape,
        filters,
        blocks_per_stage,
        block,
        hidden_units,
        activation,
        seed=None,
        **kwargs,
    ):
        super().__init__(output_shape, filters, activation, **kwargs)
        seeds = InitializerSeeds(seed)
        dtype = self.dtype_policy
        self.hidden = keras.layers.Dense(
            hidden_units,
            activation=activation,
            kernel_initializer=seeds.he_normal(),
            dtype=dtype,
            name="hidden",
        )
        self.project = keras.layers.Dense(
            self.coarsest[0] * self.coarsest[1] * self.coarsest[2],
            kernel_initializer=seeds.glorot_uniform(),
            dtype=dtype,
            name="project",
        )
        self.unflatten = keras.layers.Reshape(self.coarsest, dtype=dtype)
        self.make_stages(blocks_per_stage, block, activation, seeds)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.project.build((None, self.hidden.units))
        self.unflatten.build((None, self.project.units))
        self.build_stages()
        self.built = True

    def call(self, z):
        return self.double(self.unflatten(self.project(self.hidden(z))))


def conv_networks(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    likelihood: Any,
    *,
    filters: tuple[int, ...] = (32, 64),
    blocks_per_stage: int = 2,
    block: str = "gated",
    hidden_units: int = 256,
    activation: str = "silu",
    condition_dim: int = 0,
    num_outputs: int | None = None,
    seed: int | None = None,
    dtype: Any = None,
) -> Networks:
    """A `ConvEncoder` and a `ConvDecoder` that fit together: `zoo.networks.Networks`.

    Args:
        image_shape, latent_dim, likelihood: of the model.
        filters: channels of each stage, finest first.
        blocks_per_stage: convolutional blocks in each stage, >= 0.
        block, activation: see `ConvBlock`.
        hidden_units: width of the dense layer between convolutions and latents. None
            for no dense layers: latents lie on the coarsest grid, `latent_dim` divided
            by its positions at each.
        condition_dim: numbers that both networks see beside image and latent.
        num_outputs: numbers an image that the encoder gives, if not 2 * latent_dim; not
            of latents on a grid.
        seed, dtype: as in `zoo.VAE`.

    Raises:
        ValueError: for arguments out of range.
    """
    filters, blocks_per_stage = check_stages(filters, blocks_per_stage, block)
    options = {
        "filters": filters,
        "blocks_per_stage": blocks_per_stage,
        "block": block,
        "activation": activation,
    }
    config = {**options, "filters": list(filters), "hidden_units": hidden_units}
    if hidden_units is None:
        encoder, decoder = latent_grid_networks(
            image_shape,
            latent_dim,
            likelihood,
            **options,
            condition_dim=condition_dim,
            seed=seed,
            dtype=dtype,
        )
        return Networks(encoder, decoder, config)
    height, width, channels = image_shape
    seeds = InitializerSeeds(seed)
    options["hidden_units"] = check_whole_number(hidden_units, "hidden_units", 1)
    encoder = ConvEncoder(
        num_outputs or 2 * latent_dim,
        **options,
        condition_dim=condition_dim,
        seed=seeds.next_seed(),
        dtype=dtype,
        name="encoder",
    )
    decoder = ConvDecoder(
        (height, width, likelihood.parameters(channels)),
        **options,
        seed=seeds.next_seed(),
        dtype=dtype,
        name="decoder",
    )
    return Networks(encoder, decoder, config)
