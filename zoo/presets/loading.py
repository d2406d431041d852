"""A model made again from a preset's folder, on whichever backend Keras runs on."""

import importlib
import os
import pkgutil
import re
from typing import TYPE_CHECKING, Any

import keras

import zoo
from zoo.precision import scope
from zoo.presets.allowed import not_allowed, without_compiling
from zoo.presets.files import CONFIG, WEIGHTS, check_digest, read_config, read_metadata
from zoo.presets.folder import preset_folder
from zoo.presets.precision import dtype_of, with_dtype
from zoo.presets.trainable import set_trainable_parts
from zoo.presets.weights import AT_MOST, held_in, no_more_than
from zoo.text import printable

if TYPE_CHECKING:
    from zoo.autoencoder import Autoencoder

# Modules, and packages with all that is in them, whose classes a preset may name.
_REGISTERING = (
    "distributions",
    "likelihoods",
    "models",
    "networks",
    "objectives",
    "priors",
    "quantizers",
    "schedules",
    "vae",
)


def from_preset(
    name_or_folder: str | os.PathLike[str],
    load_weights: bool = True,
    dtype: Any = None,
) -> "Autoencoder":
    """Loads a model, ready to use; compile it to train it further.

    Args:
        name_or_folder: the name of a shipped preset, a folder that `save_to_preset`
            wrote, on whichever backend, or an address on the Hugging Face hub,
            "hf://user/name" or "hf://user/name@revision", which is downloaded once.
            Of classes it may name those that are registered with Keras, or given by
            `keras.saving.custom_object_scope`, and those of Keras that hold no code.
        load_weights: False gives the same architecture with fresh weights.
        dtype: dtype or policy of the networks, such as "mixed_bfloat16", instead of
            the one that the model was saved with; terms of the ELBO are float32 in any
            case. Of "float64" all that the model infers is in it, on every backend.

    Returns:
        A model of the zoo, of the class that was saved; parts that were not `trainable`
        are not.

    Raises:
        OSError, ImportError: of the hub, as `zoo.presets.hub.download`.
        ValueError, FileNotFoundError: if there is no such preset, its files are
            incomplete or damaged, its weights are not the model's, it names a class
            that no preset may hold, or there is no such dtype.

    Example:

    >>> import zoo
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> model.sample(2, seed=0).shape
    (2, 28, 28, 1)
    """
    folder = preset_folder(name_or_folder)
    metadata = read_metadata(folder)
    for name in (CONFIG, WEIGHTS) if load_weights else (CONFIG,):
        check_digest(folder, name, metadata)
    config = read_config(folder)
    if dtype is not None:
        config = with_dtype(config, dtype)
    register_classes()
    double = dtype_of(config) == "float64"
    limit = no_more_than(_held(folder) if load_weights else AT_MOST)
    with limit, scope("float64" if double else None):
        model = _made_of(config, folder)
        model.preset_name = metadata.get("preset")
        if load_weights:
            _check_count(model, metadata, folder)
            _load_weights(model, folder)
    set_trainable_parts(model, metadata, folder)
    return model


def register_classes() -> None:
    """Imports all modules of the zoo whose classes a preset may name.

    Keras finds a class by its registered name, wherever it lies by now; the module that
    a preset names may be one of an earlier release.
    """
    for module in pkgutil.iter_modules(zoo.__path__, "zoo."):
        if module.name.rpartition(".")[2] in _REGISTERING:
            found = importlib.import_module(module.name)
            inside = getattr(found, "__path__", ())
            for part in pkgutil.iter_modules(inside, f"{module.name}."):
                importlib.import_module(part.name)


def _made_of(config, folder):
    """The model that a configuration describes.

    Raises:
        ValueError: if it names what no preset may hold, or makes no model of the zoo.
    """
    where, config = f"{CONFIG} in the preset {str(folder)!r}", without_compiling(config)
    if why := not_allowed(config):
        raise ValueError(f"{where} holds what no preset may. {why}")
    try:
        model = keras.saving.deserialize_keras_object(config)
    except MemoryError:
        raise
    except Exception as error:  # whatever a constructor says of its arguments
        raise ValueError(f"{where} makes no model: {_in_short(error)}") from error
    # Autoencoder has it. It imports this module, which thus cannot import it.
    if not hasattr(model, "save_to_preset"):
        raise ValueError(
            f"The preset {str(folder)!r} holds a {type(model).__name__}, not a model "
            "of the zoo."
        )
    return model


def _held(folder):
    """What the file of weights holds.

    Raises:
        ValueError: if it is none that a preset has.
    """
    try:
        return held_in(folder / WEIGHTS)
    except ValueError as error:
        why = str(error)
    except (OSError, KeyError, RuntimeError) as error:
        why = f"what HDF5 cannot read ({_in_short(error).rstrip('.')})"
    raise ValueError(f"{WEIGHTS} in the preset {str(folder)!r} holds {why}.")


def _load_weights(model, folder):
    """Sets the weights to those of the preset's file.

    Raises:
        ValueError: if they are not the model's.
    """
    try:
        model.load_weights(folder / WEIGHTS)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise ValueError(
            f"{WEIGHTS} in the preset {str(folder)!r} does not fit the "
            f"{type(model).__name__} of its {CONFIG}: {_in_short(error)}"
        ) from error


def _in_short(error):
    """What an error says, in a line; of Keras' own the cause, without the config."""
    # Keras writes some of its sentences in bold.
    said = re.sub(r"\x1b\[\d*m", "", str(error))
    text = " ".join(said.rpartition("Exception encountered: ")[2].split())
    text = printable(text) or type(error).__name__
    return f"{text.rstrip('.')}." if len(text) <= 300 else f"{text[:297]}..."


def _check_count(model, metadata, folder):
    """Refuses weights that are of more or fewer numbers than the model has.

    Keras passes over what it does not find in a file of weights.
    """
    saved = metadata.get("parameters")
    try:
        has = model.count_params()
    except MemoryError:
        raise
    except Exception as error:  # of layers that do not fit each other when called
        where = f"{CONFIG} in the preset {str(folder)!r}"
        raise ValueError(f"{where} makes no model: {_in_short(error)}") from error
    if saved is not None and saved != has:
        raise ValueError(
            f"The preset {str(folder)!r} was saved with {saved:,} weights, but the "
            f"{type(model).__name__} made of its {CONFIG} has {has:,}: a layer makes "
            "others than it did, or not until it is called otherwise."
        )
