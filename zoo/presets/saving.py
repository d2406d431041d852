"""A model written to a preset's folder, all or nothing."""

import os
import warnings
from pathlib import Path
from typing import Any

import keras

from zoo.event import Tokens
from zoo.presets.allowed import not_allowed, without_compiling
from zoo.presets.files import (
    CONFIG,
    FORMAT_VERSION,
    WEIGHTS,
    digest,
    write_bytes,
    write_json,
    write_metadata,
)
from zoo.presets.findable import refusal
from zoo.presets.trainable import trainable_parts
from zoo.presets.weights import weights_bytes
from zoo.serialization import serialize
from zoo.text import as_name, is_name
from zoo.unfinished import beside, remove

# Set by the model alone, or not at all.
_OF_MODEL = (
    *("code_shape", "half_precision", "image_shape", "latents", "texts", "trainable"),
)


def save_to_preset(
    model: keras.Model,
    folder: str | os.PathLike[str],
    metadata: dict[str, Any] | None = None,
) -> None:
    """Saves a model's architecture and weights, all or nothing.

    Everything is written to a temporary folder beside `folder`, which then takes its
    name: an interrupted call leaves no preset behind. Which parts are `trainable` is
    kept; the optimizer is not. Weights that half precision holds exactly, all of them,
    are kept in it: see `round_to_half`.

    Args:
        model: a model of the zoo.
        folder: a folder that does not exist yet.
        metadata: further JSON values to keep, such as "dataset" and "metrics".

    Raises:
        ValueError: if the model holds a layer that could not be loaded, or weights
            that Keras does not save.
        FileExistsError: if `folder` exists.
        OSError: if it cannot be written.
    """
    metadata = dict(metadata or {})
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(
            f"{str(folder)!r} exists already: give a new folder, or remove it first."
        )
    name = metadata.get("preset", as_name(folder.name))
    if not is_name(name):
        raise ValueError(
            "`preset` of the metadata must be a name of letters, digits, '.', '_' and "
            f"'-'; got {name!r}."
        )
    config = _config(model)
    if why := refusal(config):
        raise ValueError(why)
    if why := not_allowed(without_compiling(config)):
        warnings.warn(f"Others will not load this preset as it is. {why}", stacklevel=3)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(folder)
        temporary.mkdir()
    except OSError as error:
        raise OSError(
            f"Cannot write a preset to {str(folder)!r}: {error.strerror}."
        ) from error
    try:
        write_json(temporary / CONFIG, config)
        weights, half = weights_bytes(_without_training_state(model))
        write_bytes(temporary / WEIGHTS, weights)
        write_metadata(
            temporary,
            {
                **{k: v for k, v in metadata.items() if k not in _OF_MODEL},
                "format_version": FORMAT_VERSION,
                "model": type(model).__name__,
                "preset": name,
                "parameters": model.count_params(),
                **({"half_precision": True} if half else {}),
                **_shapes(model),
                **trainable_parts(model),
                "keras_version": keras.__version__,
                "sha256": {n: digest(temporary / n) for n in (CONFIG, WEIGHTS)},
            },
        )
        temporary.rename(folder)
    except OSError as error:
        where = f"{Path(error.filename).name}: " if error.filename else ""
        raise OSError(
            f"Cannot write a preset to {str(folder)!r}: "
            f"{where}{error.strerror or error}."
        ) from error
    finally:
        remove(temporary)


def _config(model):
    """What makes the model again: without what Keras adds about compiling and building.

    The user compiles, and the constructor builds.
    """
    config = serialize(model)
    return {
        key: value
        for key, value in config.items()
        if key not in ("compile_config", "build_config")
    }


def _shapes(model):
    """The shapes of data and latents, which not all constructors take."""
    kept = {}
    if isinstance(model.event, Tokens):
        vocabulary = model.event.vocabulary
        kept["texts"] = {
            "max_length": model.event.shape[0],
            "vocabulary_size": model.event.vocabulary_size,
            "kind": vocabulary and vocabulary.kind,
        }
    else:
        kept["image_shape"] = list(model.image_shape)
    if hasattr(model, "latents"):
        kept["latents"] = [
            {**spec._asdict(), "shape": list(spec.shape)} for spec in model.latents
        ]
    if getattr(model, "code_shape", None) is not None:
        kept["code_shape"] = list(model.code_shape)
    return kept


def _without_training_state(model):
    """The model itself, or, if it is compiled, a copy without optimizer and metrics."""
    if not model.compiled:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy
