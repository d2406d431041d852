"""What an exported file says about itself."""

import importlib.metadata
import json

from export.runtime.files import add_digest
from export.runtime.session import FORMAT, TEXT_KEYS


def describe(model, preset_name):
    """What holds for every file of a model: JSON values."""
    import zoo

    description = {
        "model": type(model).__name__,
        "image_shape": list(model.image_shape),
        "latent_dim": model.latent_dim,
        "value_range": [0.0, 1.0],
        "latent_prior": _prior_name(model.prior),
        "versions": {
            "vae-zoo": zoo.__version__,
            **{
                package: importlib.import_module(package).__version__
                for package in ("keras", "tensorflow", "tf2onnx", "onnx")
            },
        },
    }
    # The name of a shipped preset is kept only with that preset's own weights: folders
    # may be called anything, and models may have been trained on.
    if preset_name in zoo.list_presets() and _same_weights(
        model, zoo.from_preset(preset_name)
    ):
        description["preset"] = preset_name
    return description


def _prior_name(prior):
    from zoo.priors import StandardNormal

    if type(prior) is StandardNormal:
        return "standard_normal"
    return type(prior).__name__


def _same_weights(model, other):
    import numpy as np

    ours, theirs = model.get_weights(), other.get_weights()
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def stamp(model, entries):
    """The bytes of an ONNX model with metadata and, last, its digest.

    Args:
        model: ModelProto without metadata.
        entries: JSON values; those of `TEXT_KEYS` are stored as they are.
    """
    for key, value in sorted({"format": FORMAT, **entries}.items()):
        entry = model.metadata_props.add()
        entry.key = key
        entry.value = (
            value if key in TEXT_KEYS else json.dumps(value, separators=(",", ":"))
        )
    data = add_digest(model.SerializeToString(deterministic=True))
    del model.metadata_props[:]
    return data


def round_up(error):
    """An error to one significant digit, upwards: stable against the last bit."""
    if error == 0:
        return 0.0
    exponent = int(f"{error:e}".split("e")[1])
    digit = int(error / 10.0**exponent) + 1
    return float(f"{digit}e{exponent}")
