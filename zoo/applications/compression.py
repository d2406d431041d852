"""compress and decompress: images in as few bits as a model needs for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo import validation
from zoo.applications.bits_back import container, stack
from zoo.applications.bits_back.blocks import pop_all, push_all
from zoo.applications.bits_back.codes import CodesCoder
from zoo.applications.bits_back.container import Container
from zoo.applications.bits_back.exact import Exact, digest
from zoo.applications.bits_back.flows import FlowCoder
from zoo.applications.bits_back.ladders import LadderCoder
from zoo.applications.bits_back.vectors import VectorCoder
from zoo.autoencoder import Autoencoder
from zoo.event import of_images
from zoo.generation import Images
from zoo.priors import StandardNormal

Progress = Callable[[int, int], Any]

# Images that say how fine the grid of latents has to be.
_LOOKED_AT = 64
# How far a pixel may be from its level, in levels: float32 has rounded it.
_OFF_LEVEL = 1e-3


def compress(
    model: Any, x: Any, labels: Any = None, *, progress: Progress | None = None
) -> bytes:
    """Compresses images to what `decompress` makes the very same images of.

    Bits-back coding: Townsend, Bird & Barber, "Practical Lossless Compression with
    Latent Variables using Bits Back Coding", 2019; of ladders as in Townsend et al.,
    "HiLLoC: Lossless Image Compression with Hierarchical Latent Variable Models", 2020.
    An image takes about as many bits as its negative ELBO, the first ones more, as
    there is nothing yet that their latents could be drawn with: a file is for many
    images.

    Both ends compute in float64 and round what the coder is given, so that a file may
    be read on another backend and with other threads than it was written.

    Args:
        model: a model of the zoo whose likelihood is of levels: "bernoulli" for pixels
            that are 0 or 1, "discretized_logistic_mixture" or "categorical"; whose
            latents have the prior "standard_normal", "flow" or "label_normal"; or a
            VQVAE.
        x: images (N, H, W, C) in [0, 1], each pixel on one of the levels.
        labels: (N,), of a model that takes classes; the file keeps them.
        progress: is called with how many images are done, and how many there are.

    Returns:
        the file: 8 * len(...) / x.size bits a dimension.

    Raises:
        ValueError, TypeError: for a model that cannot compress, and for images or
            labels that it does not take.
        ImportError: without the package constriction.

    Example:

    >>> import numpy as np, zoo
    >>> from zoo.applications import compress, decompress
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> x = model.sample(50, seed=0).round()
    >>> file = compress(model, x)
    >>> bool(np.all(decompress(model, file) == x)), len(file) < x.size / 8
    (True, True)
    """
    stack.import_constriction()
    make = _coder_of(model)
    levels = _levels(model, x)
    labels = model.check_labels(labels, len(levels))
    if labels is not None and not getattr(model, "num_classes", None):
        raise ValueError(
            "`model` must have labels that are classes to compress with, which fit "
            "into the file; those of this one are attributes."
        )
    exact = Exact(model)
    some = None if labels is None else labels[:_LOOKED_AT]
    resolution = make.resolution_for(exact, levels[:_LOOKED_AT], some)
    coder = make(exact, resolution)
    classes = 0 if labels is None else model.num_classes
    latents = _num_latents(model)
    found = push_all(coder, levels, labels, classes, latents, progress)
    return Container(
        digest(model),
        container.images_digest(levels),
        model.preset_name or "",
        levels.shape,
        classes,
        resolution.tolist(),
        found.schedule,
        found.used,
        found.notes,
        found.words,
    ).to_bytes()


def decompress(model: Any, data: bytes, *, progress: Progress | None = None) -> Images:
    """The images that `compress` was given.

    Args:
        model: the model that compressed them, on whatever backend.
        data: what `compress` returned.
        progress: as for `compress`.

    Returns:
        float32 (N, H, W, C): 0, 1 / (num_levels - 1), ..., 1.

    Raises:
        ValueError, TypeError: if `data` is no such file, was cut off or altered, or is
            of another model.
        ImportError: without the package constriction.
    """
    found = _read(data)
    stack.import_constriction()
    make = _coder_of(model)
    if found.model != digest(model):
        by = f"the preset {found.preset!r}" if found.preset else "another model"
        raise ValueError(
            f"`model` must be the one that `data` was compressed with, {by}; got a "
            f"{type(model).__name__} of other weights or another configuration."
        )
    exact = Exact(model)
    try:
        coder = make(exact, np.array(found.resolution, np.int64))
        levels = pop_all(coder, found, _num_latents(model), progress)
    except (ValueError, IndexError, KeyError) as error:
        raise ValueError(
            f"`data` must be what `compress` returned; it says what none can: {error}."
        ) from error
    if container.images_digest(levels) != found.images:
        raise ValueError(
            "`data` does not give the images that were compressed: their checksum is "
            "another, as where this machine computes otherwise than by float64."
        )
    top = model.likelihood.num_levels - 1
    return (levels / top).astype(np.float32)


def _read(data):
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(
            "`data` must be the bytes that `compress` returned; got a "
            f"{type(data).__name__}."
        )
    return Container.from_bytes(bytes(data))


def _num_latents(model):
    return sum(spec.size for spec in model.latents if not spec.is_codes)


def _coder_of(model):
    """The class that codes a model's images.

    Raises:
        TypeError, ValueError: if there is none.
    """
    if not isinstance(model, Autoencoder):
        raise TypeError(
            "`model` must be a model of the zoo, such as zoo.from_preset(...); got "
            f"{type(model).__name__}."
        )
    of_images(model, "compress")
    likelihood = model.likelihood
    if likelihood.num_levels is None:
        raise ValueError(
            "`model` must have a likelihood of levels to compress with, 'bernoulli', "
            "'discretized_logistic_mixture' or 'categorical'; got "
            f"{type(likelihood).__name__}, of any real numbers."
        )
    if all(spec.is_codes for spec in model.latents):
        return CodesCoder
    prior = getattr(model, "prior", None)
    if hasattr(model, "way_down"):
        if isinstance(prior, StandardNormal):
            return LadderCoder
    elif VectorCoder.fits(model):
        return VectorCoder
    elif hasattr(prior, "to_noise"):
        return FlowCoder
    raise ValueError(
        "`model` must have latents with a prior 'standard_normal', 'flow' or "
        "'label_normal', of a ladder 'standard_normal', to compress with; got "
        f"{type(prior).__name__}."
    )


def _levels(model, x):
    """The levels (N, H, W, C) of images: int64.

    Raises:
        ValueError, TypeError: if they are no images of the model, or between levels.
    """
    images: Any = validation.check_images(x, model.image_shape)
    top = model.likelihood.num_levels - 1
    scaled = images.astype(np.float64) * top
    levels = np.round(scaled)
    if np.any(off := np.abs(scaled - levels) > _OFF_LEVEL):
        values = "0 or 1" if top == 1 else f"whole multiples of 1/{top}"
        raise ValueError(
            f"`x` must have pixels that are {values}, as the model's likelihood knows "
            f"no others; got {images[off][0]:.6g}."
        )
    return levels.astype(np.int64)
