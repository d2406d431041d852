"""What each kind of exported file takes and gives, as its metadata implies it."""

from typing import NamedTuple

DECODER_KIND, ENCODER_KIND = "decoder", "encoder"
SAMPLER_KIND, PRIOR_STEP_KIND = "sampler", "prior_step"


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
    """Whether a model's latents are grids of codes, not vectors."""
    return metadata.get("codebook_size") is not None


def signature(kind, metadata):
    """The inputs and outputs of a file.

    Args:
        kind: "decoder", "encoder", "sampler" or, where latents are codes, "prior_step".
        metadata: dict with `image_shape` and `latent_dim`, or `codebook_size`,
            `code_shape` and, if there is a prior to step through, `cache_shape`; if
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
    image = {"image": Value("float32", (rows, *metadata["image_shape"]))}
    if has_codes(metadata):
        latent = {"codes": Value("int32", (rows, *metadata["code_shape"]))}
        posterior = latent
    else:
        vector = Value("float32", (rows, metadata["latent_dim"]))
        latent, posterior = {"z": vector}, {"mean": vector, "log_var": vector}
    if kind == DECODER_KIND:
        inputs, outputs = latent, image
    elif kind == ENCODER_KIND:
        inputs, outputs = image, posterior
    elif kind == SAMPLER_KIND:
        inputs = {
            "seed": Value("int64", ()),
            "num_samples": Value("int64", ()),
            "temperature": Value("float32", ()),
        }
        outputs = {**image, **latent}
    else:
        inputs = {
            "code": Value("int32", (rows,)),
            "cache": cache_value(metadata, "places"),
        }
        outputs = {
            "logits": Value("float32", (rows, metadata["codebook_size"])),
            "new_cache": cache_value(metadata, "new_places"),
        }
    if kind in (DECODER_KIND, ENCODER_KIND) and has_codes(metadata):
        return inputs, outputs  # labels concern the prior alone
    return {**inputs, **labels_signature(rows, metadata)}, outputs


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
