"""The posteriors of all groups of an image's latents, also as one row of numbers."""

import math
from typing import Any

import keras
from keras import ops


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


def in_a_row(parts):
    """Tensors (N, *shape) of all groups, one after another: (N, their numbers)."""
    flat = [ops.reshape(part, (-1, math.prod(part.shape[1:]))) for part in parts]
    return ops.concatenate(flat, axis=-1)
