"""What every quantizer has, and what it returns."""

from typing import Any, NamedTuple

import keras
from keras import ops

from zoo import precision
from zoo.validation import check_whole_number


class Quantized(NamedTuple):
    """What a quantizer makes of features (N, h, w, D).

    Attributes:
        features: what the decoder is given, (N, h, w, D). Gradients pass
            through to the features that came in.
        codes: int32 (N, h, w), or (N, h, w, depth) with several codes at a position:
            the codes chosen, or the most probable ones.
        loss: (N,), what the quantizer adds to each example's loss: summed over
            positions and dimensions.
        counts: (depth, codebook_size), how often the batch chose each code.
        log_probs: log q(code|x) in nats, (N, h, w, codebook_size); None where the codes
            are certain.
    """

    features: Any
    codes: Any
    loss: Any
    counts: Any
    log_probs: Any = None


class Quantizer(keras.layers.Layer):
    """Base of all quantizers: features (N, h, w, code_dim) to codes and back.

    Everything is computed in float32, unless the networks compute in float64.

    Args:
        codebook_size: number of codes, K >= 1.
        code_dim: number of features at a position, D >= 1.
        seed: integer that fixes initial weights and draws, or None.
    """

    # Codes at a position, and the axes that they add to a grid of codes.
    depth = 1
    depth_axes = ()
    # Whether q(code|x) is a distribution, not one certain code.
    stochastic = False

    def __init__(
        self, codebook_size: int, code_dim: int, seed: int | None = None, **kwargs: Any
    ):
        dtype = precision.of_policy(kwargs.get("dtype"))
        super().__init__(**{**kwargs, "dtype": dtype, "autocast": False})
        self.codebook_size = check_whole_number(codebook_size, "codebook_size", 1)
        self.code_dim = check_whole_number(code_dim, "code_dim", 1)
        self.seed = None if seed is None else int(seed)

    def build(self, input_shape):
        if input_shape[-1] != self.code_dim:
            raise ValueError(
                f"`features` must have {self.code_dim} channels, the quantizer's "
                f"`code_dim`; got shape {tuple(input_shape)}."
            )
        self.built = True

    def call(self, features, training=False, step=0.0):
        """Quantizes features; in training also updates the quantizer's own state.

        Args:
            features: (N, h, w, code_dim).
            training: whether this is a training step.
            step: float32 scalar, training steps done so far, for schedules.

        Returns:
            `Quantized`.
        """
        raise NotImplementedError

    def lookup(self, codes):
        """The features that codes stand for: int32 (..., h, w) to (..., h, w, D)."""
        raise NotImplementedError

    def add_float_weight(self, name, shape, initializer: Any = "zeros", trainable=True):
        """A float weight that no surrounding layer casts."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=self.variable_dtype,
            trainable=trainable,
            autocast=False,
            name=name,
        )

    def count(self, codes):
        """How often each code occurs: int32 of any shape to (1, K)."""
        flat = ops.reshape(codes, (-1,))
        ones = ops.ones_like(flat, dtype=self.variable_dtype)
        return ops.segment_sum(ones, flat, num_segments=self.codebook_size)[None]

    def get_config(self):
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "seed": self.seed,
        }


def sum_over_positions(values):
    """(N, h, w, D) to (N,)."""
    return ops.sum(values, axis=(1, 2, 3))


def matmul(features, kernel):
    """(N, ..., D) times (D, K), as one product of matrices.

    What backends make of more dimensions becomes shape arithmetic in ONNX.
    """
    flat = ops.matmul(ops.reshape(features, (-1, kernel.shape[0])), kernel)
    return ops.reshape(flat, (-1, *features.shape[1:-1], kernel.shape[1]))


def most_probable(scores):
    """int32 indices of the largest of the last axis's values."""
    # ops.argmax would not survive the conversion to ONNX.
    return ops.cast(ops.squeeze(ops.top_k(scores, 1)[1], axis=-1), "int32")


def unit_vectors(x):
    """Vectors (..., D) of length 1 in the same directions; 0 stays."""
    squared = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squared, 1e-12))


def nearest_codes(features, codebook):
    """The code closest to each vector: (N, ..., D), (K, D) to int32 (N, ...)."""
    # |f - e|^2 = |f|^2 - 2 f.e + |e|^2, of which the first is the same for every code.
    products = matmul(features, ops.transpose(codebook))
    return most_probable(2 * products - ops.sum(ops.square(codebook), axis=-1))
