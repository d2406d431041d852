"""What a plot needs of a subject: each function says in one sentence what lacks."""

import importlib.util

import numpy as np

from recipes.common.latents import in_words


def model(subject):
    """A model whose images can be drawn, and whose labels can be chosen."""
    if reason := any_model(subject):
        return reason
    if reason := no_images(subject):
        return reason
    channels = subject.image_shape[-1]
    if channels not in (1, 3):
        return (
            f"A picture has 1 or 3 channels; the images of {subject.name!r} have "
            + (f"{channels}.")
        )
    return None


def no_images(subject):
    """A sentence of what draws images on a model of texts; None of one of images."""
    if not subject.of_texts:
        return None
    return (
        f"This draws images, and {subject.name!r} is a model of texts: vae-zoo sample, "
        "interpolate and nearest print them, and vae-zoo report has tables."
    )


def any_model(subject):
    """A model, of images or texts, whose labels can be chosen."""
    if subject.no_model:
        return subject.no_model
    if subject.num_attributes is not None:
        return (
            f"The labels of {subject.name!r} are vectors of {subject.num_attributes} "
            "attributes, and plots can choose classes alone."
        )
    return None


def latent_vectors(subject):
    """One latent vector, whose dimensions can be moved one by one."""
    if len(subject.latents) > 1:
        return _several(subject)
    if subject.has_codes:
        return (
            f"{subject.name!r} has codes for latents, and no vectors to move or to "
            "measure: draw its codebook or its codes instead."
        )
    if subject.latent_dim is None:
        return (
            f"The latents of {subject.name!r} are {in_words(subject.latents)}: this "
            "needs a single vector."
        )
    return None


def _several(subject):
    names = ", ".join(spec.name for spec in subject.latents)
    return (
        f"{subject.name!r} has {len(subject.latents)} groups of latents, {names}: this "
        "needs a single one."
    )


def several_groups(subject):
    """Several groups of latents."""
    if len(subject.latents) < 2:
        return f"{subject.name!r} has one group of latents alone, and this needs two."
    return None


def latent_row(subject):
    """Groups of latents that are one row of normal numbers, which images are made of.

    Asks the model of a preset.
    """
    if not subject.has_latent_row():
        return (
            f"The groups of latents of {subject.name!r} are no row of numbers to "
            "change a part of, as those of a HierarchicalVAE are."
        )
    return None


def latent_numbers(subject):
    """Latents that are one row of real numbers: one vector, or those of a ladder."""
    if len(subject.latents) < 2:
        return latent_vectors(subject)
    return latent_row(subject)


def two_latents(subject):
    """At least two latents."""
    if subject.latent_dim < 2:
        return f"{subject.name!r} has one latent alone, and this needs two."
    return None


def few_latents(subject):
    """Latents of which two can show something."""
    if subject.latent_dim > 1000:
        return (
            f"{subject.name!r} has {subject.latent_dim:,} latents: two of so many show "
            "next to nothing."
        )
    return None


def codes(subject):
    """Codes."""
    if len(subject.latents) > 1:
        return _several(subject)
    if not subject.has_codes:
        return f"{subject.name!r} has latent vectors, and this is of codes."
    return None


def classes(subject):
    """A decoder that takes a class."""
    if not subject.is_conditional:
        return (
            f"{subject.name!r} decodes without labels; this is of a conditional model."
        )
    return None


def no_classes(subject):
    """A model whose latents tell the class, as it is not given."""
    if subject.is_conditional:
        return (
            f"{subject.name!r} is given the class, so that its latents tell other "
            "things: see the plot of styles."
        )
    return None


def prior(subject):
    """A prior to draw from."""
    return subject.why_no_samples()


def encoder(subject):
    """An encoder."""
    if not subject.can_encode:
        return (
            f"{subject.name!r} is a decoder alone, and this needs the encoder: give "
            "the folder that vae-zoo export writes, or the preset."
        )
    return None


def images(subject):
    """Test images."""
    return subject.why_no_images


def two_images(subject):
    """Test images, two or more."""
    if len(subject.images.images) < 2:
        return "There is one test image alone, and this compares it with others."
    return None


def labels(subject):
    """Test images of two classes or more."""
    found = subject.images.labels
    if found is None or len(np.unique(found)) < 2:
        has = "no labels" if found is None else "one label alone"
        return (
            f"The {subject.images.short} have {has}: give images in one sub-folder a "
            "class, or an .npz with labels."
        )
    return None


def scikit_learn(subject):
    """scikit-learn, which exported files do without."""
    if importlib.util.find_spec("sklearn") is None:
        return 'This needs scikit-learn: pip install "vae-zoo[plots]".'
    return None


def kl(subject):
    """The KL of each latent: stored, or of images that can be encoded."""
    if subject.no_model:
        return subject.no_model
    if reason := latent_vectors(subject):
        return reason
    if subject.stored_kl() is not None:
        return None
    return any_model(subject) or encoder(subject) or images(subject)


def history(subject):
    """The history of its training."""
    if not subject.histories():
        return (
            f"{subject.name!r} has no training history: it is kept by runs (their "
            "folder) and by presets that were trained since it is, as history.json."
        )
    if "elbo" not in subject.histories().get("model", {}):
        return f"The training history of {subject.name!r} has no ELBO to draw."
    return None
