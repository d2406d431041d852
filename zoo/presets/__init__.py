"""Presets: a trained model as a folder, and those that ship with the package.

A folder holds `config.json` (the architecture), `model.weights.h5`, `metadata.json`
(checksums, metrics, how it was trained) and, for shipped ones, a model card and
pictures. It holds no code and no pickles, and it loads on every backend.
"""

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import keras

SHIPPED = Path(__file__).parent
FORMAT_VERSION = 1
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def list_presets():
    """Names of the presets that ship with the package, sorted.

    Example:

    >>> import zoo
    >>> "dense_vae_digits" in zoo.list_presets()
    True
    """
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def preset_folder(name_or_folder):
    """The folder of a shipped preset's name, or of a path.

    Raises:
        ValueError: if it is neither; names close to it are suggested.
        FileNotFoundError: if it is a path where no preset lies.
    """
    text = os.fspath(name_or_folder)
    if text in list_presets():
        return SHIPPED / text
    folder = Path(text)
    if folder.is_dir():
        if (folder / CONFIG).is_file():
            return folder
        raise FileNotFoundError(
            f"The folder {text!r} is not a preset: it has no {CONFIG}. Give one that "
            "save_to_preset wrote."
        )
    if folder.parent != Path("."):
        raise FileNotFoundError(f"There is no preset folder {text!r}.")
    close = difflib.get_close_matches(text, list_presets(), n=2)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(
        f"There is no preset {text!r}.{hint} Shipped presets: "
        f"{', '.join(list_presets()) or 'none'}; or give a preset's folder."
    )


def preset_info(name_or_folder):
    """What is known of a preset, without loading its weights.

    Returns:
        dict: "model", "preset", "parameters", "dataset", "metrics" and "training" (the
        last three as far as they were recorded), "image_shape", "latent_dim" and
        "codebook_size" (one of them None), "code_shape" (of models with codes),
        "num_classes" (None for models without labels).

    Raises:
        ValueError, FileNotFoundError: if there is no such preset.

    Example:

    >>> import zoo
    >>> zoo.preset_info("dense_vae_digits")["model"]
    'DenseVAE'
    """
    folder = preset_folder(name_or_folder)
    metadata = _read_json(folder, METADATA)
    _check_digest(folder, CONFIG, metadata)
    config = _read_json(folder, CONFIG)["config"]
    return {
        "image_shape": config["image_shape"],
        "latent_dim": config.get("latent_dim"),
        "codebook_size": config.get("codebook_size"),
        "num_classes": _num_classes(config),
        **metadata,
    }


def from_preset(name_or_folder, load_weights=True):
    """Loads a model, ready to use; compile it to train it further.

    Args:
        name_or_folder: the name of a shipped preset or a folder that
            `save_to_preset` wrote, on whichever backend.
        load_weights: False gives the same architecture with fresh weights.

    Raises:
        ValueError, FileNotFoundError: if there is no such preset, or its files are
            incomplete or damaged.

    Example:

    >>> import zoo
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> model.sample(2, seed=0).shape
    (2, 28, 28, 1)
    """
    folder = preset_folder(name_or_folder)
    metadata = _read_json(folder, METADATA)
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"The preset {str(folder)!r} has format version {version!r}; this release "
            f"reads version {FORMAT_VERSION}."
        )
    for name in (CONFIG, WEIGHTS) if load_weights else (CONFIG,):
        _check_digest(folder, name, metadata)
    from zoo.autoencoder import Autoencoder

    model = keras.saving.deserialize_keras_object(_read_json(folder, CONFIG))
    if not isinstance(model, Autoencoder):
        raise ValueError(
            f"The preset {str(folder)!r} holds a {type(model).__name__}, not a model "
            "of the zoo."
        )
    model.preset_name = metadata.get("preset")
    if load_weights:
        model.load_weights(folder / WEIGHTS)
    return model


def save_to_preset(model, folder, metadata=None):
    """Saves a model's architecture and weights, all or nothing.

    Everything is written to a temporary folder beside `folder`, which then takes its
    name: an interrupted call leaves no preset behind.

    Args:
        model: a model of the zoo.
        folder: a folder that does not exist yet.
        metadata: further JSON values to keep, such as "dataset" and "metrics".

    Raises:
        FileExistsError: if `folder` exists.
        OSError: if it cannot be written.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(
            f"{str(folder)!r} exists already: give a new folder, or remove it first."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise OSError(
            f"Cannot write a preset to {str(folder)!r}: {error.strerror}."
        ) from error
    try:
        _write_json(
            temporary / CONFIG,
            {
                key: value
                for key, value in keras.saving.serialize_keras_object(model).items()
                # What Keras adds about compiling and building: the user compiles, and
                # the constructor builds.
                if key not in ("compile_config", "build_config")
            },
        )
        _without_training_state(model).save_weights(temporary / WEIGHTS)
        _write_json(
            temporary / METADATA,
            {
                **(metadata or {}),
                "format_version": FORMAT_VERSION,
                "model": type(model).__name__,
                "preset": (metadata or {}).get("preset", folder.name),
                "parameters": model.count_params(),
                **_code_shape(model),
                "keras_version": keras.__version__,
                "sha256": {n: _digest(temporary / n) for n in (CONFIG, WEIGHTS)},
            },
        )
        temporary.chmod(0o755)  # mkdtemp's own is readable to the owner alone
        temporary.rename(folder)
    except OSError as error:
        raise OSError(
            f"Cannot write a preset to {str(folder)!r}: {error.strerror or error}."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def update_metadata(folder, **values):
    """Sets entries of a preset's `metadata.json`, such as its metrics.

    Raises:
        ValueError, FileNotFoundError: if there is no preset in `folder`.
    """
    folder = preset_folder(folder)
    temporary = folder / f".{METADATA}-{os.getpid()}"
    _write_json(temporary, {**_read_json(folder, METADATA), **values})
    temporary.rename(folder / METADATA)


def _code_shape(model):
    """What the arguments of a VQVAE do not say: the shape of an image's codes."""
    shape = getattr(model, "code_shape", None)
    return {} if shape is None else {"code_shape": list(shape)}


def _num_classes(config):
    """Of the model itself, or of a prior that alone sees labels."""
    prior = config.get("prior")
    beside = prior["config"] if isinstance(prior, dict) else {}
    return config.get("num_classes", beside.get("num_classes"))


def _without_training_state(model):
    """The model itself, or, if it is compiled, a copy without optimizer and metrics."""
    if not model.compiled:
        return model
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_digest(folder, name, metadata):
    if not (folder / name).is_file():
        raise ValueError(f"The preset {str(folder)!r} is incomplete: it has no {name}.")
    if _digest(folder / name) != metadata.get("sha256", {}).get(name):
        raise ValueError(
            f"{name} in the preset {str(folder)!r} is damaged: its SHA-256 is not the "
            f"one in {METADATA}. Save or copy the preset again."
        )


def _read_json(folder, name):
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"The preset {str(folder)!r} is incomplete: it has no {name}."
        ) from None
    except ValueError as error:  # JSON and text decoding alike
        raise ValueError(
            f"{name} in the preset {str(folder)!r} is damaged: {error}."
        ) from error
    if not isinstance(value, dict):
        raise ValueError(f"{name} in the preset {str(folder)!r} is damaged.")
    return value


def _write_json(path, value):
    text = json.dumps(value, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
