"""One step of a flow: some dimensions are scaled and moved, as the others say."""

import keras
import numpy as np
from keras import ops

# A step scales by exp(-1) to exp(1): the 16 that a dimension goes through at most leave
# it finite in float32. On latents of MNIST, log-scales of up to 2 fitted no better, and
# noise of twice its size became latents twice as far out.
LOG_SCALE_LIMIT = 1.0


class AffineCoupling(keras.layers.Layer):
    """z = noise * exp(log_scale) + shift, where a network of the fixed dimensions gives
    log_scale and shift of the others.

    Dinh et al., "Density estimation using Real NVP", 2017, equations 7 and 9. The
    network has one hidden layer, and computes in float32 whatever the dtype policy.
    With its last layer zero, as it starts, the step changes nothing.

    Args:
        fixed: for each dimension whether the step leaves it as it is.
        hidden_units: units of the hidden layer.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(self, fixed, hidden_units, seed=None, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.fixed = np.asarray(fixed, "float32")
        self.hidden = keras.layers.Dense(
            hidden_units,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed=seed),
            dtype="float32",
            name="hidden",
        )
        self.head = keras.layers.Dense(
            2 * len(self.fixed),
            kernel_initializer="zeros",
            dtype="float32",
            name="head",
        )

    def build(self, input_shape):
        self.hidden.build((None, len(self.fixed)))
        self.head.build((None, self.hidden.units))
        self.built = True

    def parameters(self, z):
        """(log_scale, shift), (..., D) each and 0 where `z` (..., D) stays."""
        raw = self.head(self.hidden(ops.multiply(z, self.fixed)))
        raw = ops.multiply(raw, np.tile(1 - self.fixed, 2))
        log_scale, shift = ops.split(raw, 2, axis=-1)
        return LOG_SCALE_LIMIT * ops.tanh(log_scale / LOG_SCALE_LIMIT), shift

    def call(self, noise):
        """z (..., D) from noise (..., D)."""
        log_scale, shift = self.parameters(noise)
        return noise * ops.exp(log_scale) + shift

    def inverse(self, z):
        """(noise, log |d noise / d z|): (..., D) to (..., D) and nats (...)."""
        log_scale, shift = self.parameters(z)
        return (z - shift) * ops.exp(-log_scale), -ops.sum(log_scale, axis=-1)
