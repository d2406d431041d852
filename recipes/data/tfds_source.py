"""Prepared TensorFlow Datasets as sources of images, with or without TensorFlow.

TFDS reads its own metadata and ArrayRecord files without TensorFlow, but not TFRecord
files, in which most data sets are prepared. Those are read by `tfrecord.py`. Pictures
are always decoded by Pillow, so every environment sees the same pixels.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recipes.data.examples import FeatureKeys, feature_keys, from_examples
from recipes.data.locations import data_folder, prepared_datasets, require
from recipes.data.source import GRID_IMAGES, Source
from recipes.data.tfrecord import read_tfrecord

# Made by the project, there without network and folder.
EMBEDDED = ("digits", "sprites")


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
    tfds = require("tensorflow_datasets")
    folder = data_folder(data_dir)
    builder = _builder(tfds, name, folder)
    if not _is_prepared(builder):
        feature_keys(builder.info, name)  # nobody should download a data set of text
        if not download:
            raise _not_prepared(name, folder)
        _download(builder, name, folder)
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
    splits = tuple(s for s in ("train", "validation", "test") if s in info.splits)
    if "train" not in splits:
        raise ValueError(
            f"The data set {name} has no split 'train', its splits are "
            f"{sorted(info.splits)}."
        )
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


def _builder(tfds, name: str, folder: Path):
    # TFDS's own names, looked at only to help with a misspelled one.
    try:
        return tfds.builder(name, data_dir=str(folder))
    except tfds.core.DatasetNotFoundError as error:
        known = {*tfds.list_builders(with_community_datasets=False), *EMBEDDED}
        known |= {prepared.split(":")[0] for prepared in prepared_datasets(folder)}
        base = name.split(":")[0]
        close = difflib.get_close_matches(base, sorted(known), n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(
            f"There is no data set {name!r}, and no folder or .npz file of that "
            f"name{hint or '.'}"
        ) from error
    # A configuration or version that does not exist is a ValueError or AssertionError.
    except Exception as error:
        configs = sorted(tfds.builder_cls(re.split("[/:]", name)[0]).builder_configs)
        choices = f" (configurations: {', '.join(configs)})" if configs else ""
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(f"TFDS does not open {name!r}: {reason}{choices}") from error


def _is_prepared(builder) -> bool:
    # `builder.is_prepared()` logs a warning where the answer is no.
    return (Path(builder.data_dir) / "dataset_info.json").is_file()


def _not_prepared(name: str, folder: Path) -> FileNotFoundError:
    there = prepared_datasets(folder)
    if there:
        found = f"it holds {', '.join(there)}"
    else:
        found = "it holds no data set" if folder.is_dir() else "it does not exist"
    return FileNotFoundError(
        f"The data set {name!r} is not prepared in {str(folder)!r} ({found}): name the "
        "folder that has it with --data-dir (`data_dir`) or TFDS_DATA_DIR, or, in "
        "Python, allow the download with `load_images(..., download=True)`."
    )


def _download(builder, name: str, folder: Path) -> None:
    # Said before anything is downloaded: TFDS notices only when it starts to write.
    if importlib.util.find_spec("tensorflow") is None:
        raise ImportError(
            f"Preparing {name!r} needs TensorFlow, though reading it does not; install "
            'it once with: pip install "vae-zoo[data,tensorflow]"'
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # no network, no space, a checksum, a moved page, ...
        raise RuntimeError(
            f"TFDS could not download and prepare {name!r} in {str(folder)!r} "
            f"({type(error).__name__}: {error})."
        ) from error


def _some_of(count: int, limit: int | None) -> np.ndarray | None:
    """`limit` of `count` indices, drawn once and sorted; `None` for all of them."""
    if limit is None or count <= limit:
        return None
    return np.sort(np.random.default_rng(0).choice(count, limit, replace=False))


def _examples(builder, split: str, keys: FeatureKeys, chosen=None) -> Iterator[dict]:
    """The examples of a split, or the `chosen`; the image in each still encoded."""
    tfds = require("tensorflow_datasets")
    info = builder.info
    decoders = {keys.image: tfds.decode.SkipDecoding()}
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        source = builder.as_data_source(split, decoders=decoders)
        yield from source if chosen is None else (source[int(i)] for i in chosen)
        return
    wanted = [keys.image, *([keys.label] if keys.label else []), *keys.factors]
    # Parsing the wanted features only: some data sets carry dozens.
    features = tfds.features.FeaturesDict({key: info.features[key] for key in wanted})
    shards, start = info.splits[split], 0
    for path, length in zip(shards.filepaths, shards.shard_lengths, strict=True):
        try:
            records = read_tfrecord(path)
        except FileNotFoundError:
            raise ValueError(f"The prepared data set lacks {str(path)!r}.") from None
        if len(records) != length:
            raise ValueError(
                f"{str(path)!r} holds {len(records)} images, its data set says "
                f"{length}."
            )
        if chosen is not None:
            first, last = np.searchsorted(chosen, (start, start + length))
            records = [records[i - start] for i in chosen[first:last]]
            start += length
        for record in records:
            yield features.deserialize_example_np(record, decoders=decoders)
