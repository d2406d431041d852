"""The zoo's convolutional VAE of 28x28 images, hand-written in TensorFlow."""

import common
import tensorflow as tf

FINE, COARSE = common.CONV_FILTERS
he_normal = tf.initializers.HeNormal
glorot = tf.initializers.GlorotUniform


class ConvVAE(tf.Module):
    def __init__(self, hidden=common.CONV_HIDDEN_UNITS, latent=common.LATENT_DIM):
        super().__init__()
        features = 7 * 7 * COARSE
        self.down_fine = layer(glorot(), 3, 3, 1, FINE)
        self.encoder_fine = block(FINE)
        self.down_coarse = layer(glorot(), 3, 3, FINE, COARSE)
        self.encoder_coarse = block(COARSE)
        self.hidden_in = layer(he_normal(), features, hidden)
        self.head = layer(glorot(), hidden, 2 * latent)
        self.hidden_out = layer(he_normal(), latent, hidden)
        self.project = layer(glorot(), hidden, features)
        self.decoder_coarse = block(COARSE)
        self.up_coarse = layer(glorot(), 1, 1, COARSE, 4 * FINE)
        self.decoder_fine = block(FINE)
        self.up_fine = layer(glorot(), 3, 3, FINE, 4)

    def encode(self, x):
        """Images (N, 28, 28, 1) to means and log-variances (N, 2 latent)."""
        x = gated_block(self.encoder_fine, conv(self.down_fine, x, stride=2))
        x = conv(self.down_coarse, tf.nn.silu(x), stride=2)
        x = tf.nn.silu(gated_block(self.encoder_coarse, x))
        x = tf.nn.silu(dense(self.hidden_in, tf.reshape(x, (-1, 7 * 7 * COARSE))))
        return dense(self.head, x)

    def decode(self, z):
        """Latents (N, latent) to logits (N, 28, 28, 1)."""
        x = dense(self.project, tf.nn.silu(dense(self.hidden_out, z)))
        x = gated_block(self.decoder_coarse, tf.reshape(x, (-1, 7, 7, COARSE)))
        x = tf.nn.depth_to_space(conv(self.up_coarse, tf.nn.silu(x)), 2)
        x = gated_block(self.decoder_fine, x)
        return tf.nn.depth_to_space(conv(self.up_fine, tf.nn.silu(x)), 2)


def layer(initializer, *shape):
    """(kernel, bias)"""
    return tf.Variable(initializer(shape)), tf.Variable(tf.zeros(shape[-1]))


def block(channels):
    narrow = channels // 2
    return {
        "reduce": layer(he_normal(), 1, 1, channels, narrow),
        "mix": layer(he_normal(), 3, 3, narrow, narrow),
        "expand": layer(
            tf.initializers.RandomNormal(0, 0.01), 1, 1, narrow, 2 * channels
        ),
    }


def dense(weights, x):
    kernel, bias = weights
    return tf.nn.bias_add(x @ kernel, bias)


def conv(weights, x, stride=1):
    kernel, bias = weights
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, "SAME"), bias)


def gated_block(layers, x):
    """x plus a gated bottleneck of half the channels."""
    update = conv(layers["reduce"], tf.nn.silu(x))
    update = conv(layers["mix"], tf.nn.silu(update))
    update = conv(layers["expand"], tf.nn.silu(update))
    value, gate = tf.split(update, 2, axis=-1)
    return x + value * tf.sigmoid(gate)


def negative_elbo(model, x):
    """-ELBO, averaged over a batch (N, 28, 28, 1), in nats."""
    mean, log_var = tf.split(model.encode(x), 2, axis=1)
    z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=model.decode(z))
    kl = -0.5 * tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=1)
    return tf.reduce_mean(tf.reduce_sum(errors, axis=(1, 2, 3)) + kl)
