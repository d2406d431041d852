"""Images of models whose latents have a flow for a prior."""

import numpy as np

from zoo.applications.bits_back.grids import FIRST_PART, Grid, reaches, resolutions
from zoo.applications.bits_back.pixels import Pixels
from zoo.applications.bits_back.stack import (
    MAX_WIDTH,
    MIN_WIDTH,
    WIDTHS_PER_OCTAVE,
    table_reach,
)
from zoo.applications.bits_back.vectors import posterior_of

# Noise is on a grid of bins 2^-12 wide and up to ±8, latents on one of at most 2^-10.
_NOISE_RESOLUTION, _NOISE_REACH, _LEAST_RESOLUTION = 12, 8, 10
# The noise of latents is told but for a normal error of eight of their bins.
_ERROR_BINS = 8
_ERROR_WIDTH = 3 * WIDTHS_PER_OCTAVE
# Differences that derivatives are taken at, in the units of latents.
_STEP = 2.0**-12
# How far what is made of derivatives may be off at the other end, in bins.
_MARGIN = 5e-6


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
        self.noise = Grid(np.full(len(resolution), _NOISE_RESOLUTION), _NOISE_REACH)

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
        decode, z = self.model.decode_parameters, bins * self.grid.bin
        return self.exact.run("decode", decode, z, labels)

    def _latents(self, noise, labels, notes):
        """The latents of noise, in whole bins both: int64 (B, D)."""

        def latents(noise, labels=None):
            return self.model.make_prior(labels).from_noise(noise)

        z = self.exact.run("latents", latents, noise * self.noise.bin, labels)
        return notes.round(z / self.grid.bin, FIRST_PART + 2, _MARGIN)

    def noise_of(self, bins, labels):
        """Noise (B, D) of latents in bins, and its derivative (B, D, D), last axis z's.

        In bins of noise, and of an error `_ERROR_BINS` of z.
        """
        count, size = bins.shape
        steps = _STEP * np.concatenate([np.zeros((1, size)), np.eye(size)])
        moved = (bins * self.grid.bin)[:, None] + steps  # (B, 1 + D, D)
        if labels is not None:
            labels = np.repeat(labels, 1 + size)

        def noise_of(z, labels=None):
            return self.model.make_prior(labels).to_noise(z)[0]

        moved = moved.reshape(-1, size)
        noise = self.exact.run("noise", noise_of, moved, labels)
        noise = noise.reshape(count, 1 + size, size) / self.noise.bin
        errors = _ERROR_BINS * self.grid.bin / _STEP
        derivative = (noise[:, 1:] - noise[:, :1]).swapaxes(1, 2) * errors
        return noise[:, 0], derivative


class _Told:
    """What latents tell of their noise: normal distributions, one dimension at a time.

    Args:
        coder: a `FlowCoder`.
        z: latents in whole bins, (B, D).
        labels, notes: as there.
    """

    def __init__(self, coder, z, labels, notes):
        self.notes, self.limit = notes, _NOISE_REACH << _NOISE_RESOLUTION
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
