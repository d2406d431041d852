"""The ELBO and its importance-weighted form."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.latents import levels_of
from zoo.objectives.base import Objective
from zoo.validation import check_choice, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class ELBO(Objective):
    """The negative evidence lower bound, with the KL weighted by beta.

    loss = -E_q[log p(x|z)] + beta * KL(q(z|x) || p(z)): Kingma & Welling 2014,
    equation 3, for beta = 1; Higgins et al., "beta-VAE", 2017, equation 4, otherwise.

    Args:
        beta: a number >= 0 or a schedule such as `zoo.schedules.LinearWarmup`; or a
            tuple of them, one for each level of a ladder or for each group of latents,
            coarsest first.
        free_bits: nats (despite the customary name) that each latent dimension may
            use for free: a dimension whose KL, averaged over the batch, is below this
            is not pushed any lower (Kingma et al., "Improved Variational Inference
            with Inverse Autoregressive Flow", 2016, equation 15). More than 0 needs a
            prior of independent dimensions.
        free_bits_of: "latent" as above; "group" counts the KL of each group of latents
            as a whole, which keeps every level of a hierarchy alive.

    Example:

    >>> from zoo.objectives import ELBO
    >>> from zoo.schedules import LinearWarmup
    >>> objective = ELBO(beta=LinearWarmup(steps=1000), free_bits=0.1)

    The KL of fine levels enters later than that of coarse ones:

    >>> objective = ELBO(beta=(LinearWarmup(steps=1000), LinearWarmup(steps=4000)))
    """

    def __init__(
        self, beta: Any = 1.0, free_bits: float = 0.0, free_bits_of: str = "latent"
    ):
        if isinstance(beta, (tuple, list)):
            self.beta = tuple(schedules.get(each, "beta") for each in beta)
        else:
            self.beta = schedules.get(beta, "beta")
        if not 0 <= free_bits < float("inf"):
            raise ValueError(
                f"`free_bits` must be a finite number >= 0; got {free_bits!r}."
            )
        self.free_bits = free_bits
        self.free_bits_of = check_choice(
            free_bits_of, "free_bits_of", ("latent", "group")
        )

    @property
    def needs_kl_per_unit(self):
        return self.free_bits > 0 and self.free_bits_of == "latent"

    @property
    def holds_kl(self):
        betas = self.beta if isinstance(self.beta, tuple) else (self.beta,)
        return any(beta != 0 for beta in betas)

    def check_model(self, model):
        """See `Objective.check_model`; and refuses another number of `beta`.

        Raises:
            ValueError: if there are several, and not one for each level or group.
        """
        super().check_model(model)
        if isinstance(self.beta, tuple):
            self._beta_of_groups(model.latents)

    def __call__(self, terms, step):
        if isinstance(self.beta, tuple):
            betas = self._beta_of_groups([group.spec for group in terms.groups])
            weighted = [
                schedules.value_at(beta, step) * self._kl(group)
                for beta, group in zip(betas, terms.groups, strict=True)
            ]
            return terms.reconstruction + sum(weighted)
        kl = sum(self._kl(group) for group in terms.groups)
        return terms.reconstruction + schedules.value_at(self.beta, step) * kl

    def _beta_of_groups(self, latents):
        """One weight for each group, of those for levels."""
        levels = levels_of(latents)
        if len(self.beta) == len(latents):
            return self.beta
        if len(self.beta) != len(levels):
            counts = sorted({len(levels), len(latents)})
            raise ValueError(
                f"`beta` must be one weight, or {' or '.join(map(str, counts))}: one "
                f"for each level or group of latents; got {len(self.beta)}."
            )
        return [
            beta
            for beta, level in zip(self.beta, levels, strict=True)
            for _ in level.groups
        ]

    def _kl(self, group):
        """The KL of a group, none of it below `free_bits`, (N,)."""
        if not self.free_bits:
            return group.kl
        whole = self.free_bits_of == "group"
        kl = group.kl if whole else self.kl_per_unit(group)
        batch_mean = ops.mean(kl, axis=0, keepdims=True)
        # An example's share of max(free_bits, batch mean): the batch average of this
        # is equation 15, and so is its gradient.
        kl = ops.where(batch_mean > self.free_bits, kl, self.free_bits)
        return kl if whole else ops.sum(kl, axis=tuple(range(1, len(kl.shape))))


@keras.saving.register_keras_serializable(package="zoo")
class ImportanceWeighted(Objective):
    """The importance-weighted bound of k draws, tighter than the ELBO for k > 1.

    loss = -log 1/k sum_i p(x|z_i) (p(z_i) / q(z_i|x))^beta: Burda et al., "Importance
    Weighted Autoencoders", 2016, equation 8, for beta = 1.

    Args:
        num_importance_samples: k >= 1.
        beta: a number >= 0 or a schedule, to warm the prior term up.

    Example:

    >>> from zoo.objectives import ImportanceWeighted
    >>> ImportanceWeighted(num_importance_samples=5).num_draws
    5
    """

    def __init__(self, num_importance_samples: int = 5, beta: Any = 1.0):
        self.num_importance_samples = check_whole_number(
            num_importance_samples, "num_importance_samples", 1
        )
        self.beta = schedules.get(beta, "beta")

    @property
    def num_draws(self):
        return self.num_importance_samples

    def __call__(self, terms, step):
        beta = schedules.value_at(self.beta, step)
        log_weights = terms.log_likelihood + beta * terms.log_ratio
        num_draws = ops.cast(self.num_importance_samples, "float32")
        return ops.log(num_draws) - ops.logsumexp(log_weights, axis=0)
