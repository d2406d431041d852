"""Real latents on grids: which bins their posteriors and priors are of."""

import functools
import math

import numpy as np

from zoo.applications.bits_back.stack import (
    MAX_WIDTH,
    MIN_WIDTH,
    PRIOR_REACH,
    REACH,
    WIDTHS_PER_OCTAVE,
    table_reach,
)

# A bin is at most a quarter of nearly all posterior deviations: coarser ones cost
# where a mean lies between two, finer ones bits to begin with.
BINS_PER_DEVIATION = 4
MAX_RESOLUTION = 12
# Latents that no image tells anything of need no finer bins than their prior.
_UNUSED_DEVIATION, _UNUSED_MEAN = 0.95, 0.1
# How far means in bins and logarithms of deviations may be off at the other end.
MARGIN = 1e-6
# Parts that notes are of: of pixels come first.
FIRST_PART = 1 << 12


def resolutions(mean, log_var):
    """How fine the bins of latents must be: k where they are 2^-k wide, int64 (D,).

    Args:
        mean, log_var: of the posteriors of some images, (..., D), where the prior is
            N(0, I).
    """
    rows = (-1, mean.shape[-1])
    deviation = np.exp(0.5 * log_var.reshape(rows))
    least = np.quantile(deviation, 0.01, axis=0)
    needed = np.ceil(np.log2(BINS_PER_DEVIATION / least))
    farthest = np.max(np.abs(mean.reshape(rows)), axis=0)
    unused = (least > _UNUSED_DEVIATION) & (farthest < _UNUSED_MEAN)
    return np.where(unused, 0, np.clip(needed, 0, MAX_RESOLUTION)).astype(np.int64)


class Grid:
    """Bins of latents whose last axis is D.

    Args:
        resolution: int64 (D,): bins are 2^-resolution wide.
        reach: how many of their prior's deviations latents may be away from 0.
    """

    def __init__(self, resolution, reach=PRIOR_REACH):
        self.reach = reach
        self.resolution = np.asarray(resolution, np.int64)
        self.bin = 2.0**-self.resolution

    def posterior(self, mean, log_var, notes, part):
        """(means, widths) in whole numbers of bins and for tables, as for `Stack`.

        Args:
            mean, log_var: float64 (..., D), in units of the prior's.
            notes: `Notes`.
            part: of two parts.
        """
        octaves = 0.5 / math.log(2) * log_var + self.resolution
        most = WIDTHS_PER_OCTAVE * self.resolution + WIDTHS_PER_OCTAVE // 2
        widths = np.clip(WIDTHS_PER_OCTAVE * octaves, MIN_WIDTH, most)
        widths = notes.round(widths, part, MARGIN)
        # What is drawn must be where the prior is.
        farthest = (self.reach << self.resolution) - reaches()[widths - MIN_WIDTH]
        means = np.clip(mean / self.bin, -farthest, farthest)
        return notes.round(means, part + 1, MARGIN), widths

    def pop(self, stack, means, widths):
        """Latents from their posteriors: whole numbers (..., D) of bins."""
        bins = stack.pop_normals(means.ravel(), widths.ravel())
        return bins.reshape(means.shape)

    def push(self, stack, bins, means, widths):
        """The inverse of `pop`."""
        stack.push_normals(bins.ravel(), means.ravel(), widths.ravel())

    def _prior(self, shape):
        widths = np.broadcast_to(WIDTHS_PER_OCTAVE * self.resolution, shape)
        return np.zeros(math.prod(shape), np.int64), widths.ravel()

    def push_prior(self, stack, bins):
        """Pushes latents (..., D) by N(0, I)."""
        stack.push_normals(bins.ravel(), *self._prior(bins.shape), self.reach)

    def pop_prior(self, stack, shape):
        """Pops latents of a shape (..., D) by N(0, I)."""
        return stack.pop_normals(*self._prior(shape), self.reach).reshape(shape)


@functools.cache
def reaches():
    """How many bins the table of each width reaches, from `MIN_WIDTH` on."""
    each = range(MIN_WIDTH, MAX_WIDTH + 1)
    return np.array([table_reach(width, REACH) for width in each])
