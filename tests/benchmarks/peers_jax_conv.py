"""The zoo's convolutional VAE of 28x28 images, hand-written in JAX."""

import itertools

import common
import jax
import jax.numpy as jnp

FINE, COARSE = common.CONV_FILTERS
he_normal = jax.nn.initializers.he_normal()
glorot = jax.nn.initializers.glorot_uniform()
small = jax.nn.initializers.normal(0.01)


def initial_weights(key, hidden=common.CONV_HIDDEN_UNITS, latent=common.LATENT_DIM):
    """{"encoder": ..., "decoder": ...}, each {layer: (kernel, bias)}."""
    keys = (jax.random.fold_in(key, i) for i in itertools.count())

    def layer(initializer, *shape):
        return initializer(next(keys), shape), jnp.zeros(shape[-1])

    def block(channels):
        narrow = channels // 2
        return {
            "reduce": layer(he_normal, 1, 1, channels, narrow),
            "mix": layer(he_normal, 3, 3, narrow, narrow),
            "expand": layer(small, 1, 1, narrow, 2 * channels),
        }

    features = 7 * 7 * COARSE
    encoder = {
        "down_fine": layer(glorot, 3, 3, 1, FINE),
        "block_fine": block(FINE),
        "down_coarse": layer(glorot, 3, 3, FINE, COARSE),
        "block_coarse": block(COARSE),
        "hidden": layer(he_normal, features, hidden),
        "head": layer(glorot, hidden, 2 * latent),
    }
    decoder = {
        "hidden": layer(he_normal, latent, hidden),
        "project": layer(glorot, hidden, features),
        "block_coarse": block(COARSE),
        "up_coarse": layer(glorot, 1, 1, COARSE, 4 * FINE),
        "block_fine": block(FINE),
        "up_fine": layer(glorot, 3, 3, FINE, 4),
    }
    return {"encoder": encoder, "decoder": decoder}


def dense(layer, x):
    kernel, bias = layer
    return x @ kernel + bias


def conv(layer, x, stride=1):
    kernel, bias = layer
    x = jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return x + bias


def gated_block(layers, x):
    """x plus a gated bottleneck of half the channels."""
    update = conv(layers["reduce"], jax.nn.silu(x))
    update = conv(layers["mix"], jax.nn.silu(update))
    update = conv(layers["expand"], jax.nn.silu(update))
    value, gate = jnp.split(update, 2, axis=-1)
    return x + value * jax.nn.sigmoid(gate)


def depth_to_space(x):
    """(N, H, W, 4C) to (N, 2H, 2W, C)."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height, width, 2, 2, channels // 4)
    x = x.swapaxes(2, 3)
    return x.reshape(count, 2 * height, 2 * width, channels // 4)


def encode(layers, x):
    """Images (N, 28, 28, 1) to means and log-variances (N, 2 latent)."""
    x = gated_block(layers["block_fine"], conv(layers["down_fine"], x, stride=2))
    x = conv(layers["down_coarse"], jax.nn.silu(x), stride=2)
    x = jax.nn.silu(gated_block(layers["block_coarse"], x))
    x = jax.nn.silu(dense(layers["hidden"], x.reshape(len(x), -1)))
    return dense(layers["head"], x)


def decode(layers, z):
    """Latents (N, latent) to logits (N, 28, 28, 1)."""
    x = dense(layers["project"], jax.nn.silu(dense(layers["hidden"], z)))
    x = gated_block(layers["block_coarse"], x.reshape(-1, 7, 7, COARSE))
    x = depth_to_space(conv(layers["up_coarse"], jax.nn.silu(x)))
    x = gated_block(layers["block_fine"], x)
    return depth_to_space(conv(layers["up_fine"], jax.nn.silu(x)))
