"""The embedded data set: scikit-learn's handwritten digits, as a TFDS builder.

Importing this module registers "digits" with TFDS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recipes.data import embedded
from recipes.data.locations import require
from recipes.data.source import Source

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
        return embedded.own_info(
            self,
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
            encoded = embedded.encoded_png(np.asarray(image))
            yield index, {"image": encoded, "label": int(digits.target[index])}


def digits_source(image_shape=None, data_dir=None) -> Source:
    """The digits as a source, prepared in the user's cache on first use.

    Raises:
        ImportError: if `tensorflow_datasets`, scikit-learn or Pillow is missing.
    """
    return embedded.embedded_source(Digits, image_shape, data_dir)


def prepare(folder: Path) -> None:
    """Prepares the digits in `folder`: see `embedded.prepare`."""
    embedded.prepare(Digits, folder)


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
