"""Images of models whose latents have a flow for a prior."""

import numpy as np

from zoo.applications.bits_back.exact import array, tensor
from zoo.applications.bits_back.grids import FIRST_PART, Grid, reaches, resolutions
from zoo.applications.bits_back.pixels import Pixels
from zoo.applications.bits_back.stack import (
    MAX_WIDTH,
    MIN_WIDTH,
    PRIOR_REACH,
    WIDTHS_PER_OCTAVE,
    table_reach,
)
from zoo.applications.bits_back.vectors import posterior_of

# Noise is on a grid of bins 2^-12 wide, latents on one of at most 2^-9.
_NOISE_RESOLUTION, _LEAST_RESOLUTION = 12, 9
# The noise of latents is told but for a normal error of four of their bins.
_ERROR_BINS = 4
_ERROR_WIDTH = 2 * WIDTHS_PER_OCTAVE
# Differences that derivatives are taken at, in the units of latents.
_STEP = 2.0**-12
# How far what is made of derivatives may be off at the other end, in bins.
_MARGIN = 2e-5


class FlowCoder:
    """Codes blocks of images by z ~ q(z|x) on a grid, and z by a flow.

    Bits-back coding twice: z is coded as data are by a flow in Ho, Lohn & Abbeel,
    "Compression with Flows via Local Bits-Back Coding", 2019, algorithm 1. Noise is
    popped from a narrow normal distribution around that of z, as wide as the flow's
    derivative makes an error in z; z is pushed given that noise, and the noise by its
    prior N(0, I).

    Args:
        exact: an `Exact` model.
        resolution: of the grid of z, int64 (D,).
    """

    def __init__(self, exact, resolution):
        self.exact, self.model = exact, exact.model
        self.grid = Grid(resolution)
        self.noise = Grid(np.full(len(resolution), _NOISE_RESOLUTION))

    @classmethod
    def resolution_for(cls, exact, levels, labels):
        """What `resolution` should be, of the latents of some images."""
        found = resolutions(*posterior_of(exact, levels, labels))
        return np.maximum(found, _LEAST_RESOLUTION)

    def push(self, stack, notes, levels, labels):
        """Codes a block of levels (B, H, W, C)."""
        means, widths = self._posterior(notes, levels, labels)
        z = self.grid.pop(stack, means, widths)
        Pixels(self.exact, self._decode(z, labels), stack, notes).push(levels)
        # Noise e ~ N(e(z), error of z), dimension by dimension
        told = _Told(self, z, labels, notes)
        noise = np.zeros_like(z)
        for d in range(z.shape[1]):
            noise[:, d] = stack.pop_normals(*told.normal(d))
            told.take(d, noise[:, d])
        # z given the noise, and what is too far away beside
        off = z - self._latents(noise, labels, notes)
        near = np.clip(off, -_error_reach(), _error_reach())
        notes.leftovers(self._last_part, (off - near).ravel())
        zeros = np.zeros(z.size, np.int64)
        stack.push_normals(near.ravel(), zeros, zeros + _ERROR_WIDTH)
        self.noise.push_prior(stack, noise)

    def pop(self, stack, notes, shape, labels):
        """Decodes a block of a shape (B, H, W, C)."""
        size = (shape[0], len(self.grid.resolution))
        noise = self.noise.pop_prior(stack, size)
        zeros = np.zeros(noise.size, np.int64)
        off = stack.pop_normals(zeros, zeros + _ERROR_WIDTH)
        where, more = notes.leftovers(self._last_part)
        off[where] += more
        z = off.reshape(size) + self._latents(noise, labels, notes)
        told = _Told(self, z, labels, notes)
        normals = []
        for d in range(size[1]):
            normals.append(told.normal(d))
            told.take(d, noise[:, d])
        for d in reversed(range(size[1])):
            stack.push_normals(noise[:, d], *normals[d])
        parameters = self._decode(z, labels)
        levels = Pixels(self.exact, parameters, stack, notes).pop(shape)
        self.grid.push(stack, z, *self._posterior(notes, levels, labels))
        return levels

    @property
    def _last_part(self):
        return FIRST_PART + 4 + 2 * len(self.grid.resolution)

    def _posterior(self, notes, levels, labels):
        mean, log_var = posterior_of(self.exact, levels, labels)
        octaves = 0.5 / np.log(2) * log_var + self.grid.resolution
        widths = np.clip(WIDTHS_PER_OCTAVE * octaves, MIN_WIDTH, MAX_WIDTH)
        widths = notes.round(widths, FIRST_PART, _MARGIN)
        return notes.round(mean / self.grid.bin, FIRST_PART + 1, _MARGIN), widths

    def _decode(self, bins, labels):
        return self.model.decode_parameters(tensor(bins * self.grid.bin), labels)

    def _latents(self, noise, labels, notes):
        """The latents of noise, in whole bins both: int64 (B, D)."""
        prior = self.model.make_prior(labels)
        z = array(prior.from_noise(tensor(noise * self.noise.bin)))
        return notes.round(z / self.grid.bin, FIRST_PART + 2, _MARGIN)

    def noise_of(self, bins, labels):
        """Noise (B, D) of latents in bins, and its derivative (B, D, D), last axis z's.

        In bins of noise, and of an error `_ERROR_BINS` of z.
        """
        z, size = bins * self.grid.bin, bins.shape[1]
        moved = z[None] + np.concatenate([np.zeros((1, size)), _STEP * np.eye(size)])[
            :, None
        ]
        prior = self.model.make_prior(labels)
        noise = array(prior.to_noise(tensor(moved))[0]) / self.noise.bin
        errors = _ERROR_BINS * self.grid.bin / _STEP
        derivative = np.moveaxis(noise[1:] - noise[0], 0, -1) * errors
        return noise[0], derivative


class _Told:
    """What latents tell of their noise: normal distributions, one dimension at a time.

    Args:
        coder: a `FlowCoder`.
        z: latents in whole bins, (B, D).
        labels, notes: as there.
    """

    def __init__(self, coder, z, labels, notes):
        self.notes, self.limit = notes, PRIOR_REACH << _NOISE_RESOLUTION
        self.mean, derivative = coder.noise_of(z, labels)
        # The covariance J J^T is L L^T, where J^T = Q R and L = R^T.
        lower = np.swapaxes(np.linalg.qr(np.swapaxes(derivative, 1, 2))[1], 1, 2)
        signs = np.sign(np.einsum("bdd->bd", lower))
        self.lower = lower * np.where(signs == 0, 1, signs)[:, None, :]

    def normal(self, d):
        """(means, widths) of dimension d, given those before."""
        deviation = np.maximum(self.lower[:, d, d], 2.0**-3)
        widths = np.clip(
            WIDTHS_PER_OCTAVE * np.log2(deviation),
            MIN_WIDTH,
            WIDTHS_PER_OCTAVE * _NOISE_RESOLUTION,
        )
        part = FIRST_PART + 3 + 2 * d
        widths = self.notes.round(widths, part, _MARGIN)
        farthest = self.limit - reaches()[widths - MIN_WIDTH]
        means = np.clip(self.mean[:, d], -farthest, farthest)
        return self.notes.round(means, part + 1, _MARGIN), widths

    def take(self, d, bins):
        """Notes what dimension d was: it tells of those after it."""
        own = np.maximum(self.lower[:, d, d], 1e-6)
        unit = np.clip((bins - self.mean[:, d]) / own, -16, 16)
        self.mean = self.mean + self.lower[:, :, d] * unit[:, None]


def _error_reach():
    return table_reach(_ERROR_WIDTH)
