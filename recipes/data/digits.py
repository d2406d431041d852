"""The embedded data set: scikit-learn's handwritten digits, as a TFDS builder.

Importing this module registers "digits" with TFDS.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recipes.data.locations import cache_folder, data_folder, require
from recipes.data.pictures import Pictures
from recipes.data.source import Part, Source
from recipes.data.tfds_source import from_builder

tfds = require("tensorflow_datasets")

_TEST_IMAGES = 297
_SIDE = 28


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 real handwritten digits, grey, 28×28: 1,500 to train on, 297 to test.

    The 8×8 images of `sklearn.datasets.load_digits` (UCI, Optical Recognition of
    Handwritten Digits), scaled from 0..16 to 0..255 and resized with Pillow's bicubic
    filter. The split is stratified by digit and always the same.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "8x8 digits resized to 28x28; 1,500 + 297 images."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Handwritten digits of 43 people, 8x8 resized to 28x28.",
            homepage="https://archive.ics.uci.edu/dataset/80",
            license="CC BY 4.0",
            citation=(
                "@misc{alpaydin1998digits, author={Alpaydin, E. and Kaynak, C.}, "
                "title={Optical Recognition of Handwritten Digits}, year={1998}, "
                "doi={10.24432/C50P49}}"
            ),
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(_SIDE, _SIDE, 1)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            # The order of `_generate_examples`: prepared or in memory, one data set.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        image_class = require("PIL.Image")
        digits = require("sklearn.datasets").load_digits()
        eight_bit = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        for index in _split_indices(digits.target)[split].tolist():
            image = image_class.fromarray(eight_bit[index]).resize(
                (_SIDE, _SIDE), image_class.Resampling.BICUBIC
            )
            # An encoded picture: TFDS encodes arrays with TensorFlow.
            encoded = io.BytesIO()
            image.save(encoded, "PNG")
            encoded.seek(0)
            yield index, {"image": encoded, "label": int(digits.target[index])}


def digits_source(image_shape=None, data_dir=None) -> Source:
    """The digits as a source, prepared in the user's cache on first use.

    A copy prepared in `data_dir` (or TFDS_DATA_DIR) is read where there is one, but
    nothing is written there: such folders are shared. Where the cache cannot be
    written or read, the images are made in memory.

    Raises:
        ImportError: if `tensorflow_datasets`, scikit-learn or Pillow is missing.
    """
    for folder in (data_folder(data_dir), cache_folder()):
        builder = Digits(data_dir=str(folder))
        if (Path(builder.data_dir) / "dataset_info.json").is_file():
            return _with_fallback(builder, image_shape)
    try:
        prepare(cache_folder())
    # A full or read-only disk, or a platform without ArrayRecord: 1,797 small images
    # are no reason to fail.
    except (OSError, ImportError):
        return _in_memory(image_shape)
    return _with_fallback(Digits(data_dir=str(cache_folder())), image_shape)


def prepare(folder: Path) -> None:
    """Prepares the digits in `folder`, whatever other processes do there.

    Raises:
        OSError: if the folder cannot be written.
        ImportError: if scikit-learn or Pillow is missing, or ArrayRecord on a platform
            that has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # TFDS names its temporary folder with the global random generator, which programs
    # seed: two of them could write into the same one. This one is ours alone.
    with tempfile.TemporaryDirectory(prefix=".digits-", dir=folder) as private:
        builder = Digits(data_dir=private)
        # Nothing is downloaded, whatever TFDS would print.
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            # The one format that TFDS writes without TensorFlow.
            builder.download_and_prepare(file_format="array_record")
        target = Path(Digits(data_dir=str(folder)).data_dir)
        target.parent.mkdir(exist_ok=True)
        try:
            os.rename(builder.data_dir, target)
        except OSError:
            # Another process was first; what it prepared is the same.
            if not (target / "dataset_info.json").is_file():
                raise


def _with_fallback(builder, image_shape) -> Source:
    source = from_builder(builder, image_shape)
    read_prepared = source.read

    def read(split: str) -> Part:
        try:
            return read_prepared(split)
        # A damaged copy shows itself as whatever ArrayRecord or Pillow raise.
        except Exception as error:
            part = _in_memory(image_shape).read(split)
            part.notes.append(f"the prepared copy is damaged ({error}), made anew")
            return part

    source.read = read
    return source


def _in_memory(image_shape) -> Source:
    builder = Digits(data_dir=str(cache_folder()))

    def read(split: str) -> Part:
        pictures, labels = Pictures(image_shape), []
        for index, example in builder._generate_examples(split):
            pictures.add(example["image"].getvalue(), f"digit {index}")
            labels.append(example["label"])
        return Part(pictures.array(), np.array(labels), pictures.notes())

    return Source(
        name="digits",
        splits=("train", "test"),
        read=read,
        notes=[f"digits:{builder.version}, made in memory"],
        class_names=tuple(builder.info.features["label"].names),
        license=builder.info.redistribution_info.license,
    )


def _split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Which images are the test: of every digit nearly the same share."""
    rng = np.random.default_rng(0)
    # Each image's place in a shuffled queue of its own class, in (0, 1): the first
    # 297 of all queues together take as much from each.
    place = np.empty(len(labels))
    for digit in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == digit))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    order = np.argsort(place, kind="stable")
    return {
        "train": np.sort(order[_TEST_IMAGES:]),
        "test": np.sort(order[:_TEST_IMAGES]),
    }
