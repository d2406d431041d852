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

from recipes.data.labels import as_labels
from recipes.data.locations import data_folder, prepared_datasets, require
from recipes.data.pictures import Pictures
from recipes.data.source import Part, Source
from recipes.data.tfrecord import read_tfrecord


def from_tfds(name: str, image_shape=None, data_dir=None, download=False) -> Source:
    """A source of a data set that TFDS knows, or that is prepared in the folder.

    Args:
        name: "name", "name:version" or "name/configuration:version".
        image_shape: (height, width, channels) to resize to, or `None`.
        data_dir: folder of prepared data sets, see `locations.data_folder`.
        download: if the data set is not prepared there, let TFDS download it.

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
        _feature_keys(builder.info, name)  # nobody should download a data set of text
        if not download:
            raise _not_prepared(name, folder)
        _download(builder, name, folder)
    return from_builder(builder, image_shape)


def from_prepared(folder: Path, image_shape=None) -> Source:
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
    return from_builder(builder, image_shape)


def from_builder(builder, image_shape=None) -> Source:
    """A source of a `tfds.core.DatasetBuilder` whose data is prepared.

    Raises:
        ValueError: if it has no images or no training split.
    """
    info = builder.info
    name = f"{builder.name}:{builder.version}"
    image_key, label_key = _feature_keys(info, name)
    splits = tuple(s for s in ("train", "validation", "test") if s in info.splits)
    if "train" not in splits:
        raise ValueError(
            f"The data set {name} has no split 'train', its splits are "
            f"{sorted(info.splits)}."
        )
    label = info.features[label_key] if label_key else None

    def read(split: str) -> Part:
        pictures = Pictures(image_shape)
        labels = []
        for i, example in enumerate(_examples(builder, split, image_key, label_key)):
            pictures.add(example[image_key], f"{name}, {split} image {i}")
            labels.append(example[label_key] if label_key else None)
        if not labels:
            raise ValueError(f"The split {split!r} of {name} is empty.")
        array = as_labels(labels, len(labels), name) if label_key else None
        return Part(pictures.array(), array, pictures.notes())

    return Source(
        name=builder.name,
        splits=splits,
        read=read,
        notes=[f"{name}, prepared in {str(builder.data_dir)!r}"],
        class_names=tuple(label.names) if getattr(label, "names", None) else None,
        license=info.redistribution_info.license or None,
    )


def _builder(tfds, name: str, folder: Path):
    # TFDS's own names, looked at only to help with a misspelled one.
    try:
        return tfds.builder(name, data_dir=str(folder))
    except tfds.core.DatasetNotFoundError as error:
        known = {*tfds.list_builders(with_community_datasets=False), "digits"}
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
        "folder that has it with --data-dir (`data_dir`) or TFDS_DATA_DIR, or allow "
        "the download with `download=True`."
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


def _feature_keys(info, name: str) -> tuple[str, str | None]:
    """Keys of the image and of its label, if it has one."""
    tfds = require("tensorflow_datasets")
    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]
    images = [
        key
        for key in [*supervised[:1], "image", *features]
        # A float image is stored as a picture of its bytes.
        if isinstance(features.get(key), tfds.features.Image)
        and np.dtype(features[key].np_dtype).kind == "u"
    ]
    if not images:
        raise ValueError(
            f"The data set {name} has no integer image feature, its features are "
            f"{sorted(features) or type(info.features).__name__}."
        )
    labels = [
        key
        for key in [*supervised[1:2], "label"]
        if isinstance(features.get(key), tfds.features.ClassLabel)
    ]
    return images[0], labels[0] if labels else None


def _examples(builder, split: str, image_key: str, label_key) -> Iterator[dict]:
    """The examples of a split, each with its image still encoded."""
    tfds = require("tensorflow_datasets")
    info = builder.info
    decoders = {image_key: tfds.decode.SkipDecoding()}
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        yield from builder.as_data_source(split, decoders=decoders)
        return
    keys = [image_key] + ([label_key] if label_key else [])
    # Parsing the wanted features only: some data sets carry dozens.
    features = tfds.features.FeaturesDict({key: info.features[key] for key in keys})
    shards = info.splits[split]
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
        for record in records:
            yield features.deserialize_example_np(record, decoders=decoders)
