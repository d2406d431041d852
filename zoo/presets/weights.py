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
import numpy as np

from zoo.presets.files import WEIGHTS


class _InMemory(io.BytesIO):
    """What Keras takes for a file: it asks its name alone for what is to be in it."""

    def __str__(self):
        return WEIGHTS


def round_to_half(model: keras.Model) -> None:
    """Rounds a model's weights to half precision, so that its file is half as large.

    Each number keeps 11 bits, a relative error of at most 0.05 %. The model computes as
    before, in its own dtype: what it scores then is what is saved. Arrays with numbers
    beyond 65,504, and of whole numbers, stay as they are.

    Args:
        model: a model of the zoo.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.DenseVAE((8, 8, 1), latent_dim=2, hidden_units=(8,), seed=0)
    >>> zoo.presets.round_to_half(model)
    >>> kernel = max(model.get_weights(), key=np.size)
    >>> bool(np.all(kernel == kernel.astype("float16")))
    True
    """
    weights = model.get_weights()
    for number, weight in enumerate(weights):
        if weight.dtype == np.float32 and _fits_half(rounded := _rounded(weight)):
            weights[number] = rounded
    model.set_weights(weights)


def _rounded(array):
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def _fits_half(array):
    """Whether half precision holds an array exactly."""
    return np.isfinite(array).all() and np.array_equal(_rounded(array), array)


def weights_bytes(model: keras.Model) -> tuple[bytes, bool]:
    """The content of the file that `model.save_weights` writes.

    Of a model all of whose weights half precision holds exactly, as `round_to_half`
    makes them, the file has them so: half the bytes of the same numbers.

    Returns:
        the content, and whether it is in half precision.

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
    singles = [item[()] for item in _datasets(file) if item.dtype == "f4"]
    if singles and all(map(_fits_half, singles)):
        return _halved(file).getvalue(), True
    return file.getvalue(), False


def _datasets(file):
    found = []

    def collect(_, item):
        if isinstance(item, h5py.Dataset):
            found.append(item)

    file.seek(0)
    opened = h5py.File(file)
    opened.visititems(collect)
    return found


def _halved(file):
    """The same file, its arrays of single precision in half precision."""
    halved = _InMemory()
    with h5py.File(file) as source, h5py.File(halved, "w") as target:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                array = item[()]
                half = array.astype("f2") if item.dtype == "f4" else array
                copied = target.create_dataset(name, data=half)
            else:
                copied = target.create_group(name)
            copied.attrs.update(item.attrs)

        target.attrs.update(source.attrs)
        source.visititems(copy)
    return halved


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
                numbers, arrays = numbers + int(item.size or 0), arrays + 1
    return Held(numbers, arrays)


_loading = threading.RLock()


@contextlib.contextmanager
def no_more_than(held: Held) -> Iterator[None]:
    """While a model is made, it has no more weights and layers than belong to a file.

    A few bytes of a configuration can ask for any amount of memory. What Keras offers
    to be told of a weight comes after it was allocated: for this thread, and as long as
    this lasts, `Layer.add_weight` and `Layer.__init__` count first. Twice the weights
    of the file are allowed, as Keras makes some layers anew, and many a layer without.

    Raises:
        ValueError: by the layer that goes beyond.
    """
    left = {
        "numbers": 2 * held.numbers + 1000,
        "arrays": 2 * held.arrays + 100,
        "layers": 40 * held.arrays + 1000,
    }
    thread = threading.get_ident()

    def take(what, count):
        if threading.get_ident() == thread:
            left[what] -= count
            if left[what] < 0:
                raise ValueError(
                    f"it asks for more {what} than a model of {held.numbers:,} weights "
                    f"in {held.arrays:,} arrays has, which is what there is for it."
                )

    with _loading:
        layer = keras.layers.Layer
        add_weight, init = layer.add_weight, layer.__init__

        def counted_weight(self, *args, **kwargs):
            shape = args[0] if args else kwargs.get("shape")
            take("numbers", math.prod(shape or ()))
            take("arrays", 1)
            return add_weight(self, *args, **kwargs)

        def counted_init(self, *args, **kwargs):
            take("layers", 1)
            init(self, *args, **kwargs)

        layer.add_weight, layer.__init__ = counted_weight, counted_init
        try:
            yield
        finally:
            layer.add_weight, layer.__init__ = add_weight, init
