"""Builders of TensorFlow Datasets, and the examples that they have prepared.

TFDS reads its own metadata and ArrayRecord files without TensorFlow, but not TFRecord
files, in which most data sets are prepared. Those are read by `tfrecord.py`.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from recipes.data.locations import data_folder, prepared_datasets, require
from recipes.data.tfrecord import read_tfrecord

# Made by the project, there without network and folder.
EMBEDDED = {"images": ("digits", "sprites"), "texts": ("phrases", "wordnet")}


def prepared_builder(
    name: str, data_dir, download: bool, check: Callable, what: str = "images"
):
    """The builder of a data set that TFDS knows, or that is prepared in the folder.

    Args:
        name: "name", "name:version" or "name/configuration:version".
        data_dir: folder of prepared data sets, see `locations.data_folder`.
        download: if the data set is not prepared there, let TFDS download it.
        check: called with the builder's info and its name before anything is
            downloaded: raises a ValueError for a data set that is of no use.
        what: it is wanted for, "images" or "texts".

    Raises:
        ValueError: if there is no such data set, or it is of no use.
        FileNotFoundError: if it is not prepared and `download` is false.
        RuntimeError: if the download fails.
        ImportError: if `tensorflow_datasets` is missing, or TensorFlow to prepare with.
    """
    tfds = require("tensorflow_datasets")
    folder = data_folder(data_dir)
    builder = _builder(tfds, name, folder, what)
    if not _is_prepared(builder):
        check(builder.info, name)
        if not download:
            raise _not_prepared(name, folder, what)
        _download(builder, name, folder)
    return builder


def own_splits(builder) -> tuple[str, ...]:
    """Which of "train", "validation" and "test" a data set has.

    Raises:
        ValueError: if it has no training split.
    """
    splits = builder.info.splits
    found = tuple(s for s in ("train", "validation", "test") if s in splits)
    if "train" not in found:
        raise ValueError(
            f"The data set {builder.name}:{builder.version} has no split 'train', its "
            f"splits are {sorted(splits)}."
        )
    return found


def read_examples(
    builder, split: str, wanted: list[str], decoders=None, chosen=None
) -> Iterator[dict]:
    """The examples of a split, or the `chosen`, as dicts.

    Args:
        builder: a `tfds.core.DatasetBuilder` whose data is prepared.
        split: its name.
        wanted: which features; there may be others beside them.
        decoders: of features that are to stay encoded, as TFDS takes them.
        chosen: sorted indices of examples, or `None` for all.

    Raises:
        ValueError: if a file is missing, or damaged.
    """
    tfds = require("tensorflow_datasets")
    info = builder.info
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        source = builder.as_data_source(split, decoders=decoders)
        yield from source if chosen is None else (source[int(i)] for i in chosen)
        return
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
                f"{str(path)!r} holds {len(records)} examples, its data set says "
                f"{length}."
            )
        if chosen is not None:
            first, last = np.searchsorted(chosen, (start, start + length))
            records = [records[i - start] for i in chosen[first:last]]
            start += length
        for record in records:
            yield features.deserialize_example_np(record, decoders=decoders)


def _builder(tfds, name: str, folder: Path, what: str):
    # TFDS's own names, looked at only to help with a misspelled one.
    try:
        return tfds.builder(name, data_dir=str(folder))
    except tfds.core.DatasetNotFoundError as error:
        known = {*tfds.list_builders(with_community_datasets=False), *EMBEDDED[what]}
        known |= {prepared.split(":")[0] for prepared in prepared_datasets(folder)}
        base = name.split(":")[0]
        close = difflib.get_close_matches(base, sorted(known), n=3, cutoff=0.6)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        other = "folder or .npz file" if what == "images" else "file"
        raise ValueError(
            f"There is no data set {name!r}, and no {other} of that name{hint or '.'}"
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


def _not_prepared(name: str, folder: Path, what: str) -> FileNotFoundError:
    there = prepared_datasets(folder)
    if there:
        found = f"it holds {', '.join(there)}"
    else:
        found = "it holds no data set" if folder.is_dir() else "it does not exist"
    return FileNotFoundError(
        f"The data set {name!r} is not prepared in {str(folder)!r} ({found}): name the "
        "folder that has it with --data-dir (`data_dir`) or TFDS_DATA_DIR, or, in "
        f"Python, allow the download with `load_{what}(..., download=True)`."
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
