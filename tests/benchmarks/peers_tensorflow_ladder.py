"""The zoo's ladder of 28x28 images, hand-written in TensorFlow."""

import common
import tensorflow as tf
from peers_tensorflow_conv import conv, glorot, he_normal, layer

COARSE, FINE = common.LADDER_FILTERS
(_, COARSE_GROUPS, COARSE_LATENTS), (_, FINE_GROUPS, FINE_LATENTS) = (
    common.LADDER_LEVELS
)


class Ladder(tf.Module):
    def __init__(self):
        super().__init__()
        self.stem = layer(glorot(), 3, 3, 4, FINE)
        self.fine = cell(FINE, FINE)
        self.down = layer(glorot(), 2, 2, FINE, COARSE)
        self.coarse = cell(COARSE, COARSE)
        self.start = tf.Variable(tf.zeros((7, 7, COARSE)))
        self.coarse_groups = [
            group(COARSE, COARSE_LATENTS) for _ in range(COARSE_GROUPS)
        ]
        self.up = layer(glorot(), 1, 1, COARSE, 4 * FINE)
        self.fine_groups = [group(FINE, FINE_LATENTS) for _ in range(FINE_GROUPS)]
        self.last = cell(FINE, FINE)
        self.head = layer(glorot(), 3, 3, FINE, 4)

    def logits_and_kl(self, x):
        """Logits (N, 28, 28, 1) of images, and the KL of all groups (N,)."""
        fine = block(self.fine, conv(self.stem, tf.nn.space_to_depth(x, 2)))
        # A kernel of 2x2 on even sizes: "SAME" pads nothing.
        coarse = block(self.coarse, conv(self.down, fine, stride=2))
        state = tf.broadcast_to(self.start, (tf.shape(x)[0], *self.start.shape))
        total = 0.0
        for layers in self.coarse_groups:
            state, kl = after_group(layers, state, coarse)
            total += kl
        state = tf.nn.depth_to_space(conv(self.up, tf.nn.relu(state)), 2)
        for layers in self.fine_groups:
            state, kl = after_group(layers, state, fine)
            total += kl
        logits = conv(self.head, tf.nn.relu(block(self.last, state)))
        return tf.nn.depth_to_space(logits, 2), total


def cell(channels, outputs, with_image=False):
    narrow = channels // 2
    layers = {
        "reduce": layer(he_normal(), 1, 1, channels, narrow),
        "mix": layer(he_normal(), 3, 3, narrow, narrow),
        "expand": layer(tf.initializers.RandomNormal(0, 0.01), 1, 1, narrow, outputs),
    }
    if with_image:
        layers["reduce_image"] = layer(he_normal(), 1, 1, channels, narrow)
    return layers


def group(filters, latents):
    return {
        "prior": cell(filters, 2 * latents + filters),
        "posterior": cell(filters, 2 * latents, with_image=True),
        "project": layer(glorot(), 1, 1, latents, filters),
        "block": cell(filters, filters),
    }


def squeezed(log_var):
    return 10 * tf.tanh(log_var / 10)


def bottleneck(layers, x, image=None):
    x = conv(layers["reduce"], tf.nn.relu(x))
    if image is not None:
        x += conv(layers["reduce_image"], tf.nn.relu(image))
    x = conv(layers["mix"], tf.nn.relu(x))
    return conv(layers["expand"], tf.nn.relu(x))


def block(layers, x):
    return x + bottleneck(layers, x)


def after_group(layers, state, image):
    """The state after a group, and its KL (N,)."""
    filters, latents = state.shape[-1], layers["project"][0].shape[2]
    mean, log_var, update = tf.split(
        bottleneck(layers["prior"], state), (latents, latents, filters), axis=-1
    )
    log_var = squeezed(log_var)
    moved, widened = tf.split(bottleneck(layers["posterior"], state, image), 2, -1)
    moved, widened = moved * tf.exp(-0.5 * log_var), squeezed(widened)
    noise = moved + tf.exp(0.5 * widened) * tf.random.normal(tf.shape(moved))
    z = mean + tf.exp(0.5 * log_var) * noise
    kl = tf.exp(widened) + tf.square(moved) - 1 - widened
    state = state + update + conv(layers["project"], z)
    return block(layers["block"], state), 0.5 * tf.reduce_sum(kl, axis=(1, 2, 3))


def negative_elbo(model, x):
    """-ELBO, averaged over a batch (N, 28, 28, 1), in nats."""
    logits, kl = model.logits_and_kl(x)
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
    return tf.reduce_mean(tf.reduce_sum(errors, axis=(1, 2, 3)) + kl)
