"""Distributions of latents, and the KL divergence of a pair of them.

Posteriors q(z|x) are always of these classes or of a `Distribution` of yours; priors
that depend on labels, or on latents above, are as well. A learned p(z) is a layer: see
`zoo.priors`.
"""

from zoo.distributions.base import Distribution
from zoo.distributions.codes import Codes
from zoo.distributions.divergence import kl_divergence, kl_per_unit, kl_rule
from zoo.distributions.full_normal import FullNormal
from zoo.distributions.groups import GroupPosteriors
from zoo.distributions.mixture import MixtureNormal
from zoo.distributions.normal import LOG_VAR_LIMIT, DiagonalNormal

__all__ = [
    "LOG_VAR_LIMIT",
    "Codes",
    "DiagonalNormal",
    "Distribution",
    "FullNormal",
    "GroupPosteriors",
    "MixtureNormal",
    "kl_divergence",
    "kl_per_unit",
    "kl_rule",
]
