"""`open_source`: whether a preset, a run or an exported model is meant.

All commands ask here, so that one name means the same to each of them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from recipes.common.histories import CHECKPOINTS
from recipes.common.presets import Preset, read_preset
from zoo.presets import list_presets, preset_folder
from zoo.presets.files import CONFIG
from zoo.presets.hub.address import is_address

MANIFEST = "manifest.json"
PRESET, RUN, EXPORTED = "preset", "run", "exported"
# What each is, and how to name one.
_WORDS = {
    PRESET: ("a preset", "a preset: its name, its folder, or hf://user/name"),
    RUN: ("the folder of a run", "a run: its folder"),
    EXPORTED: (
        "an exported model",
        "an exported model: a file or folder that vae-zoo export wrote",
    ),
}


@dataclass(frozen=True)
class Source:
    """What a name or path means.

    Attributes:
        kind: "preset", "run" or "exported".
        path: the folder or file.
        preset: `recipes.common.presets.Preset` of a preset and of a finished run.
    """

    kind: str
    path: Path
    preset: Preset | None = None


def open_source(name_or_path, takes=(PRESET, RUN, EXPORTED)):
    """What a name or path means. Weights are not read, and Keras is not imported.

    In this order: an address on the hub; the name of a shipped preset; a folder of a
    preset, of an exported model or of a run, finished or not; the file of an exported
    model.

    Args:
        name_or_path: text or path.
        takes: which kinds are wanted. A finished run is a preset, too.

    Raises:
        ValueError, FileNotFoundError: if there is no such thing, it is damaged, or of
            no kind that is wanted.
    """
    found = _open(name_or_path)
    finished = found.kind == RUN and found.preset and PRESET in takes
    if found.kind in takes or finished:
        return found
    text = os.fspath(name_or_path)
    if found.kind == RUN and PRESET in takes:
        raise ValueError(
            f"The run {text!r} is not finished: it has no preset yet; --resume goes on "
            "with it."
        )
    wanted = ", or ".join(_WORDS[kind][1] for kind in takes)
    raise ValueError(f"{text!r} is {_WORDS[found.kind][0]}; this needs {wanted}.")


def open_preset(name_or_path):
    """The `Preset` of a name, a folder, or a finished run.

    Raises:
        ValueError, FileNotFoundError: as `open_source`.
    """
    return open_source(name_or_path, takes=(PRESET,)).preset


def _open(name_or_path):
    text, path = os.fspath(name_or_path), Path(name_or_path)
    known = is_address(text) or text in list_presets()
    if known or (path / CONFIG).is_file():
        preset = read_preset(text)
        return Source(PRESET, preset.folder, preset)
    if (path / MANIFEST).is_file():
        return Source(EXPORTED, path)
    if (path / "preset" / CONFIG).is_file():
        return Source(RUN, path, read_preset(path / "preset"))
    if any((path / name).is_file() for name in CHECKPOINTS):
        return Source(RUN, path)
    if path.is_file() or (path.suffix == ".onnx" and not path.is_dir()):
        return Source(EXPORTED, path)
    if path.is_dir():
        raise FileNotFoundError(
            f"The folder {text!r} is not a preset, a run or an exported model: it has "
            f"no {CONFIG}, {next(iter(CHECKPOINTS))} or {MANIFEST}."
        )
    preset_folder(text)  # which says what there is instead
    raise AssertionError("unreachable")
