"""The histories of a training: kept in a preset, or in the checkpoints of a run."""

import json
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from recipes.common.files import write_whole

HISTORY = "history.json"
# Of `recipes.runs.run.Run`: file, and what was trained.
CHECKPOINTS = {"checkpoint.npz": "model", "prior_checkpoint.npz": "prior"}
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def write_histories(preset, histories):
    """Keeps histories in a preset's folder.

    Args:
        preset: the folder.
        histories: {"model": history, "prior": history}, the second of models with
            codes alone. A history is a dict of lists, one figure an epoch.
    """
    text = json.dumps(histories, indent=1, sort_keys=True)
    # A line for each figure, not for each epoch.
    text = re.sub(r"\[[^]]*\]", lambda values: " ".join(values[0].split()), text)
    write_whole(Path(preset) / HISTORY, f"{text}\n".encode())


def read_histories(preset):
    """What `write_histories` kept; an empty dict where nothing was.

    Raises:
        ValueError: if the file is damaged.
    """
    path = Path(preset) / HISTORY
    if not path.is_file():
        return {}
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except DAMAGED as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}.") from error


def read_checkpoints(folder):
    """The histories in the checkpoints of a run's folder, as they are so far.

    Raises:
        ValueError: if a checkpoint is damaged.
    """
    histories = {}
    for name, trained in CHECKPOINTS.items():
        path = Path(folder) / name
        if path.is_file():
            histories[trained] = read_checkpoint(path)["history"]
    return histories


def read_checkpoint(path):
    """What a checkpoint says of its run beside weights: settings, epochs, history.

    Raises:
        ValueError: if it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
        _checked({"history": state["history"]})
    except (*DAMAGED, zlib.error) as error:
        raise ValueError(
            f"The checkpoint {str(path)!r} cannot be read ({error})."
        ) from error
    return state


def _checked(histories):
    """Histories, if they are dicts of lists of numbers."""
    for history in histories.values():
        for name, values in history.items():
            if not np.issubdtype(np.asarray(values).dtype, np.number):
                raise ValueError(f"{name!r} is no list of numbers")
    return histories
