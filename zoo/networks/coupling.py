"""Steps of a flow: some dimensions move as the others say, or all are mixed."""

from typing import Any

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
    network has one hidden layer, and computes in float32, or in float64.
    With its last layer zero, as it starts, the step changes nothing.

    Args:
        fixed: for each dimension whether the step leaves it as it is.
        hidden_units: units of the hidden layer.
        label_dim: how many numbers about a label the network sees besides.
        seed: integer that fixes the initial weights, or None.
        dtype: "float32" or "float64".
    """

    def __init__(
        self, fixed, hidden_units, label_dim=0, seed=None, dtype="float32", **kwargs
    ):
        super().__init__(dtype=dtype, **kwargs)
        self.fixed = np.asarray(fixed, "float32")
        self.label_dim = label_dim
        self.hidden = keras.layers.Dense(
            hidden_units,
            kernel_initializer=keras.initializers.HeNormal(seed=seed),
            dtype=dtype,
            name="hidden",
        )
        # Zero at first: the same for all labels.
        self.label: Any = None
        if label_dim:
            self.label = keras.layers.Dense(
                hidden_units,
                use_bias=False,
                kernel_initializer="zeros",
                dtype=dtype,
                name="label",
            )
        self.head = keras.layers.Dense(
            2 * len(self.fixed),
            kernel_initializer="zeros",
            dtype=dtype,
            name="head",
        )

    def build(self, input_shape):
        self.hidden.build((None, len(self.fixed)))
        self.head.build((None, self.hidden.units))
        if self.label is not None:
            self.label.build((None, self.label_dim))
        self.built = True

    def parameters(self, z, label_vectors=None):
        """(log_scale, shift), (..., D) each and 0 where `z` (..., D) stays."""
        hidden = self.hidden(ops.multiply(z, self.fixed))
        if self.label is not None:
            hidden = hidden + self.label(label_vectors)
        raw = self.head(ops.relu(hidden))
        raw = ops.multiply(raw, np.tile(1 - self.fixed, 2))
        log_scale, shift = ops.split(raw, 2, axis=-1)
        return LOG_SCALE_LIMIT * ops.tanh(log_scale / LOG_SCALE_LIMIT), shift

    def call(self, noise, label_vectors=None):
        """z (..., D) from noise (..., D), given labels (N, label_dim)."""
        log_scale, shift = self.parameters(noise, label_vectors)
        return noise * ops.exp(log_scale) + shift

    def inverse(self, z, label_vectors=None):
        """(noise, log |d noise / d z|): (..., D) to (..., D) and nats (...)."""
        log_scale, shift = self.parameters(z, label_vectors)
        return (z - shift) * ops.exp(-log_scale), -ops.sum(log_scale, axis=-1)


class AffineMixing(keras.layers.Layer):
    """noise = (z - shift) L U: every dimension becomes a sum of all.

    Kingma & Dhariwal, "Glow", 2018, sections 3.1 and 3.2: scale and shift of each
    dimension (ActNorm) and the mixing of all of them, of which L, with ones on its
    diagonal, and U are the LU decomposition. It starts as the identity, on which no
    batch has a say. In float32, or in float64.

    Args:
        size: number of dimensions, D.
        dtype: "float32" or "float64".
    """

    def __init__(self, size, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.size = size

    def build(self, input_shape):
        # Below the diagonal L; above it U; on it the logarithms of U's.
        self.kernel = self.add_weight((self.size, self.size), "zeros", name="kernel")
        self.shift = self.add_weight((self.size,), "zeros", name="shift")
        self.built = True

    def matrix(self):
        """L U, (D, D)."""
        dtype = self.variable_dtype
        one = np.eye(self.size, dtype=dtype)
        below = np.tri(self.size, k=-1, dtype=dtype)
        lower = ops.add(self._where(below), one)
        diagonal = ops.multiply(ops.exp(self._where(one)), one)
        upper = ops.add(self._where(below.T), diagonal)
        return ops.matmul(lower, upper)

    def _where(self, mask):
        return ops.multiply(self.kernel, mask)

    def call(self, noise, label_vectors=None):
        """z (..., D) from noise (..., D), whatever the labels."""
        return ops.matmul(noise, ops.inv(self.matrix())) + self.shift

    def inverse(self, z, label_vectors=None):
        """(noise, log |d noise / d z|): (..., D) to (..., D) and nats ()."""
        log_det = ops.sum(ops.diagonal(self.kernel))
        return ops.matmul(z - self.shift, self.matrix()), log_det
