"""A mixture of diagonal normal distributions."""

import math
from typing import Any

from keras import ops

from zoo.distributions.base import Distribution
from zoo.distributions.normal import LOG_VAR_LIMIT
from zoo.logarithms import log_sum_exp
from zoo.precision import at_least_float32


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

    # It chooses the component: see `from_noise`.
    num_uniforms = 1

    def __init__(self, logits: Any, means: Any, log_vars: Any):
        means = at_least_float32(means)
        self.log_weights = ops.log_softmax(ops.cast(logits, means.dtype))
        self.means = means
        log_vars = ops.cast(log_vars, means.dtype)
        self.log_vars = ops.clip(log_vars, -LOG_VAR_LIMIT, LOG_VAR_LIMIT)

    def log_prob(self, z):
        """log p(z) in nats: (..., D) to (...)."""
        # (z - mean)^2 / variance multiplied out: one product of matrices, where the
        # differences of all draws to all means would fill the memory.
        z = ops.cast(z, self.means.dtype)
        precisions = ops.exp(-self.log_vars)
        scaled = self.means * precisions
        kernel = ops.concatenate([-0.5 * precisions, scaled], axis=-1)  # (M, 2 D)
        each = self.means * scaled + self.log_vars + math.log(2 * math.pi)
        constant = self.log_weights - 0.5 * ops.sum(each, axis=-1)
        powers = ops.concatenate([ops.square(z), z], axis=-1)
        components = ops.matmul(powers, ops.transpose(kernel)) + constant
        return log_sum_exp(components, axis=-1)  # of (..., M)

    def from_noise(self, noise, uniforms):
        """z from standard normal noise (..., D) and uniform numbers (..., 1).

        The uniform number chooses the component, by the cumulative weights.
        """
        noise, uniforms = (ops.cast(n, self.means.dtype) for n in (noise, uniforms))
        below = ops.cumsum(ops.exp(self.log_weights))[:-1]  # (M - 1,)
        component = ops.sum(ops.cast(below <= uniforms, "int32"), axis=-1)
        every = ops.arange(self.means.shape[0], dtype="int32")
        chosen = ops.cast(ops.expand_dims(component, -1) == every, self.means.dtype)
        mean = ops.matmul(chosen, self.means)
        log_var = ops.matmul(chosen, self.log_vars)
        return mean + ops.exp(0.5 * log_var) * noise
