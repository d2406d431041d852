"""What is known of presets without importing Keras, so that looking is instant.

`zoo` itself needs Keras; a preset's folder is only JSON and weights.
"""

import difflib
import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

CONFIG, METADATA = "config.json", "metadata.json"


@dataclass(frozen=True)
class Preset:
    """One preset's folder, read.

    Attributes:
        name: as it says itself.
        folder: where it lies.
        shipped: whether it came with the package.
        config: arguments of the model's constructor.
        metadata: all else that was recorded; empty where nothing was.
    """

    name: str
    folder: Path
    shipped: bool
    config: dict
    metadata: dict

    @property
    def bytes(self):
        """Size of all its files."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.is_file())

    @property
    def address(self):
        """What to call it on the command line: name, or folder where it has none."""
        return self.name if self.shipped else str(self.folder)

    @property
    def about(self):
        """Config and metadata in one dict."""
        return {**self.config, **self.metadata}

    def entry(self, name):
        """A dict of the metadata; an empty one where it was not recorded."""
        value = self.metadata.get(name)
        return value if isinstance(value, dict) else {}


def preset_names():
    """Names of the presets that ship with the package, sorted."""
    return sorted(path.parent.name for path in _shipped_folder().glob(f"*/{CONFIG}"))


def find_preset(name_or_folder):
    """The preset of a shipped name or a folder; its weights are not looked at.

    Raises:
        ValueError: if there is none of that name, or its JSON is damaged.
        FileNotFoundError: if it is a path where no preset lies.
    """
    text = os.fspath(name_or_folder)
    shipped = text in preset_names()
    folder = _shipped_folder() / text if shipped else Path(text)
    if not (folder / CONFIG).is_file():
        raise _no_preset(text, folder)
    config = _read_json(folder, CONFIG).get("config")
    metadata = _read_json(folder, METADATA)
    if not isinstance(config, dict) or not {"latent_dim", "codebook_size"} & {*config}:
        raise ValueError(f"{CONFIG} in the preset {text!r} is damaged.")
    name = str(metadata.get("preset") or folder.resolve().name)
    return Preset(name, folder, shipped, config, metadata)


def damage(preset):
    """A sentence on what is wrong with a preset's files, or None if all is well."""
    digests = preset.entry("sha256")
    if not digests:
        return f"{METADATA} lists no checksums"
    for name, wanted in sorted(digests.items()):
        path = preset.folder / Path(name).name
        if not path.is_file():
            return f"{name} is missing"
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                return f"{name} is damaged"
    return None


def is_onnx(name_or_path):
    """Whether a preset's name or a path means an exported file or folder instead."""
    path = Path(name_or_path)
    if path.is_dir():
        return (path / "manifest.json").is_file()
    return path.is_file() or path.suffix == ".onnx"


def _shipped_folder():
    locations = importlib.util.find_spec("zoo").submodule_search_locations
    return Path(next(iter(locations))) / "presets"


def _no_preset(text, folder):
    if folder.is_dir():
        return FileNotFoundError(f"The folder {text!r} is not a preset: no {CONFIG}.")
    if folder.parent != Path("."):
        return FileNotFoundError(f"There is no preset folder {text!r}.")
    names = preset_names()
    close = difflib.get_close_matches(text, names, n=2)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return ValueError(
        f"There is no preset {text!r}.{hint} Shipped presets: "
        f"{', '.join(names) or 'none'}; or give a preset's folder."
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
