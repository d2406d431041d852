"""What a model takes, images of a shape or texts in its vocabulary, loaded alike."""

from __future__ import annotations

import dataclasses
from typing import Any

from recipes.common.defaults import MEMORY
from recipes.common.events import are_texts
from recipes.data.load import load_images
from recipes.data.texts.load import KIND, MAX_LENGTH, SIZE, load_texts


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts as a model takes them: see `recipes.data.texts.load_texts`.

    Attributes:
        max_length: tokens of the longest text, T.
        kind, size: of a vocabulary that is made of the training texts.
        vocabulary: one that is there, or its configuration; `None` to make one.
    """

    max_length: int = MAX_LENGTH
    kind: str = KIND
    size: int = SIZE
    vocabulary: Any = None


def form_of(facts):
    """The form of what a model takes: `Texts`, or an image's shape (H, W, C).

    Args:
        facts: arguments of the model's constructor, as `model.get_config()` and
            `recipes.common.presets.Preset.config` have them.

    Raises:
        ValueError: for a model of tokens that no vocabulary gives a meaning.
    """
    if not are_texts(facts):
        return tuple(facts["image_shape"])
    if facts.get("vocabulary") is None:
        raise ValueError(
            "The model has no vocabulary, so that no text can be given to it: make it "
            "with a `vocabulary`."
        )
    return Texts(facts["max_length"], vocabulary=facts["vocabulary"])


def load_data(
    source,
    form,
    *,
    column=None,
    label=None,
    strict=False,
    invert=False,
    memory=MEMORY,
    augment=(),
    **options,
):
    """Images or texts, as a model takes them.

    Args:
        source: what `load_images` or `load_texts` takes.
        form: an image's shape, or `Texts`.
        column, label: of texts alone.
        strict, invert, memory, augment: of images alone.
        options: of both.

    Returns:
        `recipes.data.ImageData`, or `recipes.data.texts.TextData`.

    Raises:
        ValueError: for options that mean nothing of the form; and as the two.
    """
    check_options(
        form,
        column=column,
        label=label,
        strict=strict,
        invert=invert,
        memory=memory,
        augment=augment,
    )
    if isinstance(form, Texts):
        given = {f.name: getattr(form, f.name) for f in dataclasses.fields(form)}
        return load_texts(source, column=column, label=label, **given, **options)
    return load_images(
        source,
        image_shape=form,
        strict=strict,
        invert=invert,
        memory=memory,
        augment=augment,
        **options,
    )


# What `load_data` is given where an option means nothing.
_UNUSED = {
    "column": None,
    "label": None,
    "strict": False,
    "invert": False,
    "memory": MEMORY,
    "augment": (),
}


def check_options(form, **options):
    """Refuses options of images for texts, and of texts for images.

    Raises:
        ValueError: naming the first.
    """
    texts = isinstance(form, Texts)
    for name, value in options.items():
        given = value not in (_UNUSED[name], None)
        if given and texts == (name not in ("column", "label")):
            one, other = ("images", "texts") if texts else ("texts", "images")
            raise ValueError(
                f"--{name} (`{name}`) is for {one}, and this is a model of {other}."
            )
