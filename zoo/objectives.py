"""Training objectives: what `fit` minimizes, as a function of the terms of the ELBO.

A new objective is a subclass of `Objective` with one method. The logged `elbo`,
`reconstruction` and `kl` never depend on it: they are always those of the true ELBO.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.serialization import get_component, to_json
from zoo.validation import check_whole_number


@dataclass
class ELBOTerms:
    """What one forward pass knows about a batch. K draws, N examples, D dimensions.

    Attributes:
        posterior: q(z|x), with `mean` and `log_var` (N, D).
        prior: p(z).
        z: draws from the posterior, (K, N, D).
        log_likelihood: log p(x|z) in nats, (K, N).
    """

    posterior: Any
    prior: Any
    z: Any
    log_likelihood: Any

    @cached_property
    def kl_per_dim(self):
        """KL(q(z_d|x) || p(z_d)) in nats, (N, D)."""
        return self.prior.kl_per_dim(self.posterior)

    @cached_property
    def kl(self):
        """KL(q(z|x) || p(z)) in nats, (N,)."""
        return ops.sum(self.kl_per_dim, axis=-1)

    @cached_property
    def reconstruction(self):
        """-E_q[log p(x|z)] in nats, (N,), over the K draws."""
        return -ops.mean(self.log_likelihood, axis=0)

    @cached_property
    def elbo(self):
        """E_q[log p(x|z)] - KL in nats, (N,): AEVB, equation 3."""
        return -self.reconstruction - self.kl

    @cached_property
    def log_ratio(self):
        """log p(z) - log q(z|x) at the draws, in nats, (K, N)."""
        return self.prior.log_prob(self.z) - self.posterior.log_prob(self.z)


class Objective:
    """Base of all objectives: small, without weights, serializable.

    `num_draws` is how many posterior draws an example it wants.
    """

    num_draws = 1

    def __call__(self, terms, step):
        """The loss of each example in nats, (N,).

        Args:
            terms: `ELBOTerms` of the batch.
            step: float32 scalar, training steps done so far.
        """
        raise NotImplementedError

    def get_config(self):
        return {name: to_json(value) for name, value in vars(self).items()}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="zoo")
class ELBO(Objective):
    """The negative evidence lower bound, with the KL weighted by beta.

    loss = -E_q[log p(x|z)] + beta * KL(q(z|x) || p(z)): Kingma & Welling 2014,
    equation 3, for beta = 1; Higgins et al., "beta-VAE", 2017, equation 4, otherwise.

    Args:
        beta: a number >= 0 or a schedule such as `zoo.schedules.LinearWarmup`.
        free_bits: nats (despite the customary name) that each latent dimension may
            use for free: a dimension whose KL, averaged over the batch, is below this
            is not pushed any lower (Kingma et al., "Improved Variational Inference
            with Inverse Autoregressive Flow", 2016, equation 15).

    Example:

    >>> from zoo.objectives import ELBO
    >>> from zoo.schedules import LinearWarmup
    >>> objective = ELBO(beta=LinearWarmup(steps=1000), free_bits=0.1)
    """

    def __init__(self, beta=1.0, free_bits=0.0):
        self.beta = schedules.get(beta, "beta")
        if not 0 <= free_bits < float("inf"):
            raise ValueError(
                f"`free_bits` must be a finite number >= 0; got {free_bits!r}."
            )
        self.free_bits = free_bits

    def __call__(self, terms, step):
        kl = terms.kl
        if self.free_bits:
            batch_mean = ops.mean(terms.kl_per_dim, axis=0, keepdims=True)
            # An example's share of max(free_bits, batch mean): the batch average of
            # this is equation 15, and so is its gradient.
            kl = ops.where(
                batch_mean > self.free_bits, terms.kl_per_dim, self.free_bits
            )
            kl = ops.sum(kl, axis=-1)
        return terms.reconstruction + schedules.value_at(self.beta, step) * kl


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

    def __init__(self, num_importance_samples=5, beta=1.0):
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


def get(identifier, beta=1.0):
    """An objective from itself, its serialized form, or None for the beta-ELBO.

    Raises:
        ValueError: if both an objective and a beta are given.
    """
    if identifier is None:
        return ELBO(beta=beta)
    if beta != 1.0:
        raise ValueError(
            "Give `beta` or `objective`, not both: pass the weight to the objective, "
            "as in objective=ELBO(beta=4.0)."
        )
    names = {"elbo": ELBO, "importance_weighted": ImportanceWeighted}
    objective = get_component(identifier, names, "objective", "__call__")
    if not isinstance(objective, Objective):
        raise TypeError(
            "`objective` must be a name or a zoo.objectives.Objective; "
            f"got {type(objective).__name__}."
        )
    return objective
