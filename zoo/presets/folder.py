"""Presets by name, and what is known of them before they are loaded: no Keras."""

import difflib
import os
from pathlib import Path
from typing import Any

from zoo.presets.files import (
    CONFIG,
    check_digest,
    read_config,
    read_metadata,
    write_metadata,
)
from zoo.presets.hub.address import is_address
from zoo.presets.hub.download import cached_preset

SHIPPED = Path(__file__).parent


def list_presets() -> list[str]:
    """Names of the presets that ship with the package, sorted.

    Example:

    >>> import zoo
    >>> "dense_vae_digits" in zoo.list_presets()
    True
    """
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def preset_folder(name_or_folder: str | os.PathLike[str]) -> Path:
    """The folder of a shipped preset's name, of a path, or of "hf://user/name".

    Raises:
        ValueError: if it is none of these; names close to it are suggested.
        FileNotFoundError: if it is a path where no preset lies.
        OSError, ImportError: of the hub, as `zoo.presets.hub.download`.
    """
    text = os.fspath(name_or_folder)
    if text in list_presets():
        return SHIPPED / text
    if is_address(text):
        return cached_preset(text)
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
        f"{', '.join(list_presets()) or 'none'}; or give a preset's folder, or an "
        "address such as hf://user/name."
    )


def preset_info(name_or_folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What is known of a preset, without loading its weights; Keras is not needed.

    Returns:
        dict: "model", "preset", "parameters", "dataset", "metrics" and "training" (the
        last three as far as they were recorded), "image_shape" (None of a model of
        texts, which has "texts": its "max_length", "vocabulary_size" and the "kind" of
        its vocabulary), "latents" (a list of
        {"name", "shape", "codebook_size"}, one for each group of latents, the last
        None where they are no codes), "latent_dim" and "codebook_size" (one of them
        None), "code_shape" (of models with codes), "num_classes", "class_names" and
        "num_attributes" (all None for models without labels, of which a prior may be
        the one that sees them), and "trainable" ({part: bool}, where some of it is
        frozen).

    Raises:
        ValueError, FileNotFoundError: if there is no such preset.

    Example:

    >>> import zoo
    >>> info = zoo.preset_info("dense_vae_digits")
    >>> info["model"], info["latents"][0]["name"], info["latents"][0]["shape"]
    ('DenseVAE', 'z', [8])
    """
    folder = preset_folder(name_or_folder)
    metadata = read_metadata(folder)
    check_digest(folder, CONFIG, metadata)
    config = read_config(folder)["config"]
    return {
        "image_shape": config.get("image_shape"),
        "latents": _latents(config, metadata),
        "latent_dim": config.get("latent_dim"),
        "codebook_size": config.get("codebook_size"),
        "num_classes": _of_labels(config, "num_classes"),
        "class_names": _of_labels(config, "class_names"),
        "num_attributes": config.get("num_attributes"),
        **metadata,
    }


def update_metadata(name_or_folder: str | os.PathLike[str], **values: Any) -> None:
    """Sets entries of a preset's `metadata.json`, such as its metrics.

    Raises:
        ValueError, FileNotFoundError: if there is no such preset, or an entry is of
            another type than a preset's: metrics are numbers.
        OSError: if it cannot be written; the file is then what it was.
    """
    if is_address(os.fspath(name_or_folder)):
        raise ValueError(
            f"{name_or_folder!r} lies on the hub: take it to a folder of your own "
            "first, by vae-zoo pull, and upload that one again when it has changed."
        )
    folder = preset_folder(name_or_folder)
    write_metadata(folder, {**read_metadata(folder), **values})


def _latents(config, metadata):
    """The groups of latents of presets that do not say themselves."""
    if config.get("codebook_size") is not None:
        if "code_shape" not in metadata:
            return []
        shape, codebook_size = metadata["code_shape"], config["codebook_size"]
        return [{"name": "codes", "shape": shape, "codebook_size": codebook_size}]
    if config.get("latent_dim") is not None:
        shape = [config["latent_dim"]]
        return [{"name": "z", "shape": shape, "codebook_size": None}]
    return []


def _of_labels(config, name):
    """Of the model itself, or of a prior that alone sees labels."""
    prior = config.get("prior")
    beside = prior["config"] if isinstance(prior, dict) else {}
    return config.get(name, beside.get(name))
