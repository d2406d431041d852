"""The sprites as a TFDS builder: some of the grid, with the features of `dsprites`.

Importing this module registers "sprites" with TFDS.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from recipes.data import embedded
from recipes.data.locations import require
from recipes.data.source import Source
from recipes.data.sprites import FACTOR_NAMES, FACTOR_SIZES, SHAPES, SIDE, SpritesGrid

tfds = require("tensorflow_datasets")

# 655 MB as float32, what the training images of CIFAR-10 take.
_TRAIN_IMAGES = 40_000
_TEST_IMAGES = 10_000
# Drawn at once.
_CHUNK = 1000


class Sprites(tfds.core.GeneratorBasedBuilder):
    """40,000 sprites to train on and 10,000 to test, of the 737,280 of the grid.

    Drawn from all combinations of the factors alike; no two have the same pixels, so
    that no test image is trained on. Labels are the shapes. `recipes.data.sprites`
    says what is drawn, and draws any other image of the grid.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "The factor grid of dSprites; 40,000 + 10,000 images."}

    def _info(self) -> tfds.core.DatasetInfo:
        labels = {
            f"label_{name}": tfds.features.ClassLabel(num_classes=size)
            for name, size in zip(FACTOR_NAMES, FACTOR_SIZES, strict=True)
        }
        labels["label_shape"] = tfds.features.ClassLabel(names=SHAPES)
        image = tfds.features.Image(shape=(SIDE, SIDE, 1))
        return embedded.own_info(
            self,
            description="Squares, ellipses and hearts on the factor grid of dSprites.",
            homepage="https://github.com/google-deepmind/dsprites-dataset",
            license="Apache-2.0",
            citation=(
                "@misc{dsprites17, author={Matthey, L. and Higgins, I. and Hassabis, "
                "D. and Lerchner, A.}, title={dSprites: Disentanglement testing "
                "Sprites dataset}, year={2017}}"
            ),
            features=tfds.features.FeaturesDict({"image": image, **labels}),
            supervised_keys=("image", "label_shape"),
            # The order of `_generate_examples`: prepared or in memory, one data set.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        grid, indices = SpritesGrid(), _split_indices()[split]
        for start in range(0, len(indices), _CHUNK):
            factors = grid.factors(indices[start : start + _CHUNK])
            images = 255 * grid.pixels(factors)[..., 0]
            for offset, (image, row) in enumerate(zip(images, factors, strict=True)):
                example = {"image": embedded.encoded_png(image)}
                for name, value in zip(FACTOR_NAMES, row.tolist(), strict=True):
                    example[f"label_{name}"] = value
                yield start + offset, example


def sprites_source(image_shape=None, data_dir=None) -> Source:
    """The sprites as a source, prepared in the user's cache on first use.

    Raises:
        ImportError: if `tensorflow_datasets` or Pillow is missing.
    """
    return embedded.embedded_source(Sprites, image_shape, data_dir)


@functools.cache
def _split_indices() -> dict[str, np.ndarray]:
    """Indices in the grid of each split's images."""
    grid = SpritesGrid()
    order = np.random.default_rng(0).permutation(grid.num_images)
    # Of images that look the same, the first in this order.
    _, first = np.unique(grid.appearance(order), return_index=True)
    order = order[np.sort(first)]
    return {
        "train": order[_TEST_IMAGES : _TEST_IMAGES + _TRAIN_IMAGES],
        "test": order[:_TEST_IMAGES],
    }
