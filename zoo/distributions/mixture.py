"""A mixture of diagonal normal distributions."""

import math
from typing import Any

from keras import ops

from zoo.distributions.base import Distribution
from zoo.distributions.normal import LOG_VAR_LIMIT


class MixtureNormal(Distribution):
    """sum_k weight_k N(mean_k, diag(exp(log_var_k))) over vectors: a prior.

    As a posterior it will not do: draws of it choose a component, and are not
    differentiable in the weights.

    Args:
        logits: tensor (M,), unnormalized log-weights of the components.
        means, log_vars: tensors (M, D); the logarithms of the variances are clipped to
            ±20.

    Example:

    >>> from keras import ops
    >>> from zoo.distributions import MixtureNormal
    >>> p = MixtureNormal(ops.zeros((2,)), ops.zeros((2, 1)), ops.zeros((2, 1)))
    >>> round(float(p.log_prob(ops.zeros((1, 1)))[0]), 3)  # N(0, 1), twice
    -0.919
    """

    def __init__(self, logits: Any, means: Any, log_vars: Any):
        self.log_weights = ops.log_softmax(ops.cast(logits, "float32"))
        self.means = ops.cast(means, "float32")
        self.log_vars = ops.clip(
            ops.cast(log_vars, "float32"), -LOG_VAR_LIMIT, LOG_VAR_LIMIT
        )

    def log_prob(self, z):
        """log p(z) in nats: (..., D) to (...)."""
        centred = ops.expand_dims(z, -2) - self.means  # (..., M, D)
        squared = ops.square(centred) * ops.exp(-self.log_vars)
        each = squared + self.log_vars + math.log(2 * math.pi)
        components = self.log_weights - 0.5 * ops.sum(each, axis=-1)
        return ops.logsumexp(components, axis=-1)

    def from_noise(self, noise, uniforms):
        """z from standard normal noise (..., D) and uniform numbers (..., 1).

        The uniform number chooses the component, by the cumulative weights.
        """
        below = ops.cumsum(ops.exp(self.log_weights))[:-1]  # (M - 1,)
        component = ops.sum(ops.cast(below <= uniforms, "int32"), axis=-1)
        every = ops.arange(self.means.shape[0], dtype="int32")
        chosen = ops.cast(ops.expand_dims(component, -1) == every, "float32")
        mean = ops.matmul(chosen, self.means)
        log_var = ops.matmul(chosen, self.log_vars)
        return mean + ops.exp(0.5 * log_var) * noise
