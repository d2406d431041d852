"""Priors p(z) over latents.

Each module here is one prior, found by itself: its public classes are `zoo.priors`'
own, and the names that it registers are what models take as `prior`.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

import keras

from zoo.likelihoods import Likelihood
from zoo.priors.base import Prior, register, registered
from zoo.serialization import get_component

if TYPE_CHECKING:
    from zoo.priors.code_prior import CodePrior as CodePrior
    from zoo.priors.flow import Flow as Flow
    from zoo.priors.gaussian import LabelNormal as LabelNormal
    from zoo.priors.gaussian import StandardNormal as StandardNormal
    from zoo.priors.mixture import Mixture as Mixture
    from zoo.priors.uniform_codes import UniformCodes as UniformCodes
    from zoo.priors.vamp import Vamp as Vamp

    def __getattr__(name: str) -> Any:
        """Whatever else is found below."""


_MODULES = [
    importlib.import_module(f"{__name__}.{found.name}")
    for found in pkgutil.iter_modules(__path__)
]
_CLASSES = {
    name: value
    for module in _MODULES
    for name, value in vars(module).items()
    if isinstance(value, type)
    and issubclass(value, keras.layers.Layer)
    and value.__module__ == module.__name__
}
globals().update(_CLASSES)

__all__ = ["Prior", "get", "register"]
__all__ += sorted({*_CLASSES} - {*__all__})  # pyright: ignore


def get(
    identifier: Any,
    latent_dim: int | None = None,
    seed: int | None = None,
    label_dim: int = 0,
    image_shape: tuple[int, int, int] | None = None,
) -> Any:
    """A prior over real latents from its name, its serialized form, or itself.

    Args:
        identifier: a registered name, such as "standard_normal", or what
            `get_component` takes.
        latent_dim: number of latent dimensions it must be of, if that is known.
        seed: integer that fixes the initial weights of a prior given by name, or None.
        label_dim: how many numbers about its label the model sees.
        image_shape: (H, W, C) of the model's images, for a prior that holds images.

    Raises:
        ValueError: if the name is unknown, or the prior is of other latents, labels or
            images.
    """
    by_name = {
        name: lambda make=make, of=image_shape if of_images else latent_dim: make(
            of, seed=seed
        )
        for name, (make, of_images) in registered().items()
    }
    prior = get_component(identifier, by_name, "prior", "log_prob")
    if isinstance(prior, Likelihood):  # which has methods of the same names
        raise TypeError(
            f"`prior` must be a prior; got the likelihood {type(prior).__name__}."
        )
    given = getattr(prior, "latent_dim", latent_dim)
    if latent_dim is not None and given != latent_dim:
        raise ValueError(
            f"`prior` must be of {latent_dim} latent dimensions, as the model is; got "
            f"a {type(prior).__name__} of {given}."
        )
    sees = getattr(prior, "label_dim", 0)
    if sees and sees != label_dim:
        raise ValueError(
            f"`prior` is a {type(prior).__name__} of labels of {sees} numbers; the "
            f"model's labels have {label_dim or 'none'}."
        )
    if getattr(prior, "made_of_posteriors", False):
        _check_made_of_posteriors(prior, label_dim, image_shape)
    return prior


def _check_made_of_posteriors(prior, label_dim, image_shape):
    """Refuses a prior whose images a model's encoder does not take.

    Raises:
        ValueError: saying which.
    """
    who = type(prior).__name__
    if label_dim:
        raise ValueError(
            f"`prior` is a {who}, a mixture of posteriors of images without labels; "
            "the encoder of this model needs labels: choose 'mixture' or 'flow'."
        )
    given = getattr(prior, "image_shape", image_shape)
    if image_shape is not None and given != image_shape:
        raise ValueError(
            f"`prior` must have pseudo-inputs of shape {image_shape}, as the model's "
            f"images are; got a {who} of {given}."
        )
