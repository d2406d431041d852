"""Markov chains of missing pixels and latents, one for each draw of each image.

All noise is drawn with NumPy from one stream a chain, so that a chain depends on
neither the backend nor the batch it is in.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from zoo.distributions.groups import in_a_row
from zoo.evaluation.likelihood import PIXELS_PER_CALL


class Chains:
    """The chains of a few images: rows image by image, draw by draw.

    A chain's state is its images `x` with the missing pixels filled in, and latents `z`
    (rows, latents of all groups).

    Args:
        model: a model of the zoo.
        x: images (N, H, W, C), float32, finite also where pixels are missing.
        mask: bool (N, H, W, C), True where a pixel is observed.
        labels: (N,), or None.
        numbers: what each image's noise is told by, (N,).
        num_draws: chains an image.
        seed: integer that fixes the noise.
    """

    def __init__(self, model, x, mask, labels, numbers, num_draws, seed):
        self.model, self.num_draws = model, num_draws
        self.x = np.repeat(x, num_draws, axis=0)
        self.mask = np.repeat(mask, num_draws, axis=0)
        self.labels = None if labels is None else np.repeat(labels, num_draws, axis=0)
        self.z: Any = None
        self._streams = [
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(image, draw)))
            for image in numbers.tolist()
            for draw in range(num_draws)
        ]
        self._fill_from_prior()

    def gibbs(self):
        """z ~ q(z|x), then the missing pixels from p(x|z).

        Returns:
            log p(x_obs|z) and log p(x_obs|z) p(z) / q(z|x) of the z drawn, in nats,
            (N, num_draws) each.
        """
        out = self._call("gibbs", gibbs, self.x, self.mask, *self._noise())
        self.x, self.z = out["x"], out["z"]
        return self._of_images(out["observed"]), self._of_images(out["log_weight"])

    def metropolis(self):
        """z' ~ q(z|x), accepted or not, then the missing pixels from p(x|z).

        Returns:
            log p(x_obs|z) in nats, and whether z' was accepted, (N, num_draws) each.
        """
        uniforms = [rng.random(dtype=np.float32) for rng in self._streams]
        drawn = np.array(uniforms, np.float32), *self._noise()
        state = self.x, self.mask, self.z
        out = self._call("metropolis", metropolis, *state, *drawn)
        self.x, self.z = out["x"], out["z"]
        return self._of_images(out["observed"]), self._of_images(out["accepted"])

    def images(self, pixels):
        """Images given z, (N, num_draws, H, W, C): pixels drawn, or their means."""
        _, pixel_noise = self._noise()
        given = self.x, self.z, pixel_noise
        return self._of_images(self._call(pixels, _PIXELS[pixels], *given))

    def _fill_from_prior(self):
        """Missing pixels as a sample of the prior has them: chains start far apart."""
        model = self.model
        if not model.can_sample or any(spec.is_codes for spec in model.latents):
            # Codes are drawn one by one, which takes longer than the chain.
            drawn = [rng.random(self.x.shape[1:], np.float32) for rng in self._streams]
            self.x = np.where(self.mask, self.x, np.stack(drawn))
            return
        normals, uniforms = model.noise
        given = [np.stack([r.standard_normal(normals, "f4") for r in self._streams])]
        if uniforms:
            given.append(np.stack([r.random(uniforms, "f4") for r in self._streams]))

        def sample(model, noise, *rest, labels=None):
            return model.generate(noise, *rest, labels=labels)

        self.x = np.where(self.mask, self.x, self._call("prior", sample, *given))

    def _noise(self):
        """Noise of latents and of pixels for each chain."""
        model, likelihood = self.model, self.model.likelihood
        *grid, channels = model.image_shape
        shape = (*grid, likelihood.noise_per_pixel(channels))
        normal, of_pixels = likelihood.noise == "normal", []
        latent = [model.posterior_noise(rng, 1)[0] for rng in self._streams]
        for rng in self._streams:
            draw = rng.standard_normal if normal else rng.random
            of_pixels.append(draw(shape, np.float32))
        return np.stack(latent), np.stack(of_pixels)

    def _call(self, name, function, *arrays):
        """A function of tensors at all rows, a bounded number of them at a time."""
        model, count = self.model, len(arrays)

        def of_rows(*given):
            labels = given[count] if len(given) > count else None
            return function(model, *given[:count], labels=labels)

        name = f"impute: {name}{'' if self.labels is None else ' given labels'}"
        most = max(1, PIXELS_PER_CALL // math.prod(model.image_shape))
        return model.inference.batched(
            name, of_rows, *arrays, self.labels, at_most=most
        )

    def _of_images(self, rows):
        return rows.reshape(-1, self.num_draws, *rows.shape[1:])


# Functions of tensors. x holds pixels of the likelihood's own density, on [0, 1] or
# not, so that chains keep the right distribution; encoders see them clipped.


def gibbs(model, x, mask, noise, pixel_noise, labels=None):
    """A step of pseudo-Gibbs sampling: see `Chains.gibbs`."""
    terms = model.elbo_terms(ops.clip(x, 0, 1), labels, noise=noise[None])
    parameters = terms.parameters[0]
    observed = _log_prob(model, x, parameters, mask)
    return {
        "z": _row(terms),
        "x": _redrawn(model, x, mask, parameters, pixel_noise),
        "observed": observed,
        "log_weight": observed + terms.log_ratio[0],
    }


def metropolis(model, x, mask, z, uniform, noise, pixel_noise, labels=None):
    """A step of Metropolis-within-Gibbs sampling: see `Chains.metropolis`.

    The target given x_mis is p(z|x_obs, x_mis), the proposal q(z|x_obs, x_mis) of the
    very same x_mis, which is drawn anew from p(x_mis|z) only afterwards.
    """
    seen = ops.clip(x, 0, 1)
    proposed = model.elbo_terms(seen, labels, noise=noise[None])
    current = model.terms_at(seen, _groups(model, z), labels)
    # log p(x|z) p(z) / q(z|x), of z' and of z
    new, old = (
        _log_prob(model, x, terms.parameters[0]) + terms.log_ratio[0]
        for terms in (proposed, current)
    )
    accepted = ops.log(uniform) < new - old
    parameters = ops.where(
        accepted[:, None, None, None], proposed.parameters[0], current.parameters[0]
    )
    return {
        "z": ops.where(accepted[:, None], _row(proposed), z),
        "x": _redrawn(model, x, mask, parameters, pixel_noise),
        "observed": _log_prob(model, x, parameters, mask),
        "accepted": accepted,
    }


def _drawn_pixels(model, x, z, pixel_noise, labels=None):
    parameters = model.terms_at(ops.clip(x, 0, 1), _groups(model, z), labels).parameters
    return model.likelihood.from_noise(parameters[0], pixel_noise)


def _mean_pixels(model, x, z, pixel_noise, labels=None):
    parameters = model.terms_at(ops.clip(x, 0, 1), _groups(model, z), labels).parameters
    return model.likelihood.mean(parameters[0])


_PIXELS = {"draws": _drawn_pixels, "mean": _mean_pixels}


def _redrawn(model, x, mask, parameters, noise):
    drawn = model.likelihood.unclipped_from_noise(parameters, noise)
    return ops.where(mask, x, drawn)


def _log_prob(model, x, parameters, mask=None):
    """log p of the pixels that `mask` has, or of all, in nats, (N,)."""
    per_dim = model.likelihood.log_prob_per_dim(x, parameters)
    if mask is not None:
        per_dim = ops.where(mask, per_dim, 0.0)
    return ops.sum(per_dim, axis=(-3, -2, -1))


def _row(terms):
    """The latents of the first draw, all groups in a row."""
    return in_a_row([group.z[0] for group in terms.groups])


def _groups(model, row):
    """{name: (1, N, *shape)} of latents in a row (N, latents of all groups)."""
    z, start = {}, 0
    for spec in model.latents:
        part = row[:, start : start + spec.size]
        z[spec.name] = ops.reshape(part, (1, -1, *spec.shape))
        start += spec.size
    return z


@dataclass
class Reservoir:
    """Latents resampled by their weights, of any number that come one after another.

    Each of an image's slots holds one of all candidates so far, chosen with probability
    proportional to its weight and independently of the other slots.

    Args:
        streams: a `numpy.random.Generator` for each image.
    """

    streams: list
    z: Any = None  # (N, num_draws, D)
    _log_sum: Any = -np.inf
    _log_squares: Any = -np.inf

    def add(self, z, log_weights):
        """Takes candidates z (N, K, D) with their log-weights (N, K) in."""
        log_weights = log_weights.astype(np.float64)
        added = np.logaddexp.reduce(log_weights, axis=1)
        total = np.logaddexp(self._log_sum, added)
        squares = np.logaddexp.reduce(2 * log_weights, axis=1)
        self._log_squares = np.logaddexp(self._log_squares, squares)
        self._log_sum = total
        slots = z.shape[1]
        uniforms = np.stack([rng.random((2, slots)) for rng in self.streams], 1)
        edges = np.cumsum(np.exp(log_weights - added[:, None]), axis=1)
        passed = uniforms[1][..., None] >= edges[:, None, :-1]
        chosen = np.take_along_axis(z, np.sum(passed, axis=-1)[..., None], axis=1)
        replaced = uniforms[0] < np.exp(added - total)[:, None]
        self.z = chosen if self.z is None else np.where(replaced[..., None], chosen, self.z)

    @property
    def effective_sample_size(self):
        """(sum w)^2 / sum w^2 of all weights, (N,)."""
        return np.exp(2 * self._log_sum - self._log_squares)


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
