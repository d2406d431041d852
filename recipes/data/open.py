"""Which kind of source is meant."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recipes.data import emoji
from recipes.data.arrays import from_arrays, from_mapping, from_npz
from recipes.data.folders import from_folder
from recipes.data.locations import data_folder
from recipes.data.source import GRID_IMAGES, Source

# Those that TFDS does not know.
_OWN = {"images": ("digits", "emoji", "sprites"), "texts": ("phrases", "wordnet")}
# "mnist", "emnist/letters", "cifar10:3.0.2"
_TFDS_NAME = re.compile(r"[a-zA-Z]\w*(/[\w.+-]+)?(:\d+\.\d+\.\d+)?")


def named_data_set(name, data_dir=None, noun="images") -> str:
    """The name of the data set that a preset says it was made for.

    Whoever made a preset must not have folders of this machine read: what it names is a
    data set, embedded or of TFDS, and nothing else.

    Args:
        name: what the preset says.
        data_dir: folder of prepared TFDS data sets.
        noun: what they are wanted for, "images" or "texts".

    Raises:
        ValueError: if it is no such name, or also that of a folder here.
    """
    if name in _OWN[noun]:
        return name
    if isinstance(name, str) and _TFDS_NAME.fullmatch(name):
        prepared = (data_folder(data_dir) / name).is_dir()
        if prepared or not Path(name).exists():
            return name
    raise ValueError(
        f"The preset was made for {noun} of {name!r}, which names no data set: give "
        "them, or others, with --data."
    )


def open_source(
    source,
    image_shape=None,
    data_dir=None,
    download=False,
    limit=GRID_IMAGES,
    strict=False,
    memory=np.inf,
) -> Source:
    """Tells a name from a folder, a file and arrays, and opens it.

    Arguments and errors are those of `load_images`; `limit` is that of
    `tfds_source.from_tfds`, and `memory` is in bytes.
    """
    if isinstance(source, np.ndarray):
        return from_arrays(source)
    if isinstance(source, tuple) and len(source) == 2:
        return from_arrays(*source)
    if isinstance(source, Mapping):
        return from_mapping(source)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "`source` must be the name of a data set, a folder, an .npz file, a NumPy "
            "array, a tuple (images, labels) or a dict of arrays, received "
            f"{type(source).__name__}."
        )
    if not os.fspath(source).strip():
        raise ValueError("`source` must name a data set, a folder or a file, it is ''.")
    path = Path(source).expanduser()
    if path.suffix.lower() == ".npz":
        return from_npz(path, memory)
    if source == "digits":
        # Here, not above: importing these imports tensorflow_datasets.
        from recipes.data.digits import digits_source

        return digits_source(image_shape, data_dir)
    if source == "sprites":
        from recipes.data.sprites_builder import sprites_source

        return sprites_source(image_shape, data_dir)
    # A folder of that name is a folder, unless the package is there.
    if source == "emoji" and (emoji.is_there(data_dir) or not path.is_dir()):
        return emoji.emoji_source(image_shape, data_dir, memory)
    from recipes.data.tfds_source import from_prepared, from_tfds

    # A folder "mnist" in the working directory does not hide the data set.
    prepared = path.name == str(source) and (data_folder(data_dir) / path).is_dir()
    if path.is_dir() and not prepared:
        if (path / "dataset_info.json").is_file():
            return from_prepared(path, image_shape, limit, memory)
        return from_folder(path, image_shape, strict, memory)
    if path.is_file():
        raise ValueError(
            f"{str(path)!r} is a file, wanted a folder of images or an .npz file."
        )
    if isinstance(source, str) and _TFDS_NAME.fullmatch(source):
        return from_tfds(source, image_shape, data_dir, download, limit, memory)
    raise FileNotFoundError(f"There is no folder {str(path)!r}.")
