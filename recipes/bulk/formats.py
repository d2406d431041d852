"""How the rows of a shard are written: Parquet, .npz, TFRecord or PNG.

Columns are arrays of as many rows: numbers, texts, vectors, and pictures, uint8
(N, H, W, C) or, of several a row, (N, K, H, W, C).
"""

from __future__ import annotations

import csv
import io
from typing import Literal, get_args

import numpy as np

from recipes.bulk.examples import to_record
from recipes.data.locations import require
from recipes.data.tfrecord import to_tfrecord

Format = Literal["parquet", "npz", "tfrecord", "png"]
FORMATS: tuple[str, ...] = get_args(Format)


def suffix(kind) -> str:
    """How the name of a shard ends; of pictures, that of the table beside them."""
    return ".csv" if kind == "png" else f".{kind}"


def levels(images) -> np.ndarray:
    """Pixels in [0, 1] as the nearest of 256 levels, uint8."""
    return np.rint(np.asarray(images) * 255).astype(np.uint8)


def write_shard(storage, stem, kind, columns) -> int:
    """Writes the rows of a shard, and gives how many bytes that took.

    What has the shard's own name is written last: a shard that has one is whole.

    Args:
        storage: `recipes.bulk.storage.Storage`.
        stem: the name without its ending.
        kind: one of FORMATS. Of "png" each picture, also of numbers in [0, 1], is a
            file in a folder of the shard's name, and the other columns are in a table
            beside it.
        columns: {name: array}.

    Raises:
        ValueError: if there is something to write that the format has no place for.
        OSError: if it cannot be written.
    """
    pictures = {}
    if kind == "png":
        pictures, columns = _apart(stem, columns)
    content = _WRITERS[kind](columns)
    size = len(content)
    for name, picture in pictures.items():
        encoded = _png(picture)
        storage.write(name, encoded)
        size += len(encoded)
    storage.write(stem + suffix(kind), content)
    return size


def _parquet(columns) -> bytes:
    """Pictures and vectors are tensors of a fixed shape, which Arrow has a type for."""
    arrow, parquet = (require(name, "ray") for name in ("pyarrow", "pyarrow.parquet"))

    def column(array):
        array = np.ascontiguousarray(array)
        if array.ndim == 1:
            return arrow.array(array.tolist() if array.dtype.kind in "US" else array)
        if array.dtype == bool:  # of which Arrow has no tensors
            array = array.astype(np.uint8)
        return arrow.FixedShapeTensorArray.from_numpy_ndarray(array)

    table = arrow.table({name: column(array) for name, array in columns.items()})
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def _npz(columns) -> bytes:
    file = io.BytesIO()
    np.savez(file, **columns)
    return file.getvalue()


def _tfrecord(columns) -> bytes:
    """One tf.train.Example a row; its pictures are PNGs, as TFDS has them."""

    def value(array, row):
        if _are_pictures(array):
            return [_png(picture) for picture in _pictures(array[row])]
        return str(array[row]) if array.dtype.kind in "US" else array[row]

    count = len(next(iter(columns.values())))
    rows = ({n: value(a, i) for n, a in columns.items()} for i in range(count))
    return to_tfrecord(map(to_record, rows))


def _table(columns) -> bytes:
    if wide := [name for name, array in columns.items() if array.ndim > 1]:
        raise ValueError(
            f"Pictures have no place for {', '.join(wide)}: give --format parquet, npz "
            "or tfrecord."
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(array.tolist() for array in columns.values()), strict=True))
    return text.getvalue().encode()


_WRITERS = {"parquet": _parquet, "npz": _npz, "tfrecord": _tfrecord, "png": _table}


def _apart(stem, columns):
    """Pictures by the names of their files, and columns with those in their place."""
    pictures, rest = {}, {}
    for column, array in columns.items():
        rest[column] = array
        if array.dtype.kind == "f" and array.ndim in (4, 5):
            array = levels(array)
        if not _are_pictures(array):
            continue
        names = []
        for row in range(len(array)):
            name = f"{stem}/{column}-{row:06}"
            draws = _pictures(array[row])
            ends = [f"-{k:03}" for k in range(len(draws))] if array.ndim > 4 else [""]
            pictures |= {
                f"{name}{end}.png": draw for end, draw in zip(ends, draws, strict=True)
            }
            names.append(f"{name}{'-*' if array.ndim > 4 else ''}.png")
        rest[column] = np.array(names, str)
    return pictures, rest


def _are_pictures(array):
    return array.dtype == np.uint8 and array.ndim in (4, 5)


def _pictures(row):
    return row if row.ndim == 4 else row[None]


def _png(picture) -> bytes:
    image_class = require("PIL.Image", "ray")
    file = io.BytesIO()
    plane = picture[..., 0] if picture.shape[-1] == 1 else picture
    image_class.fromarray(np.ascontiguousarray(plane)).save(file, "png")
    return file.getvalue()
