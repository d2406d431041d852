"""Distributions of codes: the posterior of a discrete bottleneck."""

import math
from typing import Any

import keras
from keras import ops

from zoo import threefry
from zoo.distributions.base import Distribution


class Codes(Distribution):
    """q(codes|x) of a discrete bottleneck: one certain grid of codes, or independent
    categorical distributions.

    Args:
        codes: int32 (N, ...), the codes, or the most probable ones.
        codebook_size: number of codes to choose from, K.
        log_probs: log q(code|x) in nats, (N, ..., K); None if the codes are certain.
        counts: how often the batch chose each code, (depth, K), for the metrics of
            `fit`; or None.
        event_ndim: how many of the last axes are the codes of one image; None for all
            but the first.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, equation 1.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from zoo.distributions import Codes
    >>> q = Codes(ops.zeros((1, 7, 7), "int32"), codebook_size=512)
    >>> round(float(q.kl()[0]) / np.log(512))  # as many codes as there are places
    49
    """

    def __init__(
        self,
        codes: Any,
        codebook_size: int,
        log_probs: Any = None,
        counts: Any = None,
        event_ndim: int | None = None,
    ):
        self.codes = codes
        self.codebook_size = codebook_size
        self.log_probs = log_probs
        self.counts = counts
        self.event_ndim = len(codes.shape) - 1 if event_ndim is None else event_ndim

    @property
    def mean(self):
        """The most probable codes: what `reconstruct` decodes."""
        return self.codes

    def statistics(self):
        """See `Distribution.statistics`."""
        return {"codes": self.codes}

    def from_noise(self, noise):
        """Codes int32 (..., N, ...) from numbers in [0, 1), one for each code."""
        if self.log_probs is None:
            return ops.broadcast_to(self.codes, ops.shape(noise))
        noise = ops.cast(noise[..., None], self.log_probs.dtype)
        below = ops.cumsum(ops.exp(self.log_probs), axis=-1)[..., :-1]
        passed = ops.cast(below <= noise, "int32")
        return ops.sum(passed, axis=-1)

    def sample(self, seed=None):
        """One draw of codes, int32 (N, ...).

        Args:
            seed: an integer, a `keras.random.SeedGenerator` or None for fresh noise.
        """
        shape = ops.shape(self.codes)
        return self.from_noise(keras.random.uniform(shape, seed=seed))

    def draws(self, count, seed):
        """See `Distribution.draws`."""
        numbers = self.numbers(count, seed, threefry.uniforms)
        return self.from_noise(ops.convert_to_tensor(numbers))

    def log_prob(self, codes):
        """log q(codes|x) in nats: int32 (..., N, ...) to (..., N)."""
        if self.log_probs is None:
            log_probs = ops.where(codes == self.codes, 0.0, -math.inf)
        else:
            every = ops.arange(self.codebook_size, dtype="int32")
            chosen = every == ops.cast(codes, "int32")[..., None]
            log_probs = ops.sum(ops.where(chosen, self.log_probs, 0.0), axis=-1)
        return ops.sum(log_probs, axis=tuple(range(-self.event_ndim, 0)))

    def entropy(self):
        """Entropy of q(codes|x) in nats, (N,)."""
        places = math.prod(self.codes.shape[-self.event_ndim :])
        kl = ops.sum(kl_to_uniform(self), axis=tuple(range(-self.event_ndim, 0)))
        return places * math.log(self.codebook_size) - kl

    def kl(self, prior=None):
        """KL(q(codes|x) || p(codes)) in nats, (N,); to uniform codes without a prior.

        In closed form for uniform codes, exact for certain ones; else estimated as in
        `Distribution.kl`.
        """
        prior = self.prior if prior is None else prior
        if prior is None:
            return ops.sum(kl_to_uniform(self), axis=tuple(range(-self.event_ndim, 0)))
        return super().kl(prior)


def kl_to_uniform(posterior):
    """KL of `Codes` to uniform ones in nats, of each place, (N, ...), each >= 0."""
    most = math.log(posterior.codebook_size)
    if posterior.log_probs is None:
        return ops.full_like(posterior.codes, most, dtype="float32")
    negative_entropy = ops.exp(posterior.log_probs) * posterior.log_probs
    return ops.relu(ops.sum(negative_entropy, axis=-1) + most)
