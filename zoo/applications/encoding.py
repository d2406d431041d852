"""A model's latents as rows of numbers, and what such rows decode to."""

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo.autoencoder import Autoencoder


class Encoded(NamedTuple):
    """Posteriors q(z|x) of images: mean and log-variance (N, D), and labels or None."""

    mean: np.ndarray
    log_var: np.ndarray
    labels: np.ndarray | None


def check_model(model, tool):
    """Refuses a model whose latents are not one row of real numbers.

    Args:
        model: what the caller gave.
        tool: the function's name, for errors.

    Raises:
        TypeError: if it is no model of the zoo.
        ValueError: if its latents are codes, or groups that are no row.
    """
    if not isinstance(model, Autoencoder):
        raise TypeError(
            "`model` must be a model of the zoo, such as zoo.from_preset(...); got "
            f"{type(model).__name__}."
        )
    specs, who = model.latents, f"those of this {type(model).__name__}"
    if any(spec.is_codes for spec in specs):
        raise ValueError(f"`{tool}` needs latents that are numbers; {who} are codes.")
    described = type(model).posterior_statistics is not Autoencoder.posterior_statistics
    if not described or (len(specs) > 1 and model.latent_row is None):
        raise ValueError(
            f"`{tool}` needs latents that are one row of numbers, with a posterior "
            f"mean; {who} are {', '.join(spec.name for spec in specs)}."
        )


def encode(model, x, labels=None, argument="x"):
    """The `Encoded` posteriors of images, by a model that was checked.

    Raises:
        ValueError, TypeError: for images or labels that the model does not take.
    """
    x = model.event.check(x, argument)
    labels = model.known_labels(x, labels, prior=False)

    def statistics(images, labels=None):
        found = model.posterior_statistics(images, labels)
        return found["mean"], found["log_var"]

    name = "posterior statistics" + ("" if labels is None else " given labels")
    mean, log_var = model.inference.batched(name, statistics, x, labels)
    return Encoded(mean, log_var, labels)


def decode(model, z, labels=None):
    """What latents (N, ..., D) and labels (N,) decode to: (N, ..., H, W, C), or tokens
    (N, ..., T).
    """
    between = z.shape[1:-1]
    rows = np.asarray(z, np.float32).reshape(-1, z.shape[-1])
    if labels is not None:
        labels = np.repeat(labels, len(rows) // len(labels), axis=0)
    images = ops.convert_to_numpy(model.decode(rows, labels))
    return images.reshape(len(z), *between, *images.shape[1:])


def check_row(values: Any, argument, count, of):
    """`values` as an array of one for each of so many images.

    Raises:
        ValueError: if there are none, or another number.
    """
    array = np.asarray(values)
    if values is None or array.shape != (count,):
        given = "none" if values is None else f"shape {array.shape}"
        raise ValueError(
            f"`{argument}` must be {of} for each of {count:,} images; got {given}."
        )
    return array
