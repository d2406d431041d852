"""The zoo's ladder of 28x28 images, hand-written in JAX."""

import itertools

import common
import jax
import jax.numpy as jnp
from peers_jax_conv import conv, depth_to_space, glorot, he_normal, small

COARSE, FINE = common.LADDER_FILTERS
(_, COARSE_GROUPS, COARSE_LATENTS), (_, FINE_GROUPS, FINE_LATENTS) = (
    common.LADDER_LEVELS
)


def initial_weights(key):
    """{name: layers}, a layer being (kernel, bias)."""
    keys = (jax.random.fold_in(key, i) for i in itertools.count())

    def layer(initializer, *shape):
        return initializer(next(keys), shape), jnp.zeros(shape[-1])

    def cell(channels, outputs, with_image=False):
        narrow = channels // 2
        layers = {
            "reduce": layer(he_normal, 1, 1, channels, narrow),
            "mix": layer(he_normal, 3, 3, narrow, narrow),
            "expand": layer(small, 1, 1, narrow, outputs),
        }
        if with_image:
            layers["reduce_image"] = layer(he_normal, 1, 1, channels, narrow)
        return layers

    def group(filters, latents):
        return {
            "prior": cell(filters, 2 * latents + filters),
            "posterior": cell(filters, 2 * latents, with_image=True),
            "project": layer(glorot, 1, 1, latents, filters),
            "block": cell(filters, filters),
        }

    return {
        "stem": layer(glorot, 3, 3, 4, FINE),
        "fine": cell(FINE, FINE),
        "down": layer(glorot, 2, 2, FINE, COARSE),
        "coarse": cell(COARSE, COARSE),
        "start": jnp.zeros((7, 7, COARSE)),
        "coarse_groups": [group(COARSE, COARSE_LATENTS) for _ in range(COARSE_GROUPS)],
        "up": layer(glorot, 1, 1, COARSE, 4 * FINE),
        "fine_groups": [group(FINE, FINE_LATENTS) for _ in range(FINE_GROUPS)],
        "last": cell(FINE, FINE),
        "head": layer(glorot, 3, 3, FINE, 4),
    }


def space_to_depth(x):
    """(N, 2H, 2W, C) to (N, H, W, 4C)."""
    count, height, width, channels = x.shape
    x = x.reshape(count, height // 2, 2, width // 2, 2, channels).swapaxes(2, 3)
    return x.reshape(count, height // 2, width // 2, 4 * channels)


def squeezed(log_var):
    return 10 * jnp.tanh(log_var / 10)


def bottleneck(layers, x, image=None):
    x = conv(layers["reduce"], jax.nn.relu(x))
    if image is not None:
        x = x + conv(layers["reduce_image"], jax.nn.relu(image))
    x = conv(layers["mix"], jax.nn.relu(x))
    return conv(layers["expand"], jax.nn.relu(x))


def block(layers, x):
    return x + bottleneck(layers, x)


def after_group(layers, state, image, key):
    """The state after a group, and its KL (N,)."""
    latents = layers["project"][0].shape[2]
    mean, log_var, update = jnp.split(
        bottleneck(layers["prior"], state), (latents, 2 * latents), axis=-1
    )
    log_var = squeezed(log_var)
    moved, widened = jnp.split(bottleneck(layers["posterior"], state, image), 2, -1)
    moved, widened = moved * jnp.exp(-0.5 * log_var), squeezed(widened)
    noise = moved + jnp.exp(0.5 * widened) * jax.random.normal(key, moved.shape)
    z = mean + jnp.exp(0.5 * log_var) * noise
    kl = 0.5 * jnp.sum(jnp.exp(widened) + moved**2 - 1 - widened, axis=(1, 2, 3))
    state = state + update + conv(layers["project"], z)
    return block(layers["block"], state), kl


def negative_elbo(weights, x, key):
    """-ELBO, averaged over a batch (N, 28, 28, 1), in nats."""
    fine = block(weights["fine"], conv(weights["stem"], space_to_depth(x)))
    # A kernel of 2x2 on even sizes: "SAME" pads nothing.
    coarse = block(weights["coarse"], conv(weights["down"], fine, stride=2))
    state = jnp.broadcast_to(weights["start"], (len(x), *weights["start"].shape))
    keys = iter(jax.random.split(key, COARSE_GROUPS + FINE_GROUPS))
    total = 0.0
    for layers in weights["coarse_groups"]:
        state, kl = after_group(layers, state, coarse, next(keys))
        total = total + kl
    state = depth_to_space(conv(weights["up"], jax.nn.relu(state)))
    for layers in weights["fine_groups"]:
        state, kl = after_group(layers, state, fine, next(keys))
        total = total + kl
    logits = conv(weights["head"], jax.nn.relu(block(weights["last"], state)))
    logits = depth_to_space(logits)
    # log(1 + exp(l)) - x l is the cross-entropy of Bernoulli(sigmoid(l)).
    reconstruction = jax.nn.softplus(logits) - x * logits
    return jnp.mean(jnp.sum(reconstruction, axis=(1, 2, 3)) + total)
