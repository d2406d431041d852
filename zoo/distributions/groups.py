"""The posteriors of all groups of an image's latents, also as one row of numbers."""

import math
from typing import Any

import keras
from keras import ops

from zoo.distributions.base import Distribution
from zoo.distributions.normal import DiagonalNormal


class GroupPosteriors(dict):
    """{group's name: posterior}, and what one posterior has, of all groups in a row.

    Those of a group are given the means of the groups before it.

    Args:
        posteriors: {name: posterior of latents (N, *shape)}, in the groups' order.
        draw: function of standard normal noise (N, latents of all groups) to rows that
            are drawn from q(z|x), each group given the draws before it.

    Attributes:
        mean: (N, latents of all groups): each group's mean, given the means before it.
        log_var: alike.
    """

    def __init__(self, posteriors, draw):
        super().__init__(posteriors)
        self._draw = draw

    @property
    def mean(self):
        """The means of all groups, one after another."""
        return self._row("mean")

    @property
    def log_var(self):
        """Their log-variances, alike."""
        return self._row("log_var")

    def sample(self, seed: Any = None) -> Any:
        """One draw of all groups (N, latents), what `generate` makes an image of.

        Args:
            seed: an integer, a `keras.random.SeedGenerator` or None for fresh noise.
        """
        return self._draw(keras.random.normal(ops.shape(self.mean), seed=seed))

    def kl(self):
        """The sum of the groups' KL to their priors in nats, (N,)."""
        return sum(posterior.kl() for posterior in self.values())

    def _row(self, name):
        return in_a_row([getattr(posterior, name) for posterior in self.values()])


class OnGrid(Distribution):
    """A prior over vectors as one of latents on a grid, (N, h, w, channels).

    Args:
        prior: a `zoo.priors.Prior` or a `Distribution`, of h w channels dimensions.
        shape: (h, w, channels).
    """

    def __init__(self, prior: Any, shape: tuple[int, ...]):
        self.vectors, self.shape = prior, tuple(shape)
        self.event_ndim = len(self.shape)

    @classmethod
    def of(cls, prior, shape):
        """A prior on a grid: of normal distributions one whose KL has a closed form."""
        if type(prior) is DiagonalNormal:
            rows = (-1, *shape)
            mean, log_var = (ops.reshape(t, rows) for t in (prior.mean, prior.log_var))
            return DiagonalNormal(mean, log_var, len(shape))
        return cls(prior, shape)

    def log_prob(self, z):
        """log p(z) in nats: (..., h, w, channels) to (...)."""
        leading = ops.shape(z)[: len(z.shape) - self.event_ndim]
        return self.vectors.log_prob(ops.reshape(z, (*leading, math.prod(self.shape))))

    def from_noise(self, noise, *uniforms):
        """z (..., h, w, channels) of noise alike: see `zoo.priors.Prior.from_noise`."""
        shape = ops.shape(noise)
        leading = shape[: len(noise.shape) - self.event_ndim]
        rows = ops.reshape(noise, (*leading, math.prod(self.shape)))
        return ops.reshape(self.vectors.from_noise(rows, *uniforms), shape)

    @property
    def num_uniforms(self):
        """How many uniform numbers `from_noise` wants beside."""
        return getattr(self.vectors, "num_uniforms", 0)

    def map_tensors(self, function):
        """See `Distribution.map_tensors`; a layer has none."""
        mapped = getattr(self.vectors, "map_tensors", None)
        return OnGrid(mapped(function), self.shape) if mapped else self


def in_a_row(parts):
    """Tensors (N, *shape) of all groups, one after another: (N, their numbers)."""
    flat = [ops.reshape(part, (-1, math.prod(part.shape[1:]))) for part in parts]
    return ops.concatenate(flat, axis=-1)
