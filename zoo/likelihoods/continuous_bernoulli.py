"""Pixels between 0 and 1, with the density that a Bernoulli's cross-entropy lacks."""

from typing import Any

import keras
from keras import ops

from zoo.likelihoods.base import Likelihood
from zoo.precision import at_least_float32

# Below these sizes of logits, series stand for differences that would cancel.
_FLAT, _NEARLY_FLAT = 1e-4, 0.5


@keras.saving.register_keras_serializable(package="zoo")
class ContinuousBernoulli(Likelihood):
    """Independent pixels in [0, 1] of density proportional to exp(logit * x).

    Loaiza-Ganem & Cunningham, "The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders", 2019, sections 3 and 4: the Bernoulli's cross-entropy
    with the normalizer that makes a density of it. For grey images, which
    `Bernoulli` scores by no density at all. The decoder gives logits; the mean of a
    pixel is not their sigmoid, and nears 0 or 1 only where logits are large.

    Densities of real pixels may be above 1, and are not to be compared with
    probabilities of binary ones.

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import ContinuousBernoulli
    >>> x, logits = ops.full((1, 8, 8, 1), 0.3), ops.zeros((1, 8, 8, 1))
    >>> float(ContinuousBernoulli().log_prob(x, logits)[0])  # uniform: 64 * log(1)
    0.0
    """

    def __init__(self, name: str = "continuous_bernoulli", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def log_prob_per_dim(self, x, parameters):
        logits = at_least_float32(parameters)
        return ops.cast(x, logits.dtype) * logits - log_normalizer(logits)

    def mean(self, parameters):
        """See `Likelihood.mean`: 1 / (1 - exp(-logit)) - 1 / logit."""
        logits = at_least_float32(parameters)
        size = ops.maximum(ops.abs(logits), _NEARLY_FLAT)
        above = 1 / (1 - ops.exp(-size)) - 1 / size
        far = ops.where(logits > 0, above, 1 - above)
        near = ops.clip(logits, -_NEARLY_FLAT, _NEARLY_FLAT)
        square = near * near
        series = 0.5 + near * (1 / 12 - square * (1 / 720 - square / 30240))
        return ops.where(ops.abs(logits) < _NEARLY_FLAT, series, far)

    def from_noise(self, parameters, noise):
        """See `Likelihood.from_noise`: the inverse of the distribution function."""
        logits = at_least_float32(parameters)
        noise = ops.cast(noise, logits.dtype)
        rising = logits > 0
        size = ops.maximum(ops.abs(logits), _FLAT)
        # Of a density that falls; one that rises is its mirror image.
        uniform = ops.where(rising, 1 - noise, noise)
        drawn = -ops.log1p(uniform * ops.expm1(-size)) / size
        return ops.clip(ops.where(rising, 1 - drawn, drawn), 0.0, 1.0)


def log_normalizer(logits):
    """log of the integral of exp(logit * x) over [0, 1], (exp(logit) - 1) / logit."""
    size = ops.maximum(ops.abs(logits), _FLAT)
    shape = ops.log(-ops.expm1(-size) / size) + 0.5 * size
    # Near 0, where `size` is cut off: the square of the logit over 24.
    shape = ops.where(ops.abs(logits) < _FLAT, ops.square(logits) / 24, shape)
    return 0.5 * logits + shape
