"""`Preset`: a preset's folder, read. Neither Keras nor the weights are touched."""

import os
from dataclasses import dataclass
from pathlib import Path

from zoo.presets import list_presets, preset_folder, preset_info
from zoo.presets.files import METADATA, digest, read_config
from zoo.presets.hub.address import is_address


@dataclass(frozen=True)
class Preset:
    """What is known of a preset before it is loaded.

    Attributes:
        name: as it says itself.
        folder: where it lies.
        shipped: whether it came with the package.
        config: arguments of the model's constructor.
        info: what `zoo.preset_info` says of it.
        hub: its address on the hub, if it lies there, and the folder in the cache.
    """

    name: str
    folder: Path
    shipped: bool
    config: dict
    info: dict
    hub: str | None = None

    @property
    def bytes(self):
        """Size of all its files."""
        return sum(f.stat().st_size for f in self.folder.iterdir() if f.is_file())

    @property
    def address(self):
        """What to call it on the command line: name, address on the hub, or folder."""
        return self.name if self.shipped else self.hub or str(self.folder)

    def entry(self, name):
        """A dict of what was recorded; an empty one where it was not."""
        value = self.info.get(name)
        return value if isinstance(value, dict) else {}


def read_preset(name_or_folder):
    """The `Preset` of a shipped name, a folder, or an address on the hub.

    Raises:
        ValueError: if there is none of that name, or its JSON is damaged.
        FileNotFoundError: if it is a path where no preset lies.
    """
    folder = preset_folder(name_or_folder)
    info = preset_info(folder)
    name = str(info.get("preset") or folder.resolve().name)
    text = os.fspath(name_or_folder)
    shipped, hub = text in list_presets(), text if is_address(text) else None
    return Preset(name, folder, shipped, read_config(folder)["config"], info, hub)


def shipped_presets():
    """The presets that ship with the package, by name."""
    return [read_preset(name) for name in list_presets()]


def damage(preset):
    """A sentence on what is wrong with a preset's files, or None if all is well."""
    digests = {k: v for k, v in preset.entry("sha256").items() if k != METADATA}
    if not digests:
        return f"{METADATA} lists no checksums"
    for name, wanted in sorted(digests.items()):
        path = preset.folder / Path(name).name
        if not path.is_file():
            return f"{name} is missing"
        if digest(path) != wanted:
            return f"{name} is damaged"
    return None
