"""Weights as the bytes of an HDF5 file: written and read in memory alone.

The HDF5 library crashes the process where a disk is full, and follows what a file says
about other files.
"""

import io
from pathlib import Path

import h5py
import keras

from zoo.presets.files import WEIGHTS


class _InMemory(io.BytesIO):
    """What Keras takes for a file: it asks its name alone for what is to be in it."""

    def __str__(self):
        return WEIGHTS


def weights_bytes(model: keras.Model) -> bytes:
    """The content of the file that `model.save_weights` writes.

    Raises:
        ValueError: if Keras does not save all weights of the model.
    """
    file = _InMemory()
    model.save_weights(file)
    found = sum(dataset.size for dataset in _datasets(file))
    if found < model.count_params():
        raise ValueError(
            f"Of {model.count_params():,} weights of the {type(model).__name__} Keras "
            f"saves {found:,} alone: the others are in layers that are no attributes "
            "of a layer, nor in lists or dictionaries that are."
        )
    return file.getvalue()


def _datasets(file):
    found = []

    def collect(_, item):
        if isinstance(item, h5py.Dataset):
            found.append(item)

    file.seek(0)
    opened = h5py.File(file)
    opened.visititems(collect)
    return found


def why_not_to_be_read(path: Path) -> str | None:
    """What a file of weights holds that no preset saves, in words; None if nothing.

    HDF5 files may point into other files, to themselves, and to more numbers than they
    hold: what Keras saves does not, and is as large as its numbers.
    """
    most = path.stat().st_size
    with h5py.File(path, "r") as file:
        seen: set[object] = {file["/"]}
        groups: list[h5py.Group] = [file]
        while groups:
            group = groups.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    return "a link to another place"
                item = group[name]
                if item in seen:
                    return "a part in two places"
                seen.add(item)
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                if not isinstance(item, h5py.Dataset):
                    return "a part that is no array"
                if item.external or item.is_virtual or item.chunks is not None:
                    return "an array that is compressed, or lies elsewhere"
                most -= item.nbytes
                if most < 0:
                    return "more numbers than it has room for"
    return None
