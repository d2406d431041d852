"""Quantization by rounding, without a codebook."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.networks.seeding import InitializerSeeds
from zoo.quantizers.base import Quantized, Quantizer, matmul, sum_over_positions
from zoo.quantizers.estimators import straight_through
from zoo.validation import check_whole_number

# Keeps bounded values from reaching a level that does not exist.
MARGIN = 1e-3


@keras.saving.register_keras_serializable(package="zoo")
class FiniteScalarQuantizer(Quantizer):
    """Rounds each of a few channels to a few levels; a code is their combination.

    Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", 2023, section 3.
    Nothing can collapse, and there is no loss. Codes number the combinations with the
    first channel counting fastest.

    Args:
        levels: number of levels of each channel of a code, >= 2; the paper advises 5 or
            more. An odd number of them, and two, lie symmetrically about 0, two as -1
            and 1; others that are even go from -1 to one step short of 1, with 0 in the
            middle of a level, as in the paper.
        code_dim: features at a position. Where this is not the number of all channels,
            features are normalized over a position (Ba et al., "Layer Normalization",
            2016) and learned linear maps lead from them to channels and back.
        seed: as in `zoo.quantizers.Quantizer`.
        depth: codes at a position, each with channels of its own: many combinations
            from a small codebook.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> from keras import ops
    >>> from zoo.quantizers import FiniteScalarQuantizer
    >>> quantizer = FiniteScalarQuantizer(levels=(8, 5, 5))
    >>> quantizer.codebook_size
    200
    >>> tuple(quantizer(ops.zeros((1, 4, 4, 3))).codes.shape)
    (1, 4, 4)
    """

    def __init__(
        self,
        levels: Sequence[int],
        code_dim: int | None = None,
        seed: int | None = None,
        depth: int = 1,
        name: str = "finite_scalar_quantizer",
        **kwargs: Any,
    ):
        levels = tuple(check_whole_number(count, "levels", 2) for count in levels)
        if not levels:
            raise ValueError("`levels` must name at least one channel; got none.")
        kwargs.pop("codebook_size", None)
        depth = check_whole_number(depth, "depth", 1)
        channels = depth * len(levels)
        super().__init__(
            math.prod(levels), code_dim or channels, seed, name=name, **kwargs
        )
        self.levels, self.depth = levels, depth
        self.depth_axes = () if depth == 1 else (depth,)
        self.projects = self.code_dim != channels
        # Digits to codes: the first channel counts fastest.
        self._basis = np.cumprod([1, *levels[:-1]]).astype("int32")

    @classmethod
    def of_size(cls, codebook_size, code_dim, seed=None):
        """One with `codebook_size` codes: its factors, none below 4 if it can be."""
        codebook_size = check_whole_number(codebook_size, "codebook_size", 2)
        factors, rest, divisor = [], codebook_size, 2
        while rest > 1:
            while rest % divisor == 0:
                factors.append(divisor)
                rest //= divisor
            divisor = divisor + 1 if divisor * divisor <= rest else rest
        while len(factors) > 1 and factors[0] < 4:
            factors = sorted([factors[0] * factors[1], *factors[2:]])
        return cls(sorted(factors, reverse=True), code_dim, seed)

    def build(self, input_shape):
        channels = self.depth * len(self.levels)
        if self.projects:
            seeds = InitializerSeeds(self.seed)
            for name, inside, outside in (
                ("down", self.code_dim, channels),
                ("up", channels, self.code_dim),
            ):
                kernel = self.add_float_weight(
                    f"{name}_kernel", (inside, outside), seeds.glorot_uniform()
                )
                setattr(self, f"{name}_kernel", kernel)
                bias = self.add_float_weight(f"{name}_bias", (outside,))
                setattr(self, f"{name}_bias", bias)
        super().build(input_shape)

    def _bounded(self, channels):
        """Channels squeezed so that rounding gives their levels, around 0."""
        levels = np.tile(self.levels, self.depth)
        half = (levels - 1) / 2 * (1 - MARGIN)
        offset = np.where(levels % 2 == 0, 0.5, 0.0)
        # Zero lies well within a level, also where the number of levels is even; of two
        # it is the boundary, or the upper one would have nearly all.
        shift = np.where(levels == 2, 0.0, np.tan(offset / half))
        shift, half, offset = map(self._tensor, (shift, half, offset))
        return ops.tanh(channels + shift) * half - offset

    def _middle(self):
        """The number of the level at 0, of each channel: a float tensor."""
        return self._tensor(np.tile(self.levels, self.depth) // 2)

    def _tensor(self, values):
        return ops.convert_to_tensor(values, self.variable_dtype)

    def _scaled(self, rounded):
        """Levels around 0 to numbers in [-1, 1]."""
        two = np.tile(self.levels, self.depth) == 2
        if not two.any():
            return rounded / self._middle()
        # -1 and 0 to -1 and 1.
        factor, added = np.where(two, 2.0, 1.0), np.where(two, 1.0, 0.0)
        return rounded * self._tensor(factor) / self._middle() + self._tensor(added)

    def call(self, features, training=False, step=0.0):
        """See `Quantizer.call`."""
        features = ops.cast(features, self.variable_dtype)
        channels = features
        if self.projects:
            # An untrained encoder's features are so small that all of them round to the
            # same code, and grow until they end in a few corners (measured on MNIST,
            # 512 codes, 400 steps: perplexity 6, and 39 when normalized).
            channels = matmul(_normalized(features), self.down_kernel) + self.down_bias
        bounded = self._bounded(channels)
        rounded = ops.round(bounded)
        codes = self._codes(ops.cast(rounded + self._middle(), "int32"))
        return Quantized(
            features=self._features(straight_through(bounded, rounded)),
            codes=ops.cast(codes, "int32"),
            loss=0.0 * sum_over_positions(ops.stop_gradient(features)),
            counts=self.count(codes),
        )

    def _codes(self, digits):
        """Digits (..., channels) to codes (...), or (..., depth)."""
        if self.depth > 1:
            shape = (-1, *digits.shape[1:-1], self.depth, len(self.levels))
            digits = ops.reshape(digits, shape)
        return ops.sum(digits * ops.convert_to_tensor(self._basis, "int32"), axis=-1)

    def count(self, codes):
        """How often each code occurs, (depth, K)."""
        if self.depth == 1:
            return super().count(codes)
        count = super().count
        return ops.concatenate(
            [count(codes[..., i]) for i in range(self.depth)], axis=0
        )

    def _features(self, rounded):
        """Levels around 0 to features: levels in [-1, 1], then the linear map."""
        channels = self._scaled(rounded)
        if self.projects:
            channels = matmul(channels, self.up_kernel) + self.up_bias
        return channels

    def lookup(self, codes):
        """See `Quantizer.lookup`."""
        codes = ops.cast(codes, "int32")[..., None]
        digits = ops.mod(
            ops.floor_divide(codes, ops.convert_to_tensor(self._basis, "int32")),
            ops.convert_to_tensor(self.levels, "int32"),
        )
        if self.depth > 1:  # (..., depth, channels of a code) to (..., channels)
            shape = (*ops.shape(digits)[:-2], self.depth * len(self.levels))
            digits = ops.reshape(digits, shape)
        return self._features(ops.cast(digits, self.variable_dtype) - self._middle())

    def get_config(self):
        config = super().get_config()
        return {**config, "levels": list(self.levels), "depth": self.depth}


def _normalized(features):
    """Features of mean 0 and mean square 1 at each position, (..., D)."""
    centred = features - ops.mean(features, axis=-1, keepdims=True)
    power = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    return centred * ops.rsqrt(power + 1e-6)
