"""What an objective is: a function of the terms of the ELBO."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from keras import ops

from zoo.serialization import to_json
from zoo.validation import check_batch


@dataclass
class ELBOTerms:
    """What one forward pass knows about a batch. K draws, N examples, D dimensions.

    Attributes:
        posterior: q(z|x), with `mean` and `log_var` (N, D).
        prior: p(z).
        z: draws from the posterior, (K, N, D).
        log_likelihood: log p(x|z) in nats, (K, N).

    A prior has `log_prob`, and where the KL has a closed form, `kl_per_dim`.
    """

    posterior: Any
    prior: Any
    z: Any
    log_likelihood: Any

    @cached_property
    def kl_per_dim(self):
        """KL(q(z_d|x) || p(z_d)) in nats, (N, D).

        Raises:
            ValueError: if the prior has none.
        """
        check_kl_per_dim(self.prior)
        return self.prior.kl_per_dim(self.posterior)

    @cached_property
    def kl(self):
        """KL(q(z|x) || p(z)) in nats, (N,).

        In closed form where the prior has one; else with the posterior's entropy in
        closed form and log p(z) at the K draws, which may fall below 0.
        """
        if has_kl_per_dim(self.prior):
            return ops.sum(self.kl_per_dim, axis=-1)
        log_prior = ops.mean(self.prior.log_prob(self.z), axis=0)
        return -self.posterior.entropy() - log_prior

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

    `num_draws` is how many posterior draws an example it wants; `min_batch_size`, how
    many images a batch must have: 2 where an objective compares them with each other;
    `needs_kl_per_dim`, whether it asks for the KL of each latent dimension.
    """

    num_draws = 1
    min_batch_size = 1
    needs_kl_per_dim = False

    def __call__(self, terms, step):
        """The loss of each example in nats, (N,).

        Args:
            terms: `ELBOTerms` of the batch.
            step: float32 scalar, training steps done so far.
        """
        raise NotImplementedError

    def check_batch(self, terms):
        """Refuses a batch of fewer than `min_batch_size` images.

        Raises:
            ValueError: if the batch is known to be that small.
        """
        count = terms.posterior.mean.shape[0]
        check_batch(count, self.min_batch_size, type(self).__name__)

    def check_prior(self, prior):
        """Refuses a prior without the terms that this objective is made of.

        Raises:
            ValueError: if it needs the KL of each dimension, and there is none.
        """
        if self.needs_kl_per_dim:
            check_kl_per_dim(prior)

    def get_config(self):
        return {name: to_json(value) for name, value in vars(self).items()}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def has_kl_per_dim(prior):
    """Whether the KL of a posterior to a prior is a sum over dimensions."""
    return hasattr(prior, "kl_per_dim")


def check_kl_per_dim(prior):
    """Refuses a prior without a KL of each dimension.

    Raises:
        ValueError: if it has none.
    """
    if not has_kl_per_dim(prior):
        raise ValueError(
            "An objective that counts the KL of each latent dimension, as ELBO with "
            "`free_bits` does, needs a prior of independent dimensions, such as "
            f"'standard_normal'; got {type(prior).__name__}."
        )
