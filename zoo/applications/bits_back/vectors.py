"""Images of models with one latent vector."""

import numpy as np

from zoo.applications.bits_back.exact import array
from zoo.applications.bits_back.grids import FIRST_PART, Grid, resolutions
from zoo.applications.bits_back.pixels import Pixels
from zoo.distributions import DiagonalNormal
from zoo.precision import scope
from zoo.priors import StandardNormal


class VectorCoder:
    """Codes blocks of images by z ~ q(z|x) on a grid, and p(z) a normal distribution.

    Townsend, Bird & Barber, "Practical Lossless Compression with Latent Variables using
    Bits Back Coding", 2019. Latents are in units of the prior's.

    Args:
        exact: an `Exact` model.
        resolution: of the grid, int64 (D,).
    """

    def __init__(self, exact, resolution):
        self.exact, self.model = exact, exact.model
        self.grid = Grid(resolution)

    @classmethod
    def fits(cls, model):
        """Whether it is for a model, by the classes of its posterior and its prior."""
        return isinstance(model.prior, StandardNormal) or _is_label_normal(model.prior)

    @classmethod
    def resolution_for(cls, exact, levels, labels):
        """What `resolution` should be, of the latents of some images."""
        return resolutions(*_posterior(exact, levels, labels))

    def push(self, stack, notes, levels, labels):
        """Codes a block of levels (B, H, W, C)."""
        q = self._posterior(notes, levels, labels)
        z = self.grid.pop(stack, *q)
        Pixels(self.exact, self._decode(z, labels), stack, notes).push(levels)
        self.grid.push_prior(stack, z)

    def pop(self, stack, notes, shape, labels):
        """Decodes a block of a shape (B, H, W, C)."""
        size = (shape[0], len(self.grid.resolution))
        z = self.grid.pop_prior(stack, size)
        parameters = self._decode(z, labels)
        levels = Pixels(self.exact, parameters, stack, notes).pop(shape)
        self.grid.push(stack, z, *self._posterior(notes, levels, labels))
        return levels

    def _posterior(self, notes, levels, labels):
        statistics = _posterior(self.exact, levels, labels)
        return self.grid.posterior(*statistics, notes, FIRST_PART)

    def _decode(self, bins, labels):
        mean, deviation = _prior(self.model, labels)
        z = mean + deviation * (bins * self.grid.bin)
        return self.exact.run("decode", self.model.decode_parameters, z, labels)


def posterior_of(exact, levels, labels):
    """(mean, log-variance) of q(z|x), float64 (B, D).

    Raises:
        ValueError: if it is no diagonal normal distribution.
    """
    model = exact.model

    def statistics(images, labels=None):
        posterior = model.make_posterior(model.encode_parameters(images, labels))
        if type(posterior) is not DiagonalNormal:
            raise ValueError(
                "`model` must have posteriors that are diagonal normal distributions "
                f"to compress with; got a {type(posterior).__name__}."
            )
        return posterior.mean, posterior.log_var

    return exact.run("encode", statistics, exact.images(levels), labels)


def _posterior(exact, levels, labels):
    """`posterior_of` in units of the prior."""
    mean, log_var = posterior_of(exact, levels, labels)
    center, deviation = _prior(exact.model, labels)
    return (mean - center) / deviation, log_var - 2 * np.log(deviation)


def _is_label_normal(prior):
    return bool(getattr(prior, "label_dim", 0)) and not hasattr(prior, "to_noise")


def _prior(model, labels):
    """(mean, deviation) of p(z) or p(z|y), numbers or (B, D)."""
    if isinstance(model.prior, StandardNormal):
        return 0.0, 1.0
    with scope("float64"):
        prior = model.make_prior(labels)
        return array(prior.mean), np.exp(0.5 * array(prior.log_var))
