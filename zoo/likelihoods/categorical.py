"""Pixels on a grid of levels, one free probability a level."""

from typing import Any

import keras
from keras import ops

from zoo.likelihoods.base import Likelihood, nearest_level
from zoo.logarithms import log_sum_exp
from zoo.precision import at_least_float32, float_dtype
from zoo.validation import check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class Categorical(Likelihood):
    """Independent channels, each a softmax over the levels of an 8-bit image.

    van den Oord et al., "Pixel Recurrent Neural Networks", 2016, section 2.3. The
    decoder gives `num_levels` logits a channel, those of the first channel first.

    Args:
        num_levels: levels of a channel: 0, 1 / (num_levels - 1), ..., 1. Pixels between
            two levels are scored as the nearest one.

    Raises:
        ValueError: if `num_levels` is no whole number >= 2.

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import Categorical
    >>> x, logits = ops.ones((1, 8, 8, 1)), ops.zeros((1, 8, 8, 256))
    >>> round(float(Categorical().log_prob(x, logits)[0]), 3)  # 64 * log(1/256)
    -354.891
    """

    discretized = True

    def __init__(self, num_levels: int = 256, name: str = "categorical", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_levels = check_whole_number(num_levels, "num_levels", 2)
        self.parameters_per_channel = self.num_levels

    def _logits(self, parameters):
        """(..., C * num_levels) to (..., C, num_levels)."""
        channels = parameters.shape[-1] // self.num_levels
        shape = (*ops.shape(parameters)[:-1], channels, self.num_levels)
        return ops.reshape(at_least_float32(parameters), shape)

    def log_prob_per_dim(self, x, parameters):
        logits = self._logits(parameters)
        level = nearest_level(x, self.num_levels, logits.dtype)[..., None]
        levels = ops.cast(ops.arange(self.num_levels, dtype="float32"), logits.dtype)
        # Selecting by comparison broadcasts over draws, as gathering would not.
        chosen = ops.sum(ops.where(levels == level, logits, 0.0), axis=-1)
        return chosen - log_sum_exp(logits, axis=-1)

    def level_log_probs(self, parameters, channel, x=None):
        logits = self._logits(parameters)[..., channel, :]
        return ops.log_softmax(logits, axis=-1)

    def mean(self, parameters):
        probabilities = ops.softmax(self._logits(parameters), axis=-1)
        dtype = float_dtype(probabilities)
        levels = ops.arange(self.num_levels, dtype=dtype) / (self.num_levels - 1)
        return ops.clip(ops.sum(probabilities * levels, axis=-1), 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "num_levels": self.num_levels}
