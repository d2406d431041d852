"""Weights as the bytes of an HDF5 file: written and read in memory alone.

The HDF5 library crashes the process where a disk is full, and follows what a file says
about other files.
"""

import contextlib
import io
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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


class Held(NamedTuple):
    """What a file of weights holds: numbers, in so many arrays."""

    numbers: int
    arrays: int


# Of a model without a file of weights.
AT_MOST = Held(2**28, 2**15)


def held_in(path: Path) -> Held:
    """What a file of weights holds, if it is what a preset saves.

    HDF5 files may point into other files, to themselves, and to more numbers than they
    hold: what Keras saves does not, and is as large as its numbers.

    Raises:
        ValueError: saying what else it holds.
    """
    numbers = arrays = 0
    most = path.stat().st_size
    with h5py.File(path, "r") as file:
        seen: set[object] = {file["/"]}
        groups: list[h5py.Group] = [file]
        while groups:
            group = groups.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError("a link to another place")
                item = group[name]
                if item in seen:
                    raise ValueError("a part in two places")
                seen.add(item)
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                if not isinstance(item, h5py.Dataset):
                    raise ValueError("a part that is no array")
                if item.external or item.is_virtual or item.chunks is not None:
                    raise ValueError("an array that is compressed, or lies elsewhere")
                most -= item.nbytes
                if most < 0:
                    raise ValueError("more numbers than it has room for")
                numbers, arrays = numbers + item.size, arrays + 1
    return Held(numbers, arrays)


_loading = threading.RLock()


@contextlib.contextmanager
def no_more_than(held: Held) -> Iterator[None]:
    """While a model is made, its layers have no more weights than a file holds.

    A few bytes of a configuration can ask for any amount of memory. What Keras offers
    to be told of a weight comes after it was allocated: for this thread, and as long as
    this lasts, `Layer.add_weight` counts first. Twice what the file holds is allowed,
    as Keras makes some layers anew.

    Raises:
        ValueError: by the layer that goes beyond.
    """
    left = Held(2 * held.numbers + 1000, 2 * held.arrays + 100)
    thread = threading.get_ident()

    def counted(self, *args, **kwargs):
        nonlocal left
        if threading.get_ident() == thread:
            shape = args[0] if args else kwargs.get("shape")
            left = Held(left.numbers - math.prod(shape or ()), left.arrays - 1)
            if min(left) < 0:
                raise ValueError(
                    f"it has more weights than twice the {held.numbers:,} numbers, in "
                    f"{held.arrays:,} arrays, that there are for it."
                )
        return add_weight(self, *args, **kwargs)

    with _loading:
        add_weight = keras.layers.Layer.add_weight
        keras.layers.Layer.add_weight = counted
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight
