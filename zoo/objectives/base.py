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

    `num_draws` is how many posterior draws an example it wants; `min_batch_size`, how
    many images a batch must have: 2 where an objective compares them with each other.
    """

    num_draws = 1
    min_batch_size = 1

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

    def get_config(self):
        return {name: to_json(value) for name, value in vars(self).items()}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
