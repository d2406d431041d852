"""Latents resampled by their weights, and whether chains have mixed: NumPy alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Reservoir:
    """Latents resampled by their weights, of any number that come one after another.

    Each of an image's slots holds one of its candidates so far, chosen with probability
    proportional to its weight and independently of the other slots.

    Args:
        streams: a `numpy.random.Generator` for each image.
        apart: whether the candidates of a slot are those at its own place alone, so
            that no two slots ever hold the same one.
    """

    streams: list
    apart: bool = False
    z: Any = None  # (N, num_draws, D)
    _log_sum: Any = -np.inf
    _log_squares: Any = -np.inf

    def add(self, z, log_weights):
        """Takes candidates z (N, K, D) with their log-weights (N, K) in."""
        log_weights = np.nan_to_num(log_weights.astype(np.float64), nan=-np.inf)
        count, slots = log_weights.shape
        squares = np.logaddexp.reduce(2 * log_weights, axis=1)
        self._log_squares = np.logaddexp(self._log_squares, squares)
        uniforms = np.stack([rng.random((2, slots)) for rng in self.streams], 1)
        # Groups of slots and of as many candidates that they choose among.
        size = 1 if self.apart else slots
        weights, replacing, choosing = (
            numbers.reshape(count, -1, size) for numbers in (log_weights, *uniforms)
        )
        added = np.logaddexp.reduce(weights, axis=2)
        total = np.logaddexp(self._log_sum, added)
        self._log_sum = total
        with np.errstate(invalid="ignore"):  # of weights that are 0 altogether
            edges = np.cumsum(np.exp(weights - added[..., None]), axis=2)
            replaced = replacing < np.exp(added - total)[..., None]
        passed = choosing[..., None] >= edges[:, :, None, :-1]
        first = np.arange(0, slots, size)[:, None]
        chosen = (first + np.sum(passed, axis=-1)).reshape(count, slots, 1)
        chosen = np.take_along_axis(z, chosen, axis=1)
        kept = chosen if self.z is None else self.z
        self.z = np.where(replaced.reshape(count, slots, 1), chosen, kept)

    @property
    def effective_sample_size(self):
        """(sum w)^2 / sum w^2 of all weights, (N,)."""
        log_sum = np.logaddexp.reduce(self._log_sum, axis=1)
        return np.exp(2 * log_sum - self._log_squares)


def split_r_hat(trace):
    """Gelman and Rubin's R-hat of chains cut in two: (steps, N, chains) to (N,).

    Gelman et al., "Bayesian Data Analysis", 2013, section 11.4: near 1 where chains
    agree with each other and with themselves; NaN of fewer than 4 steps.
    """
    steps = len(trace) // 2
    if steps < 2:
        return np.full(trace.shape[1], np.nan)
    halves = np.concatenate([trace[:steps], trace[-steps:]], axis=2).astype(np.float64)
    within = np.mean(np.var(halves, axis=0, ddof=1), axis=1)
    between = np.var(np.mean(halves, axis=0), axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = np.sqrt((steps - 1) / steps + between / within)
    # Chains that are all the same constant agree.
    return np.where((within == 0) & (between == 0), 1.0, r_hat)
