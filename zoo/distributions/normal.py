"""The diagonal normal distribution: the posterior of most models, and some priors."""

import math
from typing import Any

from keras import ops

from zoo.distributions.base import Distribution
from zoo.distributions.divergence import kl_rule
from zoo.precision import at_least_float32

# exp(-20) to exp(20) in variance: wide enough never to bind in a healthy run, narrow
# enough that exp() and its square stay finite in float32.
LOG_VAR_LIMIT = 20.0


class DiagonalNormal(Distribution):
    """N(mean, diag(exp(log_var))), one an example.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, section 3.

    Args:
        mean: tensor (N, *shape), with further axes before it for several draws of what
            it depends on.
        log_var: tensor alike, natural logarithm of the variance, clipped to ±20.
        event_ndim: how many of the last axes are the latents of one image; 1 for a
            vector, 3 for a map (h, w, channels).

    Example:

    >>> from keras import ops
    >>> from zoo.distributions import DiagonalNormal
    >>> q = DiagonalNormal(mean=ops.ones((1, 2)), log_var=ops.zeros((1, 2)))
    >>> float(q.kl()[0])
    1.0
    """

    def __init__(self, mean: Any, log_var: Any, event_ndim: int = 1):
        # Statistics stay in float32 where the networks compute in less.
        self.mean = at_least_float32(mean)
        log_var = ops.cast(log_var, self.mean.dtype)
        self.log_var = ops.clip(log_var, -LOG_VAR_LIMIT, LOG_VAR_LIMIT)
        self.event_ndim = event_ndim

    @classmethod
    def from_parameters(cls, parameters, event_ndim=1):
        """Splits (..., 2 * D) into means and log-variances of (..., D).

        Raises:
            ValueError: if there is no D with so many.
        """
        if parameters.shape[-1] % 2:
            raise ValueError(
                "A DiagonalNormal of D latents has 2 D parameters; got "
                f"{parameters.shape[-1]}."
            )
        return cls(*ops.split(parameters, 2, axis=-1), event_ndim=event_ndim)

    def statistics(self):
        """See `Distribution.statistics`."""
        return {"mean": self.mean, "log_var": self.log_var}

    def from_noise(self, noise):
        """z = mean + exp(log_var / 2) * noise, for noise (..., N, *shape)."""
        noise = ops.cast(noise, self.mean.dtype)
        return self.mean + ops.exp(0.5 * self.log_var) * noise

    def log_prob_per_dim(self, z):
        """log q(z_d|x) in nats: (..., N, *shape) to the same shape."""
        z = ops.cast(z, self.mean.dtype)
        squared = ops.square(z - self.mean) * ops.exp(-self.log_var)
        return -0.5 * (squared + self.log_var + math.log(2 * math.pi))

    def log_prob(self, z):
        """log q(z|x) in nats, summed over the latents: (..., N, *shape) to (..., N)."""
        return ops.sum(self.log_prob_per_dim(z), axis=self._event_axes)

    def entropy(self):
        """Entropy of q(z|x) in nats, (N,)."""
        each = self.log_var + (1 + math.log(2 * math.pi))
        return 0.5 * ops.sum(each, axis=self._event_axes)

    def default_prior(self):
        """N(0, I)."""
        zeros = ops.zeros_like(self.mean)
        return DiagonalNormal(zeros, zeros, event_ndim=self.event_ndim)

    @property
    def _event_axes(self):
        return tuple(range(-self.event_ndim, 0))


def kl_to_standard(posterior):
    """KL(q(z_d|x) || N(0, 1)) of a `DiagonalNormal` in nats, of each latent, each >= 0.

    Kingma & Welling 2014, appendix B.
    """
    return _kl_to_standard(posterior.mean, posterior.log_var)


def _kl_to_standard(mean, log_var):
    # exp(v) - v - 1 cancels near v = 0 and may round below zero: clip.
    variance_part = ops.relu(ops.expm1(log_var) - log_var)
    return 0.5 * (ops.square(mean) + variance_part)


@kl_rule(DiagonalNormal, DiagonalNormal, per_unit=True)
def _kl_between(q, p):
    # KL to N(0, 1) of both, moved and scaled by p's mean and deviation.
    moved = (q.mean - p.mean) * ops.exp(-0.5 * p.log_var)
    return _kl_to_standard(moved, q.log_var - p.log_var)
