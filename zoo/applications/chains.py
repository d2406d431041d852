"""Markov chains of missing pixels and latents, one for each draw of each image.

All noise is drawn with NumPy from one stream a chain, so that a chain depends on
neither the backend nor the batch it is in.
"""

import math
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

    def gibbs(self, reservoir=None):
        """z ~ q(z|x), then the missing pixels from p(x|z).

        Args:
            reservoir: `Reservoir` that takes the latents in, with the weights
                p(x_obs|z) p(z) / q(z|x); or None.

        Returns:
            log p(x_obs|z) in nats, (N, num_draws).
        """
        step = gibbs if reservoir is None else weighted_gibbs
        out = self._call(step.__name__, step, self.x, self.mask, *self._noise())
        self.x, self.z = out["x"], out["z"]
        if reservoir is not None:
            z, log_weights = out["z"], out["log_weight"]
            reservoir.add(self._of_images(z), self._of_images(log_weights))
        return self._of_images(out["observed"])

    def restart(self, reservoir):
        """Goes on from the latents of a reservoir, with pixels drawn given them."""
        self.z = reservoir.z.reshape(self.z.shape)
        drawn = self.images("draws").reshape(self.x.shape)
        self.x = np.where(self.mask, self.x, drawn)

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
        """All pixels given z, (N, num_draws, H, W, C): drawn, or their means."""
        _, pixel_noise = self._noise()
        function = drawn_pixels if pixels == "draws" else mean_pixels
        given = self.x, self.z, pixel_noise
        return self._of_images(self._call(pixels, function, *given))

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
    return _gibbs(model, x, mask, noise, pixel_noise, labels)[0]


def weighted_gibbs(model, x, mask, noise, pixel_noise, labels=None):
    """The same, with what z weighs: log p(x_obs|z) p(z) / q(z|x)."""
    out, terms = _gibbs(model, x, mask, noise, pixel_noise, labels)
    return {**out, "log_weight": out["observed"] + terms.log_ratio[0]}


def _gibbs(model, x, mask, noise, pixel_noise, labels):
    terms = model.elbo_terms(ops.clip(x, 0, 1), labels, noise=noise[None])
    parameters = terms.parameters[0]
    out = {
        "z": _row(terms),
        "x": _redrawn(model, x, mask, parameters, pixel_noise),
        "observed": _log_prob(model, x, parameters, mask),
    }
    return out, terms


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


def drawn_pixels(model, x, z, pixel_noise, labels=None):
    """Images drawn from p(x|z)."""
    parameters = _parameters(model, x, z, labels)
    return model.likelihood.from_noise(parameters, pixel_noise)


def mean_pixels(model, x, z, pixel_noise, labels=None):
    """E[x|z]."""
    return model.likelihood.mean(_parameters(model, x, z, labels))


def _parameters(model, x, z, labels):
    return model.terms_at(x, _groups(model, z), labels).parameters[0]


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
