"""Emoji as images: the pictures of an npm package, unpacked in the data folder."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np

from recipes.data.locations import data_folder
from recipes.data.pictures import Pictures
from recipes.data.source import Part, Source

NAME = "emoji"
PACKAGE = "emoji-datasource-google"
_VERSION = "16.0.0"
_INDEX = "emoji.json"
# Of skin tones and hair alone: parts of emoji.
_NO_EMOJI = "Component"
# One emoji in so many is test, with all its skin tones.
_TEST_SHARE = 10


def emoji_source(image_shape=None, data_dir=None, memory: float = np.inf) -> Source:
    """Noto Emoji by category, 64x64 pixels, as the npm package has them.

    An emoji in several skin tones is several images; they are all training images or
    all test images, so that no test image is a training image in another colour.

    Args:
        image_shape: (height, width, channels) to resize to, or `None`.
        data_dir: as in `locations.data_folder`. The package is what its folder "emoji"
            holds.
        memory: as in `folders.from_folder`.

    Raises:
        FileNotFoundError: if the package is not there; says how to get it.
        ValueError: if the package is not one, or lacks pictures.
    """
    folder = data_folder(data_dir) / NAME
    index = folder / _INDEX
    if not is_there(data_dir):
        raise FileNotFoundError(
            f"There are no emoji in {str(folder)!r}: in {str(folder.parent)!r} run "
            f"`npm pack {PACKAGE}@{_VERSION}`, make the folder {NAME!r}, and unpack "
            f"with `tar -xzf {PACKAGE}-{_VERSION}.tgz -C {NAME} --strip-components 1`."
        )
    try:
        every = [_Emoji.of(entry) for entry in json.loads(index.read_text("utf-8"))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{str(index)!r} is not the list of emoji that {PACKAGE} has ({error!r})."
        ) from None
    every = [emoji for emoji in every if emoji.pictures]
    if not every:
        raise ValueError(f"{str(index)!r} lists no emoji that {PACKAGE} has.")
    names = tuple(sorted({emoji.category for emoji in every}))
    order = np.random.default_rng(0).permutation(len(every))
    test = np.sort(order[: -(-len(every) // _TEST_SHARE)])
    chosen = {"train": np.setdiff1d(order, test), "test": test}

    def read(split: str) -> Part:
        of_split = [every[number] for number in chosen[split]]
        paths = [
            folder / "img" / "google" / "64" / picture
            for emoji in of_split
            for picture in emoji.pictures
        ]
        labels = [
            names.index(emoji.category) for emoji in of_split for _ in emoji.pictures
        ]
        pictures = Pictures(image_shape, len(paths), memory)
        items = ((functools.partial(_bytes, path), str(path)) for path in paths)
        for decoded in pictures.decoded(items):
            pictures.add(decoded())
        return Part(pictures.array(), np.array(labels, np.int64), pictures.notes())

    return Source(
        NAME,
        ("train", "test"),
        read,
        [f"{PACKAGE}: {len(every):,} emoji, some in several skin tones"],
        names,
        "Apache-2.0 (Noto Emoji)",
    )


def is_there(data_dir=None) -> bool:
    """Whether the package is in the data folder."""
    return (data_folder(data_dir) / NAME / _INDEX).is_file()


class _Emoji:
    """One emoji: its category, and its pictures, one a skin tone."""

    def __init__(self, category: str, pictures: list[str]):
        self.category, self.pictures = category, pictures

    @classmethod
    def of(cls, entry: dict) -> _Emoji:
        tones = entry.get("skin_variations", {}).values()
        drawn = [each for each in (entry, *tones) if each["has_img_google"]]
        names = [Path(each["image"]).name for each in drawn]
        category = str(entry["category"])
        return cls(category, [] if category == _NO_EMOJI else names)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"{PACKAGE} is not whole: there is no {str(path)!r}."
        ) from None
