"""What a page says and knows of its model."""

import json

from export.explorer.latents import describe_latents
from export.priors import RECORDS
from export.runtime.session import Session
from export.runtime.signature import has_codes, is_of_texts
from export.shipped import shipped_preset
from zoo.latents import LatentSpec, levels_of

_PRIORS = {
    "standard_normal": "standard normal prior",
    "label_normal": "prior learned for each label",
    "flow": "prior learned by a flow",
    "label_flow": "prior learned by a flow for each label",
    "autoregressive_codes": "prior learned over the codes",
}


def describe(exported, parts, title, importance):
    """The JSON that web/src/description.ts reads.

    Args:
        exported: an `Exported`.
        parts: which pieces make up which file.
        title: what to call the model.
        importance: nats of each latent, or None.
    """
    metadata = exported.metadata
    codes = None
    if has_codes(metadata):
        codes = {
            "size": metadata["codebook_size"],
            "shape": metadata["code_shape"],
            "cache": metadata["cache_shape"],
        }
    classes = metadata["class_names"]
    if classes is None and metadata["num_classes"] is not None:
        classes = list(range(metadata["num_classes"]))
    levels = [level._asdict() for level in _levels(metadata)] or None
    # With sampler.onnx the page needs no numbers of the prior.
    needed = "sampler" not in exported.files
    return {
        "title": title,
        "python": _in_python(exported),
        "image_shape": metadata["image_shape"],
        "texts": _texts(metadata),
        "latent_dim": metadata["latent_dim"],
        "codes": codes,
        "prior": {
            "name": metadata["latent_prior"],
            "parameters": exported.decoder.prior_parameters if needed else None,
        },
        "classes": classes and [str(name) for name in classes],
        "num_attributes": metadata["num_attributes"],
        "latents": None if codes or levels else _latents(exported, importance),
        "levels": levels,
        "files": parts,
    }


def _texts(metadata):
    """What the page makes texts of; None of images."""
    if not is_of_texts(metadata):
        return None
    return {"length": metadata["max_length"], "vocabulary": metadata["vocabulary"]}


def _levels(metadata):
    """The levels of a ladder; none of other models."""
    return levels_of(
        LatentSpec(group["name"], tuple(group["shape"]))
        for group in metadata.get("latents") or ()
    )


def _latents(exported, importance):
    sampler = None
    if "sampler" in exported.files:
        sampler = Session(exported.path / "sampler.onnx", "sampler")
    return describe_latents(exported.decoder, importance, sampler=sampler)


def warning(exported):
    """What a page of this model cannot do, in a sentence; empty if it can do all."""
    metadata = exported.metadata
    if is_of_texts(metadata) and "sampler" not in exported.files:
        return (
            "New texts cannot be drawn here: a decoder alone writes the most probable "
            "ones; make the page of the folder that export_model wrote."
        )
    drawn = metadata["latent_prior"] in RECORDS or "sampler" in exported.files
    if drawn or has_codes(metadata):
        return ""
    return (
        f"New samples cannot be drawn here: the prior is {metadata['latent_prior']!r}, "
        "which a decoder alone says nothing of, and sliders reach as far as N(0, I) "
        "would; make the page of the folder that export_model wrote."
    )


def facts(metadata):
    """The model in one line.

    Example:

    >>> facts({"model": "VQVAE", "image_shape": [28, 28, 1], "codebook_size": 128,
    ...        "code_shape": [7, 7], "latent_prior": "uniform_codes",
    ...        "num_classes": None, "num_attributes": None})
    'VQVAE · 28 × 28 grey pixels · 7 × 7 codes of 128'
    """
    if is_of_texts(metadata):
        size = metadata["vocabulary_size"]
        seen = f"texts of up to {metadata['max_length']} tokens of {size:,}"
    else:
        height, width, channels = metadata["image_shape"]
        seen = f"{height} × {width} {'grey' if channels == 1 else 'colour'} pixels"
    words = [metadata["model"], seen]
    if has_codes(metadata):
        shape = " × ".join(map(str, metadata["code_shape"]))
        words.append(f"{shape} codes of {metadata['codebook_size']}")
    else:
        words.append(f"{metadata['latent_dim']:,} latents")
        if levels := _levels(metadata):
            words[-1] += f" on {len(levels)} level{'s' * (len(levels) > 1)}"
    if prior := _PRIORS.get(metadata["latent_prior"]):
        words.append(prior)
    if metadata["num_classes"] is not None:
        words.append(f"{metadata['num_classes']} labels")
    if metadata["num_attributes"] is not None:
        words.append(f"{metadata['num_attributes']} attributes")
    return " · ".join(words)


def _in_python(exported):
    """An expression that stands for the model in Python, without this machine's paths.

    Weights that were rounded for the export are no longer those of the preset.
    """
    metadata = exported.metadata
    preset = shipped_preset(metadata)
    # Of texts, a model gives tokens and a Sampler texts.
    if preset and metadata.get("quantize") is None and not is_of_texts(metadata):
        return f"zoo.from_preset({json.dumps(preset)})"
    return f"export.Sampler({json.dumps(exported.path.resolve().name)})"
