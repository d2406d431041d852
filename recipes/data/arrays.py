"""NumPy arrays, dictionaries of arrays, and `.npz` files as sources of images."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recipes.data.labels import as_labels
from recipes.data.on_disk import BLOCK, DiskArray
from recipes.data.source import Part, Source

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}
IMAGE_WORDS = ("x", "images", "image", "imgs", "data")
LABEL_WORDS = ("y", "labels", "label", "targets", "target", "classes", "class")


def from_arrays(images, labels=None, name: str = "arrays") -> Source:
    """A source of one array (N, H, W, C) or (N, H, W), with labels (N,) or none.

    Raises:
        ValueError: if the array is empty, of the wrong rank or not of numbers.
    """
    images = as_images(images, name)
    if labels is not None:
        labels = as_labels(labels, len(images), name)
    return Source(name, ("train",), lambda split: Part(images, labels))


def from_npz(path: Path, memory: float = np.inf) -> Source:
    """A source of the arrays in an `.npz` file; nothing in it is unpickled.

    Args:
        path: the file.
        memory: bytes that an array may take as float32; a larger one goes from the
            archive to a temporary file of its own.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, or holds no array of images.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    return from_mapping(_NpzFile(path, memory), repr(str(path)))


def from_mapping(arrays: Mapping, name: str = "arrays") -> Source:
    """A source of named arrays: `x_train`, `y_train`, `x_test`, ..., or `images`.

    Raises:
        ValueError: if there is no array of images among them.
    """
    keys = {str(key).lower(): key for key in arrays}
    image_keys = {
        split: key
        for split in _SPLIT_WORDS
        if (key := _find(keys, split, IMAGE_WORDS, alone=True)) is not None
    }
    if "train" not in image_keys:
        image_keys = {"train": _single(arrays, keys, name)}
    splits = tuple(image_keys)
    label_keys = {split: _find(keys, split, LABEL_WORDS) for split in splits}
    if len(splits) == 1 and label_keys["train"] is None:
        label_keys["train"] = next((keys[w] for w in LABEL_WORDS if w in keys), None)

    def read(split: str) -> Part:
        key = image_keys[split]
        images = as_images(_get(arrays, key, name), f"{name}[{key!r}]")
        label_key = label_keys[split]
        if label_key is None:
            return Part(images)
        try:
            found = _get(arrays, label_key, name)
            labels = as_labels(found, len(images), f"{name}[{label_key!r}]")
        except ValueError as error:
            return Part(images, None, [f"labels left out: {error}"])
        return Part(images, labels)

    note = ", ".join(f"{split} from {key!r}" for split, key in image_keys.items())
    notes = [f"{name}: {note}"]
    used = {*image_keys.values(), *label_keys.values()}
    unused = [repr(key) for key in arrays if key not in used]
    if unused:
        notes.append(f"{name}: not used: {', '.join(unused)}")
    return Source(name, splits, read, notes)


def as_images(array, what: str) -> np.ndarray | DiskArray:
    """An array as (N, H, W, C), unscaled; one on disk as it is.

    Raises:
        ValueError: if it is empty, of the wrong rank, or not of real numbers.
    """
    array = array if isinstance(array, DiskArray) else np.asarray(array)
    if array.dtype.kind not in "buif":
        raise ValueError(
            f"The images of {what} must be real numbers, received {array.dtype}."
        )
    if array.ndim not in (3, 4):
        raise ValueError(
            f"The images of {what} must have shape (N, H, W, C) or (N, H, W), received "
            f"{array.shape}."
        )
    if array.size == 0:
        raise ValueError(f"The images of {what} are empty, of shape {array.shape}.")
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 4:
        raise ValueError(
            f"The images of {what} have shape {array.shape}, which looks like "
            "(N, C, H, W): transpose them to (N, H, W, C)."
        )
    return array[..., None] if array.ndim == 3 else array


class _NpzFile(Mapping):
    """The arrays of an `.npz` file; it is open only while one of them is read."""

    def __init__(self, path: Path, memory: float):
        self._path, self._memory = path, memory
        try:
            # `np.load(path)` leaves its file open where the archive is damaged.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                self._keys = list(archive.keys())
        # Damage shows as whatever zipfile, zlib or NumPy's parser of headers raise.
        except Exception as error:
            raise ValueError(
                f"{str(path)!r} is not a readable .npz file of plain arrays ({error})."
            ) from error

    def __getitem__(self, key):
        if (large := self._on_disk(key)) is not None:
            return large
        with self._path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays[key]

    def _on_disk(self, key) -> DiskArray | None:
        """A large array of images, copied to the disk some rows at a time."""
        with zipfile.ZipFile(self._path) as archive:
            with archive.open(f"{key}.npy") as file:
                version = np.lib.format.read_magic(file)
                if version not in _HEADERS:
                    return None
                shape, fortran_order, dtype = _HEADERS[version](file)
                plain = dtype.kind in "buif" and not fortran_order
                wanted = plain and len(shape) in (3, 4) and math.prod(shape)
                if not wanted or 4 * math.prod(shape) <= self._memory:
                    return None
                row = shape[1:] if len(shape) == 4 else (*shape[1:], 1)
                rows = DiskArray(row, dtype)
                for start in range(0, shape[0], BLOCK):
                    count = min(BLOCK, shape[0] - start)
                    block = np.frombuffer(
                        file.read(count * math.prod(row) * dtype.itemsize), dtype
                    )
                    rows.append(block.reshape(count, *row))
                return rows

    def __iter__(self):
        return iter(self._keys)

    def __len__(self):
        return len(self._keys)


def _find(keys, split, words, alone=False):
    """The key that says both the split and one of the words, such as `train_images`."""
    for name in _SPLIT_WORDS[split]:
        candidates = [f"{w}_{name}" for w in words] + [f"{name}_{w}" for w in words]
        for candidate in candidates + ([name] if alone else []):
            if candidate in keys:
                return keys[candidate]
    return None


def _single(arrays, keys, name):
    """The key of the only images there are: by its name, or else by its rank."""
    for word in IMAGE_WORDS:
        if word in keys:
            return keys[word]
    for key in keys.values():
        array = _get(arrays, key, name)
        array = array if isinstance(array, DiskArray) else np.asarray(array)
        if array.ndim in (3, 4) and array.dtype.kind in "buif":
            return key
    raise ValueError(
        f"{name} holds no array of images: wanted `x_train`, `images`, `x` or any "
        f"array of 3 or 4 dimensions, found {sorted(keys) or 'nothing'}."
    )


def _get(arrays, key, name):
    try:
        return arrays[key]
    except Exception as error:  # a damaged or pickled member of the archive
        raise ValueError(f"{name}[{key!r}] cannot be read ({error}).") from error
