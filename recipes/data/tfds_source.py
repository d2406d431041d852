"""Prepared TensorFlow Datasets as sources of images, with or without TensorFlow.

Pictures are always decoded by Pillow, so every environment sees the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recipes.data.examples import FeatureKeys, feature_keys, from_examples
from recipes.data.locations import require
from recipes.data.source import GRID_IMAGES, Source
from recipes.data.tfds_builders import own_splits, prepared_builder, read_examples


def from_tfds(
    name: str,
    image_shape=None,
    data_dir=None,
    download=False,
    limit=GRID_IMAGES,
    memory: float = np.inf,
) -> Source:
    """A source of a data set that TFDS knows, or that is prepared in the folder.

    Args:
        name: "name", "name:version" or "name/configuration:version".
        image_shape: (height, width, channels) to resize to, or `None`.
        data_dir: folder of prepared data sets, see `locations.data_folder`.
        download: if the data set is not prepared there, let TFDS download it.
        limit: images read of each split if the data set has factors, or `None` for all.
        memory: as in `from_examples`.

    Raises:
        ValueError: if there is no such data set, or it has no images.
        FileNotFoundError: if it is not prepared and `download` is false.
        RuntimeError: if the download fails.
        ImportError: if `tensorflow_datasets` is missing, or TensorFlow to prepare with.
    """
    builder = prepared_builder(name, data_dir, download, feature_keys)
    return from_builder(builder, image_shape, limit, memory)


def from_prepared(
    folder: Path, image_shape=None, limit=GRID_IMAGES, memory: float = np.inf
) -> Source:
    """A source of one prepared data set: the folder with its `dataset_info.json`.

    Raises:
        ValueError: if the folder is damaged or the data set has no images.
        ImportError: if `tensorflow_datasets` is not installed.
    """
    tfds = require("tensorflow_datasets")
    try:
        builder = tfds.builder_from_directory(str(folder))
    except Exception as error:  # whatever TFDS's JSON reading stumbles on
        raise ValueError(
            f"{str(folder)!r} is not a readable prepared data set "
            f"({type(error).__name__}: {error})."
        ) from error
    return from_builder(builder, image_shape, limit, memory)


def from_builder(
    builder, image_shape=None, limit=GRID_IMAGES, memory: float = np.inf
) -> Source:
    """A source of a `tfds.core.DatasetBuilder` whose data is prepared.

    Args:
        builder: the builder.
        image_shape: (height, width, channels) to resize to, or `None`.
        limit, memory: as in `from_tfds`.

    Raises:
        ValueError: if it has no images or no training split.
    """
    info = builder.info
    name = f"{builder.name}:{builder.version}"
    splits = own_splits(builder)
    note = f"{name}, prepared in {str(builder.data_dir)!r}"

    counts = {split: info.splits[split].num_examples for split in splits}

    def examples(split: str, keys: FeatureKeys) -> Iterator[dict]:
        chosen = _some_of(counts[split], limit) if keys.factors else None
        return _examples(builder, split, keys, chosen)

    source = from_examples(builder, splits, examples, image_shape, note, memory)
    for split, count in counts.items():
        if source.factor_names and limit is not None and count > limit:
            source.notes.append(
                f"{limit:,} of the {count:,} images of {name} ({split}), drawn once "
                "(seed 0): recipes.data.load_factor_grid has all of them"
            )
    return source


def _some_of(count: int, limit: int | None) -> np.ndarray | None:
    """`limit` of `count` indices, drawn once and sorted; `None` for all of them."""
    if limit is None or count <= limit:
        return None
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False))


def _examples(builder, split: str, keys: FeatureKeys, chosen=None) -> Iterator[dict]:
    """The examples of a split, or the `chosen`; the image in each still encoded."""
    tfds = require("tensorflow_datasets")
    decoders = {keys.image: tfds.decode.SkipDecoding()}
    wanted = [keys.image, *([keys.label] if keys.label else []), *keys.factors]
    yield from read_examples(builder, split, wanted, decoders, chosen)
