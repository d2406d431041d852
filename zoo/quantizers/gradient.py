"""A codebook learned by gradient descent."""

from typing import Any

import keras
from keras import ops

from zoo.quantizers import estimators
from zoo.quantizers.base import (
    Quantized,
    Quantizer,
    nearest_codes,
    sum_over_positions,
)


@keras.saving.register_keras_serializable(package="zoo")
class GradientQuantizer(Quantizer):
    """Each position's nearest code, from a codebook that the optimizer moves.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, equation 3:
    the loss is |sg[f] - e|^2 + commitment |f - sg[e]|^2, f a feature vector and e its
    code.
    Codes that no feature chooses are never moved; `EMAQuantizer` revives them.

    Args:
        codebook_size, code_dim, seed: as in `zoo.quantizers.Quantizer`.
        commitment: weight of the second term, >= 0.
        gradient_estimator: "straight_through" or "rotation": see
            `zoo.quantizers.estimators`.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> from keras import ops
    >>> from zoo.quantizers import GradientQuantizer
    >>> quantizer = GradientQuantizer(codebook_size=8, code_dim=2, seed=0)
    >>> out = quantizer(ops.ones((3, 7, 7, 2)))
    >>> tuple(out.codes.shape), tuple(out.loss.shape)
    ((3, 7, 7), (3,))
    """

    def __init__(
        self,
        codebook_size: int,
        code_dim: int,
        commitment: float = 0.25,
        gradient_estimator: str = "straight_through",
        seed: int | None = None,
        name: str = "gradient_quantizer",
        **kwargs: Any,
    ):
        super().__init__(codebook_size, code_dim, seed, name=name, **kwargs)
        self.commitment = check_commitment(commitment)
        self.gradient_estimator = estimators.check_estimator(gradient_estimator)

    def build(self, input_shape):
        limit = 1 / self.codebook_size
        self.codebook = self.add_float_weight(
            "codebook",
            (self.codebook_size, self.code_dim),
            keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        super().build(input_shape)

    def call(self, features, training=False, step=0.0):
        """See `Quantizer.call`."""
        features = ops.cast(features, self.variable_dtype)
        codes = nearest_codes(ops.stop_gradient(features), self.codebook)
        chosen = self.lookup(codes)
        moves_codebook = ops.square(ops.stop_gradient(features) - chosen)
        moves_encoder = ops.square(features - ops.stop_gradient(chosen))
        estimator = estimators.BY_NAME[self.gradient_estimator]
        return Quantized(
            features=estimator(features, chosen),
            codes=codes,
            loss=sum_over_positions(moves_codebook + self.commitment * moves_encoder),
            counts=self.count(codes),
        )

    def lookup(self, codes):
        """See `Quantizer.lookup`."""
        return ops.take(self.codebook, codes, axis=0)

    def get_config(self):
        return {
            **super().get_config(),
            "commitment": self.commitment,
            "gradient_estimator": self.gradient_estimator,
        }


def check_commitment(commitment):
    """`commitment` as a float, if it is a finite number >= 0.

    Raises:
        ValueError: otherwise.
    """
    if not 0 <= commitment < float("inf"):
        raise ValueError(
            f"`commitment` must be a finite number >= 0; got {commitment!r}."
        )
    return float(commitment)
