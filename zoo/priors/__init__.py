"""Priors p(z) over latents."""

from functools import partial

from zoo.priors.base import NoisePrior
from zoo.priors.flow import Flow
from zoo.priors.gaussian import DiagonalNormal, LabelNormal, StandardNormal
from zoo.priors.uniform_codes import UniformCodes
from zoo.serialization import get_component

__all__ = [
    "DiagonalNormal",
    "Flow",
    "LabelNormal",
    "NoisePrior",
    "StandardNormal",
    "UniformCodes",
    "get",
]


def get(identifier, latent_dim=None, seed=None):
    """A prior from its name, its serialized form, or itself.

    Args:
        identifier: "standard_normal", "flow", or what `get_component` takes.
        latent_dim: number of latent dimensions it must be of, if that is known.
        seed: integer that fixes the initial weights of a prior given by name, or None.

    Raises:
        ValueError: if the name is unknown, or the prior is of other latents.
    """
    by_name = {
        "standard_normal": StandardNormal,
        "flow": partial(Flow, latent_dim, seed=seed),
    }
    prior = get_component(identifier, by_name, "prior", "log_prob")
    given = getattr(prior, "latent_dim", latent_dim)
    if latent_dim is not None and given != latent_dim:
        raise ValueError(
            f"`prior` must be of {latent_dim} latent dimensions, as the model is; got "
            f"a {type(prior).__name__} of {given}."
        )
    return prior
