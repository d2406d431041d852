"""What every likelihood p(x|z) has."""

import math

import keras
from keras import ops


class Likelihood(keras.layers.Layer):
    """Base of all likelihoods; may own weights.

    A subclass says how many decoder outputs a pixel needs, by the attribute
    `parameters_per_channel` or by overriding `parameters`, scores images and gives
    their expectation. `discretized` ones are probabilities of a grid of levels, and
    `fit` logs bits per dimension for them.
    """

    parameters_per_channel = 1
    discretized = False

    def parameters(self, channels):
        """How many decoder outputs a pixel of `channels` channels needs, P."""
        return self.parameters_per_channel * channels

    def log_prob(self, x, parameters):
        """log p(x|z) in nats, summed over pixels and channels.

        Args:
            x: images (N, H, W, C) in [0, 1].
            parameters: decoder outputs (..., N, H, W, P), P = self.parameters(C).

        Returns:
            float32 tensor (..., N).
        """
        raise NotImplementedError

    def mean(self, parameters):
        """E[x|z] in [0, 1], (..., H, W, C)."""
        raise NotImplementedError


def sum_over_pixels(values):
    """(..., H, W, C) to (...)."""
    return ops.sum(values, axis=(-3, -2, -1))


def flatten_pixels(values):
    """(..., H, W, C) to (..., H * W * C).

    What is computed and summed along one axis takes XLA a third of the time on a CPU
    that it takes along three whose last is 1.
    """
    return ops.reshape(values, (*ops.shape(values)[:-3], math.prod(values.shape[-3:])))


def nearest_level(x, num_levels):
    """The number 0 ... num_levels - 1 of each pixel's level, as float32."""
    top = num_levels - 1
    return ops.clip(ops.round(ops.cast(x, "float32") * top), 0, top)
