"""The prior of a ladder, and how rows of its latents are drawn."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import numpy as np
from keras import ops

from zoo import priors
from zoo.distributions import DiagonalNormal
from zoo.distributions.divergence import find_rule
from zoo.distributions.groups import OnGrid, in_a_row
from zoo.generation import scaled
from zoo.latents import LatentSpec, NoiseSpec
from zoo.precision import float_dtype


class LadderPrior:
    """Mixed into a ladder: `prior` is p(z_1), of the first group as one vector.

    All groups after it are N(0, I), given those before.
    """

    @property
    def latent_row(self) -> LatentSpec:
        return LatentSpec("z", (self.noise.normals,))

    @property
    def noise(self) -> NoiseSpec:
        uniforms = getattr(self.prior, "num_uniforms", 0)
        return NoiseSpec(super().noise.normals, uniforms)

    @property
    def has_kl_per_unit(self):
        if getattr(self.prior, "label_dim", 0):
            return None
        rule = find_rule(DiagonalNormal, type(self.prior))
        return rule is not None and rule.per_unit

    def make_prior(self, labels=None):
        """The first group's prior p(z_1), or p(z_1|y), over vectors."""
        if getattr(self.prior, "made_of_posteriors", False):
            return self.prior.of_posteriors(self._first_posterior)
        if getattr(self.prior, "label_dim", 0):
            return self.prior.given(self.label_vectors(labels))
        return self.prior

    def _first_posterior(self, x):
        """q(z_1|x) of images (N, H, W, C), over vectors."""
        posterior = self.way_down(x)[0][0][0]
        rows = (-1, self.latents[0].size)
        return DiagonalNormal(
            ops.reshape(posterior.mean, rows), ops.reshape(posterior.log_var, rows)
        )

    def first_prior(self, posterior, labels=None):
        """`make_prior`, of latents (..., h, w, channels), as their posterior is."""
        prior = self.make_prior(labels)
        if type(prior) is priors.StandardNormal:
            return posterior.default_prior()
        return OnGrid.of(prior, self.latents[0].shape)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw_latents`: rows, but for the first group the noise."""
        noise = self.as_reals(noise)
        if len(ops.cast(temperature, "float32").shape) < 2:
            row = scaled(noise, temperature)
        else:
            row = in_a_row(list(self.split_noise(noise, temperature).values()))
        prior = self.make_prior(labels)
        if type(prior) is priors.StandardNormal:
            return row
        size = self.latents[0].size
        given = (row[:, :size],) if uniforms is None else (row[:, :size], uniforms)
        return ops.concatenate([prior.from_noise(*given), row[:, size:]], axis=-1)

    def split_noise(self, noise, temperature=1.0):
        """See `Generation.split_noise`; a temperature may be (N, number of levels)."""
        temperature = ops.cast(temperature, float_dtype(noise))
        if len(temperature.shape) < 2:
            return super().split_noise(noise, temperature)
        parts, level = super().split_noise(noise), -1
        for name in parts:
            level += name.endswith("_1")
            parts[name] = parts[name] * temperature[:, level, None, None, None]
        return parts

    def check_temperature(self, temperature):
        """One number for all levels, or one for each, coarsest first.

        Raises:
            ValueError, TypeError: if they are not so many finite numbers >= 0.
        """
        if np.ndim(temperature) == 0:
            return super().check_temperature(temperature)
        count = len(self.decoder.levels)
        if len(temperature) != count:
            raise ValueError(
                f"`temperature` must be one number, or {count}, one for each level; "
                f"got {len(temperature)}."
            )
        return [super(LadderPrior, self).check_temperature(t) for t in temperature]
