"""Fully connected encoder and decoder for images of any size."""

from typing import Any

import keras
from keras import ops

from zoo.networks.pair import Networks
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.sizes import check_sizes


class DenseStack(keras.layers.Layer):
    """Hidden layers one after another, plain or gated.

    A gated layer is (W h + b) * sigmoid(V h + c): Dauphin et al., "Language Modeling
    with Gated Convolutional Networks", 2017, as in Tomczak & Welling, "VAE with a
    VampPrior", 2018. Both halves come from one matrix product.

    Args:
        hidden_units: units of each layer.
        gated: gated layers instead of plain ones.
        activation: activation of plain layers.
        seeds: `InitializerSeeds`.
        batch_norm: normalize what a layer computes before its activation (Ioffe &
            Szegedy, "Batch Normalization", 2015), in training by the batch.
    """

    def __init__(
        self, hidden_units, gated, activation, seeds, batch_norm=False, **kwargs
    ):
        super().__init__(**kwargs)
        self.gated = gated
        self.hidden = [
            keras.layers.Dense(
                units * (2 if gated else 1),
                activation=None if gated or batch_norm else activation,
                use_bias=not batch_norm,
                kernel_initializer=seeds.glorot_uniform(),
                dtype=self.dtype_policy,
                name=f"hidden_{i}",
            )
            for i, units in enumerate(hidden_units)
        ]
        self.norms = [
            keras.layers.BatchNormalization(dtype=self.dtype_policy, name=f"norm_{i}")
            for i in range(len(hidden_units) if batch_norm else 0)
        ]
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        width = input_shape[-1]
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units // (2 if self.gated else 1)
        for layer, norm in zip(self.hidden, self.norms, strict=False):
            norm.build((None, layer.units))
        self.output_width = width
        self.built = True

    def call(self, x, training=False):
        for i, layer in enumerate(self.hidden):
            x = layer(x)
            if self.norms:
                x = self.norms[i](x, training=training)
                x = x if self.gated else self.activation(x)
            if self.gated:
                value, gate = ops.split(x, 2, axis=-1)
                x = value * ops.sigmoid(gate)
        return x


class DenseEncoder(keras.layers.Layer):
    """Images (N, H, W, C) to numbers (N, num_outputs).

    Args:
        num_outputs: size of the output, 2 * latent_dim for a diagonal Gaussian.
        hidden_units, gated, activation: as in `DenseStack`.
        condition_dim: numbers an image beside its pixels that the encoder sees.
        seed: integer that fixes the initial weights, or None.
        batch_norm: as in `DenseStack`.
    """

    def __init__(
        self,
        num_outputs,
        hidden_units,
        gated,
        activation,
        condition_dim=0,
        seed=None,
        batch_norm=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        seeds = InitializerSeeds(seed)
        self.condition_dim = condition_dim
        options = {"dtype": self.dtype_policy}
        self.flatten = keras.layers.Flatten("channels_last", **options)
        self.stack = DenseStack(
            hidden_units, gated, activation, seeds, batch_norm, name="stack", **options
        )
        self.head = keras.layers.Dense(
            num_outputs,
            kernel_initializer=seeds.glorot_uniform(),
            name="head",
            **options,
        )

    def build(self, input_shape):
        _, height, width, channels = input_shape
        self.flatten.build(input_shape)
        self.stack.build((None, height * width * channels + self.condition_dim))
        self.head.build((None, self.stack.output_width))
        self.built = True

    def call(self, images, condition=None, training=False):
        x = self.flatten(images)
        if self.condition_dim:
            x = ops.concatenate([x, ops.cast(condition, x.dtype)], axis=-1)
        return self.head(self.stack(x, training=training))


class DenseDecoder(keras.layers.Layer):
    """Latents (N, latent_dim) to likelihood parameters (N, H, W, channels).

    Args:
        output_shape: (H, W, channels).
        hidden_units, gated, activation, batch_norm: as in `DenseStack`.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self,
        output_shape,
        hidden_units,
        gated,
        activation,
        seed=None,
        batch_norm=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        seeds = InitializerSeeds(seed)
        options = {"dtype": self.dtype_policy}
        height, width, channels = output_shape
        self.stack = DenseStack(
            hidden_units, gated, activation, seeds, batch_norm, name="stack", **options
        )
        self.head = keras.layers.Dense(
            height * width * channels,
            kernel_initializer=seeds.glorot_uniform(),
            name="head",
            **options,
        )
        self.unflatten = keras.layers.Reshape(output_shape, **options)

    def build(self, input_shape):
        self.stack.build(input_shape)
        self.head.build((None, self.stack.output_width))
        self.unflatten.build((None, self.head.units))
        self.built = True

    def call(self, z, training=False):
        return self.unflatten(self.head(self.stack(z, training=training)))


def dense_networks(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    likelihood: Any,
    *,
    hidden_units: tuple[int, ...] = (400, 400),
    gated: bool = False,
    activation: str = "relu",
    batch_norm: bool = False,
    condition_dim: int = 0,
    num_outputs: int | None = None,
    seed: int | None = None,
    dtype: Any = None,
) -> Networks:
    """A `DenseEncoder` and a `DenseDecoder` that fit together: `zoo.networks.Networks`.

    Args:
        image_shape, latent_dim, likelihood: of the model.
        hidden_units: units of each hidden layer of the encoder; the decoder has the
            same in reverse.
        gated, activation, batch_norm: as in `DenseStack`.
        condition_dim: numbers that both networks see beside image and latent.
        num_outputs: numbers an image that the encoder gives, if not 2 * latent_dim.
        seed, dtype: as in `zoo.VAE`.

    Raises:
        ValueError: for arguments out of range.
    """
    hidden_units = check_sizes(hidden_units, "hidden_units")
    height, width, channels = image_shape
    seeds = InitializerSeeds(seed)
    encoder = DenseEncoder(
        num_outputs or 2 * latent_dim,
        hidden_units,
        gated,
        activation,
        condition_dim,
        seed=seeds.next_seed(),
        batch_norm=batch_norm,
        dtype=dtype,
        name="encoder",
    )
    decoder = DenseDecoder(
        (height, width, likelihood.parameters(channels)),
        hidden_units[::-1],
        gated,
        activation,
        seed=seeds.next_seed(),
        batch_norm=batch_norm,
        dtype=dtype,
        name="decoder",
    )
    config = {
        "hidden_units": list(hidden_units),
        "gated": bool(gated),
        "activation": activation,
        # Left out where there is none: presets of before stay as they are.
        **({"batch_norm": True} if batch_norm else {}),
    }
    return Networks(encoder, decoder, config)
