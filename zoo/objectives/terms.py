"""What one forward pass knows about a batch: the terms of the ELBO, in float32."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from keras import ops

from zoo.distributions import kl_divergence, kl_per_unit
from zoo.distributions.base import estimated_kl
from zoo.latents import LatentSpec
from zoo.precision import at_most_float32


@dataclass
class LatentGroup:
    """One group of latents z_l ~ q(z_l|x, z_<l), with its prior p(z_l|z_<l).

    Attributes:
        spec: its name and shape.
        posterior: q, a `zoo.distributions.Distribution`.
        prior: p, a `zoo.priors.Prior` or a `Distribution`.
        z: draws from the posterior, (K, N, *shape).
    """

    spec: LatentSpec
    posterior: Any
    prior: Any
    z: Any

    @cached_property
    def kl_per_unit(self):
        """KL of each latent in nats, (N, *shape); None without a closed form."""
        kl = kl_per_unit(self.posterior, self.prior)
        return at_most_float32(self._over_draws(kl, 1 + len(self.spec.shape)))

    @cached_property
    def kl(self):
        """KL(q || p) in nats, (N,), averaged over the draws of what both depend on.

        In closed form where the pair has one, and then >= 0; else estimated at the K
        draws, which may fall below 0.
        """
        kl = self._over_draws(kl_divergence(self.posterior, self.prior), 1)
        if kl is None:
            kl = estimated_kl(self.posterior, self.prior, self.z)
        return at_most_float32(kl)

    @cached_property
    def log_ratio(self):
        """log p(z) - log q(z|x) at the draws, in nats, (K, N)."""
        p, q = self.prior.log_prob(self.z), self.posterior.log_prob(self.z)
        return at_most_float32(p) - at_most_float32(q)

    def _over_draws(self, values, dimensions):
        """Values (N, ...), averaged over a leading axis of draws if there is one."""
        if values is not None and len(values.shape) > dimensions:
            return ops.mean(values, axis=0)
        return values


@dataclass
class ELBOTerms:
    """What one forward pass knows about a batch. K draws, N examples.

    Attributes:
        log_likelihood: log p(x|z) in nats, (K, N).
        groups: a `LatentGroup` for each of `model.latents`, in their order.
        extra: further losses by name, (N,) each, which the model adds to what its
            objective gives: a commitment loss, log q(y|x), ...
        images: x (N, H, W, C), and
        parameters: the likelihood's at the draws (K, N, H, W, P), for what looks at the
            images that they describe; None where a model does not say.
    """

    log_likelihood: Any
    groups: tuple[LatentGroup, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    images: Any = None
    parameters: Any = None

    def __post_init__(self):
        self.log_likelihood = at_most_float32(self.log_likelihood)
        self.extra = {n: at_most_float32(loss) for n, loss in self.extra.items()}

    @property
    def group(self):
        """The group of a model that has one.

        Raises:
            ValueError: if there are several.
        """
        if len(self.groups) != 1:
            names = ", ".join(group.spec.name for group in self.groups)
            raise ValueError(f"One group of latents is wanted; got {names}.")
        return self.groups[0]

    @cached_property
    def kl(self):
        """KL(q(z|x) || p(z)) in nats, (N,): the sum of the groups'."""
        return sum(group.kl for group in self.groups)

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
        return sum(group.log_ratio for group in self.groups)
