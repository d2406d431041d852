"""Images that are moved through latent space: between, more of, in the style of."""

from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from zoo import validation
from zoo.applications.encoding import check_model, check_row, decode, encode
from zoo.applications.paths import PATHS
from zoo.applications.vectors import difference_of_means
from zoo.labels import check_labels

Images = npt.NDArray[np.float32]
# How much of an attribute is added, unless told otherwise: none, as is, and more.
STRENGTHS = (0.0, 0.5, 1.0, 1.5)


def interpolate(
    model: Any,
    first: Any,
    second: Any,
    num_steps: int = 8,
    path: str = "spherical",
    labels: Any = None,
) -> Images:
    """Images between two images, or between the images of two batches.

    Posterior means are joined in latent space and decoded: the ends are what
    `model.reconstruct` makes of the two.

    Args:
        model: a model of the zoo whose latents are numbers.
        first, second: images (H, W, C) or (N, H, W, C), float32 in [0, 1]; of a model
            of texts, texts or their tokens.
        num_steps: how many images, with both ends, >= 2.
        path: "linear", or "spherical" for the great circle, which latents of many
            dimensions lie near (White, "Sampling Generative Networks", 2016).
        labels: (N,) or one for all, for models that take them: of both images and all
            between.

    Returns:
        float32 array (N, num_steps, H, W, C), of texts int32 (N, num_steps, T), which
        `model.to_texts` reads; N is 1 of two images.

    Raises:
        ValueError, TypeError: for arguments out of range or that the model does not
            take.

    Example:

    >>> import zoo
    >>> from zoo.applications import interpolate
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> first, second = model.sample(2, seed=0)
    >>> interpolate(model, first, second, num_steps=5).shape
    (1, 5, 28, 28, 1)
    """
    check_model(model, "interpolate")
    num_steps = validation.check_whole_number(num_steps, "num_steps", 2)
    between = PATHS[validation.check_choice(path, "path", tuple(PATHS))]
    first = encode(model, _batch(model, first), labels, "first")
    second = encode(model, _batch(model, second), labels, "second")
    if len(first.mean) != len(second.mean):
        raise ValueError(
            f"`second` must be as many {model.event.noun} as `first`, "
            f"{len(first.mean):,}; got {len(second.mean):,}."
        )
    z = between(first.mean, second.mean, np.linspace(0, 1, num_steps))
    return decode(model, z, first.labels)


def attribute_vector(
    model: Any, x: Any, has_attribute: Any, labels: Any = None, balance: Any = None
) -> Images:
    """The direction of an attribute: the mean latent with it less that without.

    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016,
    section 5.2. What goes along with the attribute in `x` is in the vector, too: of
    smiles that are mostly women's it makes women. `balance` takes that out: White,
    "Sampling Generative Networks", 2016, section 3.3.

    Args:
        model: a model of the zoo whose latents are numbers.
        x: images (N, H, W, C), float32 in [0, 1].
        has_attribute: bool, or 0 and 1, (N,).
        labels: (N,), for models that take them.
        balance: another label of each image, whole numbers or names (N,), such as
            whether it is a woman. The difference is taken among the images of each
            value, and the mean of these, so that all values count alike; those without
            both kinds are left out.

    Returns:
        float32 array (D,), of the model's latents in a row.

    Raises:
        ValueError, TypeError: for images or labels that the model does not take, and
            unless there are images of both kinds.

    Example:

    >>> import zoo
    >>> from zoo.applications import add_attribute, attribute_vector
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> x = model.sample(64, seed=0)
    >>> bold = attribute_vector(model, x, x.mean(axis=(1, 2, 3)) > x.mean())
    >>> more = add_attribute(model, x[:2], bold, strengths=(0, 1, 2))
    >>> more.shape, bool(more[0, 2].mean() > more[0, 0].mean())
    ((2, 3, 28, 28, 1), True)
    """
    check_model(model, "attribute_vector")
    encoded = encode(model, x, labels)
    count, kind = len(encoded.mean), "True or False"
    has_attribute = check_row(has_attribute, "has_attribute", count, kind)
    if not np.all(np.isin(has_attribute, (0, 1))):
        raise ValueError(
            "`has_attribute` must be True or False, or 1 or 0; got "
            f"{np.unique(has_attribute)[:3].tolist()}, ..."
        )
    if balance is not None:
        balance = check_row(balance, "balance", count, "a label")
    mean = encoded.mean.astype(np.float64)
    vector = difference_of_means(mean, has_attribute.astype(bool), balance)
    return vector.astype(np.float32)


def add_attribute(
    model: Any,
    x: Any,
    vector: Any,
    strengths: Any = STRENGTHS,
    labels: Any = None,
) -> Images:
    """Images with more of an attribute, or less: latents moved along its vector.

    Args:
        model: a model of the zoo whose latents are numbers.
        x: images (N, H, W, C), float32 in [0, 1].
        vector: (D,), as `attribute_vector` returns it.
        strengths: how many times the vector is added, (S,): 0 is the reconstruction, 1
            takes the mean image without to the mean image with it, negative ones take
            of it away.
        labels: (N,), for models that take them.

    Returns:
        float32 array (N, S, H, W, C).

    Raises:
        ValueError, TypeError: for images or labels that the model does not take, and
            for another `vector` or `strengths`.
    """
    check_model(model, "add_attribute")
    encoded = encode(model, x, labels)
    dims = encoded.mean.shape[1]
    vector = _numbers(vector, "vector", f"({dims},)", lambda shape: shape == (dims,))
    strengths = _numbers(
        strengths, "strengths", "(S,)", lambda shape: len(shape) == 1 and shape[0] > 0
    )
    z = encoded.mean[:, None] + strengths[:, None] * vector
    return decode(model, z, encoded.labels)


def transfer_style(
    model: Any, style_images: Any, style_labels: Any, content_labels: Any = None
) -> Images:
    """Each image in all classes: the label is the content, the latent the style.

    Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014, section
    4.2: where a model is given the label, latents are left with all else.

    Args:
        model: a model of labels, such as `zoo.ConditionalVAE`. Where the prior is one
            for each label, what is kept of a latent is the noise it is made of.
        style_images: images (N, H, W, C), float32 in [0, 1].
        style_labels: what they are labelled, (N,).
        content_labels: labels to decode with, (L,); None for all classes.

    Returns:
        float32 array (N, L, H, W, C).

    Raises:
        ValueError, TypeError: for a model without labels, or of groups of latents and a
            prior for each label; and for images or labels that the model does not take.

    Example:

    >>> import zoo
    >>> from zoo.applications import transfer_style
    >>> model = zoo.from_preset("conditional_vae_mnist")
    >>> fours = model.sample(2, labels=4, seed=0)
    >>> transfer_style(model, fours, 4, content_labels=[7, 8, 9]).shape
    (2, 3, 28, 28, 1)
    """
    check_model(model, "transfer_style")
    if not getattr(model, "takes_labels", False):
        raise ValueError(
            f"`transfer_style` needs a model of labels; {type(model).__name__} has "
            "none."
        )
    moves = bool(getattr(model.prior, "label_dim", 0))
    if moves and len(model.latents) > 1:
        raise ValueError(
            "`transfer_style` needs one prior for all labels where latents are in "
            f"groups; this {type(model).__name__} has one for each label."
        )
    if content_labels is None:
        if model.num_classes is None:
            raise ValueError(
                f"`content_labels` must be {model.wanted_labels}; got none."
            )
        content_labels = np.arange(model.num_classes)
    content = check_labels(
        content_labels,
        num_classes=model.num_classes,
        num_attributes=model.num_attributes,
        class_names=model.class_names,
    )
    mean, _, given = encode(model, style_images, style_labels, "style_images")

    def decode_moved(z, label, wanted):
        if moves:
            z = _moved(z, model.make_prior(label), model.make_prior(wanted))
        return model.expected_images(z, wanted)

    shape = (len(mean), len(content))
    rows = (np.repeat(np.asarray(a), shape[1], axis=0) for a in (mean, given))
    every = np.tile(content, (shape[0], *[1] * (content.ndim - 1)))
    images = model.inference.batched("transfer style", decode_moved, *rows, every)
    return images.reshape(*shape, *images.shape[1:])


def _moved(z, prior, other):
    """Latents (N, D) of one prior as those of another that the same noise makes."""
    if hasattr(prior, "to_noise"):
        noise, _ = prior.to_noise(z)
    else:
        noise = (z - prior.mean) * ops.exp(-0.5 * prior.log_var)
    return other.from_noise(noise)


def _batch(model, x):
    """One image (H, W, C), or one text's tokens, as a batch of one; batches as they
    are.
    """
    alone = len(getattr(x, "shape", ())) == len(model.event.shape)
    return x[None] if alone else x


def _numbers(values, argument, wanted, fits):
    """Finite numbers as float32, of a shape that fits.

    Raises:
        ValueError: otherwise.
    """
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        array = np.full((), np.nan)
    if not fits(array.shape) or not np.all(np.isfinite(array)):
        raise ValueError(
            f"`{argument}` must be finite numbers of shape {wanted}; got "
            f"{type(values).__name__} of shape {array.shape}."
        )
    return array
