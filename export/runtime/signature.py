"""What each kind of exported file takes and gives, as its metadata implies it."""

from typing import NamedTuple

DECODER_KIND, ENCODER_KIND = "decoder", "encoder"
SAMPLER_KIND, PRIOR_STEP_KIND = "sampler", "prior_step"
GENERATOR_KIND = "generator"
# Of an `AnomalyDetector`, and of a model of few labels: what images are like.
SCORER_KIND, CLASSIFIER_KIND = "scorer", "classifier"
OF_IMAGES_ALONE = (SCORER_KIND, CLASSIFIER_KIND)
# Inputs of a generator: standard normal numbers, and others in [0, 1).
NOISE, UNIFORMS = "noise", "uniforms"


class Value(NamedTuple):
    """An input or output.

    Attributes:
        dtype: NumPy's name of it.
        shape: () for a single number; else the name for any number of rows, and the
            shape of one row. A cache of places names their number, too.
    """

    dtype: str
    shape: tuple

    @property
    def row_shape(self):
        """The shape of one row."""
        return self.shape[1:]


def has_codes(metadata):
    """Whether a model's latents are one grid of codes."""
    return metadata.get("codebook_size") is not None


def is_of_texts(metadata):
    """Whether a model's observations are rows of tokens, instead of images."""
    return metadata.get("max_length") is not None


def event_value(rows, metadata):
    """{"image": Value}, or of texts {"tokens": Value}."""
    if is_of_texts(metadata):
        return {"tokens": Value("int32", (rows, metadata["max_length"]))}
    return {"image": Value("float32", (rows, *metadata["image_shape"]))}


def networks_see_labels(metadata):
    """Whether decoder and encoder take labels, where the model does.

    Where latents are codes, labels concern the prior alone, unless a file says so.
    """
    said = metadata.get("network_labels")
    return not has_codes(metadata) if said is None else said


def signature(kind, metadata):
    """The inputs and outputs of a file.

    Args:
        kind: "decoder", "encoder", "generator", "sampler", "scorer", "classifier" or,
            where latents are codes, "prior_step".
        metadata: dict with `image_shape` or, of texts, `max_length`, and what latents
            are: `latent_dim`, or `codebook_size` and `code_shape`, or in general
            `latents`; for a generator `noise`, for an encoder of other outputs than
            usual `posterior`, and if there is a prior to step through `cache_shape`; if
            the model takes labels, `num_classes` or `num_attributes`.

    Returns:
        ({input name: Value}, {output name: Value}), in the order of the file.

    Example:

    >>> metadata = {"image_shape": [28, 28, 1], "latent_dim": 8, "num_classes": 10}
    >>> inputs, outputs = signature("decoder", metadata)
    >>> inputs["labels"], outputs["image"].row_shape
    (Value(dtype='int32', shape=('batch',)), (28, 28, 1))
    """
    rows = "num_samples" if kind == SAMPLER_KIND else "batch"
    event = event_value(rows, metadata)
    latent = latent_value(rows, metadata)
    if kind == DECODER_KIND:
        inputs, outputs = latent, event
    elif kind == ENCODER_KIND:
        inputs, outputs = event, _posterior(rows, metadata)
    elif kind == SAMPLER_KIND:
        inputs = {
            "seed": Value("int64", ()),
            "num_samples": Value("int64", ()),
            "temperature": Value("float32", ()),
        }
        outputs = {**event, **latent}
    elif kind == GENERATOR_KIND:
        inputs, outputs = generator_inputs(rows, metadata), event
    elif kind == SCORER_KIND:  # which tries labels out by itself
        return event, {
            "score": Value("float32", (rows,)),
            "decision": Value("float32", (rows,)),
            "heat_map": Value("float32", (rows, *metadata["image_shape"][:2])),
        }
    elif kind == CLASSIFIER_KIND:  # which tells labels
        shape = (rows, metadata["num_classes"])
        return event, {"probabilities": Value("float32", shape)}
    else:
        inputs = {
            "code": Value("int32", (rows,)),
            "cache": cache_value(metadata, "places"),
        }
        outputs = {
            "logits": Value("float32", (rows, metadata["codebook_size"])),
            "new_cache": cache_value(metadata, "new_places"),
        }
    if kind in (DECODER_KIND, ENCODER_KIND) and not networks_see_labels(metadata):
        return inputs, outputs
    return {**inputs, **labels_signature(rows, metadata)}, outputs


def latent_value(rows, metadata):
    """{"z": Value} or {"codes": Value}; {} for a model of several groups of latents."""
    if has_codes(metadata):
        return {"codes": Value("int32", (rows, *metadata["code_shape"]))}
    if metadata.get("latent_dim") is not None:
        return {"z": Value("float32", (rows, metadata["latent_dim"]))}
    groups = metadata["latents"]
    if len(groups) > 1:
        return {}
    return {"z": Value("float32", (rows, *groups[0]["shape"]))}


def _posterior(rows, metadata):
    """What an encoder gives."""
    said = metadata.get("posterior")
    if said is not None:
        return {
            name: Value(entry["dtype"], (rows, *entry["shape"]))
            for name, entry in said.items()
        }
    latent = latent_value(rows, metadata)
    if has_codes(metadata):
        return latent
    return {name: latent["z"] for name in ("mean", "log_var")}


def generator_inputs(rows, metadata):
    """Random numbers of each sort that there are, and how far they reach."""
    sizes = {
        NOISE: metadata["noise"]["normals"],
        UNIFORMS: metadata["noise"]["uniforms"],
    }
    numbers = {
        name: Value("float32", (rows, size)) for name, size in sizes.items() if size
    }
    return {**numbers, "temperature": Value("float32", ())}


def cache_value(metadata, places):
    """Keys and values of a number of places: (batch, 2 layers, heads, places, dim)."""
    tensors, heads, head_dim = metadata["cache_shape"]
    return Value("float32", ("batch", tensors, heads, places, head_dim))


def labels_signature(rows, metadata):
    """{"labels": Value}, or {} for a model that takes none."""
    if metadata.get("num_classes") is not None:
        return {"labels": Value("int32", (rows,))}
    if metadata.get("num_attributes") is not None:
        return {"labels": Value("float32", (rows, metadata["num_attributes"]))}
    return {}
