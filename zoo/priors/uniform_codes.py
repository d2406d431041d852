"""The prior over codes that knows nothing of them."""

import math
from typing import Any

import keras
from keras import ops

from zoo.distributions import Codes, kl_rule
from zoo.distributions.codes import kl_to_uniform


@keras.saving.register_keras_serializable(package="zoo")
class UniformCodes(keras.layers.Layer):
    """Every code equally probable, at every place: ln K nats each.

    Args:
        codebook_size: number of codes, K.
        code_shape: shape of an image's codes, such as (7, 7).

    Example:

    >>> from keras import ops
    >>> from zoo.priors import UniformCodes
    >>> prior = UniformCodes(codebook_size=512, code_shape=(7, 7))
    >>> round(float(prior.log_prob(ops.zeros((1, 7, 7), "int32"))[0]), 2)
    -305.68
    """

    def __init__(
        self,
        codebook_size: int,
        code_shape: tuple[int, ...],
        name: str = "uniform_codes",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.codebook_size = codebook_size
        self.code_shape = tuple(code_shape)

    def log_prob(self, codes):
        """log p(codes) in nats: int32 (..., *code_shape) to (...)."""
        log_prob = -math.prod(self.code_shape) * math.log(self.codebook_size)
        leading = len(codes.shape) - len(self.code_shape)
        return ops.full(ops.shape(codes)[:leading], log_prob, "float32")

    def get_config(self):
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "code_shape": list(self.code_shape),
        }


@kl_rule(Codes, UniformCodes, per_unit=True)
def _kl_of_codes(posterior, prior):
    return kl_to_uniform(posterior)
