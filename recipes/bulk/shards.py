"""Which shards there are to read, and what is in one."""

from __future__ import annotations

import csv
import dataclasses
import fnmatch
import functools
import io
import re
from pathlib import Path, PurePosixPath

import numpy as np

from recipes.bulk.examples import from_record
from recipes.bulk.storage import Storage
from recipes.data.arrays import IMAGE_WORDS, LABEL_WORDS, as_images
from recipes.data.binarize import binarize_each
from recipes.data.decoding import Decoder, picture_suffixes
from recipes.data.every import load_every
from recipes.data.locations import require
from recipes.data.rows import Conversion
from recipes.data.tfrecord import from_tfrecord
from recipes.data.values import Scale, find_scale

# Picture files that make a shard.
PICTURES = 4096
# The column of which pixels are observed, (N, H, W) or (N, H, W, C).
OBSERVED = "observed"
# Of names as TFDS has them, too: mnist-test.tfrecord-00000-of-00001.
_KINDS = re.compile(r"\.(parquet|npz|tfrecord)(?:-\d+-of-\d+)?$")
_EIGHT_BITS = Scale(0, 255, 256, "pictures of 8 bits scaled to [0, 1]")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One piece of the work.

    Attributes:
        number: among all, from 0 on.
        stem: its name, without an ending.
        first, count: rows of a seed, where they are drawn.
        files: names of what is read, where they are: one shard, or pictures.
    """

    number: int
    stem: str
    first: int = 0
    count: int = 0
    files: tuple[str, ...] = ()


def shards_to_draw(num_rows, num_shards) -> list[Shard]:
    """So many rows of a seed in so many shards, as even as they can be.

    Raises:
        ValueError: if there are more shards than rows.
    """
    if num_shards > num_rows:
        raise ValueError(
            f"`--shards` must be at most the number of samples, {num_rows:,}; received "
            f"{num_shards:,}."
        )
    edges = [num_rows * i // num_shards for i in range(num_shards + 1)]
    return [
        Shard(i, _numbered(i, num_shards), edges[i], edges[i + 1] - edges[i])
        for i in range(num_shards)
    ]


def are_shards(data) -> bool:
    """Whether what a user named is shards, not a data set that is read as one.

    That is an address, a pattern, a file of Parquet or TFRecord, or a folder of shards.
    """
    text = str(data)
    if "://" in text or _has_pattern(text):
        return True
    path = Path(text).expanduser()
    if path.is_file():
        kind = _KINDS.search(path.name)
        return bool(kind and kind[1] != "npz")
    # Prepared data sets of TFDS lie in TFRecord files, too.
    return (
        path.is_dir()
        and not (path / "dataset_info.json").is_file()
        and any(_KINDS.search(name) for name in Storage(path).names())
    )


def find_shards(data) -> tuple[Storage, list[Shard]]:
    """The shards that a folder, an address or a pattern of files names.

    Files of Parquet, .npz and TFRecord are a shard each; of pictures, so many.

    Raises:
        ValueError: if there are none, or pictures beside others.
        OSError: if they cannot be listed.
    """
    text = str(data).rstrip("/")
    if "://" not in text:
        text = Path(text).expanduser().as_posix()
    folder, _, pattern = text.rpartition("/")
    while _has_pattern(folder):
        folder, _, above = folder.rpartition("/")
        pattern = f"{above}/{pattern}"
    if not (_has_pattern(text) or _KINDS.search(text)):
        folder, pattern = text, "*"
    storage = Storage(folder or ("/" if text.startswith("/") else "."))
    names = sorted(
        name
        for name in storage.names()
        if not any(part.startswith((".", "_")) for part in name.split("/"))
        and fnmatch.fnmatchcase(name, pattern)
    )
    files = [name for name in names if _KINDS.search(name)]
    pictures = [n for n in names if PurePosixPath(n).suffix.lower() in _suffixes()]
    if files and pictures:
        raise ValueError(
            f"{str(data)!r} holds shards ({files[0]}) and pictures ({pictures[0]}): "
            "give a pattern, such as '*.parquet', of those that are meant."
        )
    if files:
        stems = [_KINDS.sub("", name) for name in files]
        if len(set(stems)) < len(stems):  # such as those of TFDS
            stems = [name.replace(".", "-") for name in files]
        found = zip(stems, ((name,) for name in files), strict=True)
    else:
        parts = [pictures[i : i + PICTURES] for i in range(0, len(pictures), PICTURES)]
        found = ((_numbered(i, len(parts)), tuple(p)) for i, p in enumerate(parts))
    shards = [Shard(i, stem, files=part) for i, (stem, part) in enumerate(found)]
    if not shards:
        raise ValueError(
            f"{str(data)!r} names no shards: wanted files of .parquet, .npz or "
            ".tfrecord, or pictures."
        )
    return storage, shards


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads shards as images of one shape.

    Attributes:
        storage: where they lie.
        image_shape: (H, W, C) of the model.
        invert: turn black to white and white to black.
        binary: draw pixels to be 0 or 1, each image by itself, as a model of binary
            ones takes them.
        scale: of pixels that are plain numbers; None until `fitted`.
    """

    storage: Storage
    image_shape: tuple[int, int, int]
    invert: bool = False
    binary: bool = False
    scale: Scale | None = None

    def facts(self):
        """What images depend on beside their shards, as JSON."""
        scale = None if self.scale is None else [self.scale.low, self.scale.high]
        return {"scale": scale, "invert": self.invert, "binary": self.binary}

    def fitted(self, shard) -> Reader:
        """With the scale of this shard's pixels, which is that of all."""
        images, _, what = self._raw(shard)
        scale = _EIGHT_BITS if _are_encoded(images) else find_scale(images, what)
        return dataclasses.replace(self, scale=scale)

    def read(self, shard):
        """The images of a shard, and what else it says of each.

        Returns:
            float32 (N, H, W, C) in [0, 1]; {name: array (N,)} of the other columns
            that have one number or text a row, and of OBSERVED.

        Raises:
            ValueError: if it is damaged, or holds no images or others than the model's.
            OSError: if it cannot be read.
        """
        images, columns, what = self._raw(shard)
        scale = self.scale
        if _are_encoded(images):
            scale, decode = _EIGHT_BITS, Decoder(self.image_shape)
            names = columns.get("name", range(len(images)))
            planes = [
                decode(encoded, f"{what}, {name}").plane
                for encoded, name in zip(images, names, strict=True)
            ]
            images = np.stack(planes).reshape(len(planes), *self.image_shape)
        convert = Conversion(scale, tuple(self.image_shape), self.invert, what)
        images = convert(as_images(images, what))
        return binarize_each(images) if self.binary else images, columns

    def _raw(self, shard):
        """Images as they are, encoded or numbers; other columns; how errors say it."""
        what = f"{self.storage.url}/{shard.files[0]}"
        kind = _KINDS.search(shard.files[0])
        if not kind:
            encoded = [self.storage.read(name) for name in shard.files]
            return encoded, {"name": np.array(shard.files)}, self.storage.url
        columns = read_columns(self.storage, shard.files[0])
        name = _images_among(columns, what)
        images = columns.pop(name)
        count = len(images)
        kept = {n: a for n, a in columns.items() if _is_kept(n, a, count)}
        return images, kept, what


@dataclasses.dataclass(frozen=True)
class WholeSet:
    """Reads a data set by name, or an .npz file, as one shard: its test images.

    Attributes:
        source: what `recipes.data.load_images` takes.
        data_dir: of prepared data sets.
        image_shape, invert, binary: as in `Reader`.
    """

    source: str
    data_dir: Path | None
    image_shape: tuple[int, int, int]
    invert: bool = False
    binary: bool = False

    def shards(self):
        """The one there is."""
        return [Shard(0, re.sub(r"\W+", "-", Path(self.source).stem).strip("-"))]

    def facts(self):
        """What images depend on, as JSON."""
        return {"data": self.source, "invert": self.invert, "binary": self.binary}

    def read(self, shard):
        """As `Reader.read`."""
        every = load_every(
            self.source,
            image_shape=self.image_shape,
            data_dir=self.data_dir,
            invert=self.invert,
        )
        columns = {"name": np.array(every.names)}
        if every.labels is not None:
            columns["label"] = every.labels
        images = every.images
        return binarize_each(images) if self.binary else images, columns


def read_columns(storage, name):
    """{column: array, or list of bytes} of a shard, or of the table beside pictures.

    Raises:
        ValueError: if it is damaged.
        OSError: if it cannot be read.
    """
    what = f"{storage.url}/{name}"
    kind = "csv" if name.endswith(".csv") else _KINDS.search(name)[1]
    with storage.open(name) as file:
        try:
            return _READERS[kind](file, what)
        except OSError:
            raise
        except Exception as error:  # whatever the parsers stumble on
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            raise ValueError(f"{what!r} cannot be read: {reason}") from error


def labels_among(columns):
    """The column of labels, or None."""
    return next((columns[word] for word in LABEL_WORDS if word in columns), None)


def _parquet(file, what):
    table = require("pyarrow.parquet", "ray").read_table(file)
    return {name: _column(table[name], name, what) for name in table.column_names}


def _column(column, name, what):
    """A column as an array, or as a list of bytes: encoded pictures."""
    arrow = require("pyarrow", "ray")
    column = column.combine_chunks()
    if isinstance(column, arrow.ChunkedArray):  # of an empty table
        column = arrow.concat_arrays(column.chunks)
    kind = column.type
    if arrow.types.is_struct(kind) and "bytes" in {field.name for field in kind}:
        column = column.field("bytes")  # pictures as the `datasets` package has them
    if arrow.types.is_binary(column.type) or arrow.types.is_large_binary(column.type):
        return column.to_pylist()
    if isinstance(kind, arrow.FixedShapeTensorType):
        return column.to_numpy_ndarray()
    if arrow.types.is_nested(kind):
        return np.array(column.to_pylist())
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        return np.array(column.to_pylist(), str)
    return column.to_numpy(zero_copy_only=False)


def _npz(file, what):
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _tfrecord(file, what):
    rows = [from_record(r, what) for r in from_tfrecord(file.read(), repr(what))]
    columns = {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows]
        if isinstance(values[0], list):  # of bytes
            firsts = [value[0] for value in values]
            texts = name not in IMAGE_WORDS and all(len(value) == 1 for value in values)
            columns[name] = _texts(firsts) if texts else firsts
        elif all(len(value) == 1 for value in values):
            columns[name] = np.concatenate(values)
    return columns


def _csv(file, what):
    header, *rows = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
    return {
        name: _numbers(column)
        for name, column in zip(header, zip(*rows, strict=True), strict=True)
    }


def _numbers(texts):
    """A column of a table as numbers or truths, where all of it is."""
    if set(texts) <= {"True", "False"}:
        return np.array([text == "True" for text in texts])
    try:
        return np.array(texts, np.float64)
    except ValueError:
        return np.array(texts)


_READERS = {"csv": _csv, "npz": _npz, "parquet": _parquet, "tfrecord": _tfrecord}


def _texts(values):
    """Texts, or what are none: encoded pictures under another name."""
    try:
        return np.array([value.decode() for value in values])
    except UnicodeDecodeError:
        return values


def _images_among(columns, what):
    """The name of the images: by its words, or the only one that can be images."""
    lower = {name.lower(): name for name in columns}
    for word in (*IMAGE_WORDS, "image/encoded"):
        if word in lower:
            return lower[word]
    able = [n for n, c in columns.items() if _are_encoded(c) or np.ndim(c) in (3, 4)]
    if len(able) != 1:
        raise ValueError(
            f"{what!r} must have one column of images, called image, images or x; it "
            f"has {', '.join(columns) or 'nothing'}."
        )
    return able[0]


def _is_kept(name, column, count):
    """Whether it has one number or text a row; or tells which pixels are observed."""
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "biufU":
        return False
    ranks = (3, 4) if name == OBSERVED else (1,)
    return len(column) == count and column.ndim in ranks


def _are_encoded(images):
    return isinstance(images, list)


def _numbered(number, count):
    return f"part-{number:05}-of-{count:05}"


def _has_pattern(text):
    return any(sign in text for sign in "*?[")


@functools.cache
def _suffixes():
    return picture_suffixes()
