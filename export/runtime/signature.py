"""What each kind of exported file takes and gives, as its metadata implies it."""

from typing import NamedTuple

DECODER_KIND, ENCODER_KIND, SAMPLER_KIND = "decoder", "encoder", "sampler"


class Value(NamedTuple):
    """An input or output.

    Attributes:
        dtype: NumPy's name of it.
        shape: () for a single number; else the name for any number of rows, and the
            shape of one row.
    """

    dtype: str
    shape: tuple

    @property
    def row_shape(self):
        """The shape of one row."""
        return self.shape[1:]


def signature(kind, metadata):
    """The inputs and outputs of a file.

    Args:
        kind: "decoder", "encoder" or "sampler".
        metadata: dict with `image_shape`, `latent_dim` and, if the model takes labels,
            `num_classes` or `num_attributes`.

    Returns:
        ({input name: Value}, {output name: Value}), in the order of the file.

    Example:

    >>> metadata = {"image_shape": [28, 28, 1], "latent_dim": 8, "num_classes": 10}
    >>> inputs, outputs = signature("decoder", metadata)
    >>> inputs["labels"], outputs["image"].row_shape
    (Value(dtype='int32', shape=('batch',)), (28, 28, 1))
    """
    rows = "num_samples" if kind == SAMPLER_KIND else "batch"
    image = Value("float32", (rows, *metadata["image_shape"]))
    latent = Value("float32", (rows, metadata["latent_dim"]))
    if kind == DECODER_KIND:
        inputs, outputs = {"z": latent}, {"image": image}
    elif kind == ENCODER_KIND:
        inputs, outputs = {"image": image}, {"mean": latent, "log_var": latent}
    else:
        inputs = {
            "seed": Value("int64", ()),
            "num_samples": Value("int64", ()),
            "temperature": Value("float32", ()),
        }
        outputs = {"image": image, "z": latent}
    return {**inputs, **labels_signature(rows, metadata)}, outputs


def labels_signature(rows, metadata):
    """{"labels": Value}, or {} for a model that takes none."""
    if metadata.get("num_classes") is not None:
        return {"labels": Value("int32", (rows,))}
    if metadata.get("num_attributes") is not None:
        return {"labels": Value("float32", (rows, metadata["num_attributes"]))}
    return {}
