"""What `zoo.applications.impute` takes: models, images and masks."""

import numpy as np
from keras import ops

from zoo import validation
from zoo.event import of_images
from zoo.scoring import Scoring

METHODS = ("metropolis", "importance", "pseudo_gibbs")


def check_model(model, method):
    """Refuses what is no model of the zoo, and methods that it has no density for.

    Raises:
        ValueError, TypeError: saying why.
    """
    if not hasattr(model, "terms_at"):
        raise TypeError(
            "`model` must be a model of the zoo, such as zoo.from_preset(...); got "
            f"{type(model).__name__}."
        )
    if type(model).terms_at is Scoring.terms_at:
        raise ValueError(
            f"{type(model).__name__} defines no `terms_at`, its terms at latents that "
            "are given, by which missing pixels are drawn."
        )
    of_images(model, "impute")
    validation.check_choice(method, "method", METHODS)
    quantizer = getattr(model, "quantizer", None)
    if quantizer and not quantizer.stochastic and method != "pseudo_gibbs":
        raise ValueError(
            f"method={method!r} weighs latents by the density q(z|x); this "
            f"{type(model).__name__} has codes that are certain: give "
            "method='pseudo_gibbs'."
        )
    likelihood, channels = model.likelihood, model.image_shape[-1]
    parameters = ops.zeros((1, 1, 1, likelihood.parameters(channels)))
    noise = ops.full((1, 1, 1, likelihood.noise_per_pixel(channels)), 0.5)
    try:
        likelihood.log_prob_per_dim(
            likelihood.from_noise(parameters, noise), parameters
        )
    except NotImplementedError as error:
        raise ValueError(f"Missing pixels cannot be drawn: {error}") from error


def check_images(model, x, mask):
    """Images with zeros for missing pixels, and the mask (N, H, W, C).

    Raises:
        ValueError, TypeError: if they are not what `impute` takes.
    """
    if validation.is_rows(x):
        x = x[:]
    x, mask = (ops.convert_to_numpy(a) if ops.is_tensor(a) else a for a in (x, mask))
    x, mask = np.asarray(x), np.asarray(mask)
    validation.check_shape_and_dtype(x.shape, x.dtype, model.image_shape)
    shape = (len(x), *model.image_shape)
    if mask.dtype != bool:
        raise TypeError(
            f"`mask` must be boolean, True where a pixel is observed; got {mask.dtype}."
        )
    allowed = (shape, shape[:3], shape[1:3], shape[1:])
    if mask.shape not in allowed:
        raise ValueError(
            f"`mask` must be of shape {', '.join(map(str, allowed[:3]))} or "
            f"{allowed[3]}, as `x` is; got {mask.shape}."
        )
    if mask.shape in (shape[:3], shape[1:3]):
        mask = mask[..., None]
    mask = np.broadcast_to(mask, shape)
    x = validation.check_images(np.where(mask, x, np.zeros((), x.dtype)), shape[1:])
    (empty,) = np.nonzero(~np.any(mask, axis=(1, 2, 3)))
    if len(empty):
        raise ValueError(
            f"`mask` must leave a pixel of each image observed; of {len(empty)}, the "
            f"first number {empty[0]}, all are missing: draw such by model.sample."
        )
    partly = np.any(mask, axis=-1) != np.all(mask, axis=-1)
    if getattr(model.likelihood, "joint_channels", False) and np.any(partly):
        raise ValueError(
            f"The channels of a pixel depend on each other under this model's "
            f"{type(model.likelihood).__name__}: `mask` must be the same in all "
            f"channels; got {int(np.sum(partly)):,} pixel(s) where it is not."
        )
    return x, mask
