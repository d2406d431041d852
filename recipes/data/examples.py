"""What the examples of a TFDS builder are: images, labels, factors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recipes.data.labels import as_labels
from recipes.data.locations import require
from recipes.data.pictures import Pictures
from recipes.data.source import GRID_IMAGES, Part, Source
from recipes.data.sprites import FACTOR_NAMES

# dSprites, Shapes3D and SmallNORB call their factors label_scale, label_azimuth, ...
_FACTOR_PREFIX = "label_"


class FeatureKeys(NamedTuple):
    """Which features of a data set are used.

    Attributes:
        image: key of the image.
        label: key of its label, or `None`.
        factors: keys of the factors that it was made from, or ().
    """

    image: str
    label: str | None
    factors: tuple[str, ...]


def feature_keys(info, name: str) -> FeatureKeys:
    """Which features are the image, its label and its factors.

    Raises:
        ValueError: if no feature is an image of integers.
    """
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
    factors = [
        key.removeprefix(_FACTOR_PREFIX)
        for key in features
        if key.startswith(_FACTOR_PREFIX)
        and isinstance(features[key], tfds.features.ClassLabel)
    ]
    # By name, as a prepared folder forgets their order; those of dSprites in its own.
    factors = [name for name in FACTOR_NAMES if name in factors] + sorted(
        set(factors) - set(FACTOR_NAMES)
    )
    return FeatureKeys(
        images[0],
        labels[0] if labels else None,
        # One is a label like any other; two are what an image was made from.
        tuple(_FACTOR_PREFIX + name for name in factors) if len(factors) > 1 else (),
    )


def from_examples(
    builder, splits, examples, image_shape, note: str, memory: float = np.inf
) -> Source:
    """A source of what a builder's examples are, wherever they come from.

    Args:
        builder: a `tfds.core.DatasetBuilder`; what its features mean is read off it.
        splits: names of its splits.
        examples: called with a split and `FeatureKeys`; yields examples as dicts, the
            image in each still encoded.
        image_shape: (height, width, channels) to resize to, or `None`.
        note: where they come from, for the report.
        memory: bytes that the images of a split may take as float32; more of them are
            kept on disk.

    Raises:
        ValueError: if it has no images.
    """
    info = builder.info
    name = f"{builder.name}:{builder.version}"
    keys = feature_keys(info, name)
    sizes = [info.features[key].num_classes for key in keys.factors]
    names = [key.removeprefix(_FACTOR_PREFIX) for key in keys.factors]
    label = info.features[keys.label] if keys.label else None

    def read(split: str) -> Part:
        count = info.splits[split].num_examples if split in info.splits else 0
        count = min(count, GRID_IMAGES) if keys.factors else count
        pictures = Pictures(image_shape, count, memory)
        labels, factors = [], []

        def items():
            for i, example in enumerate(examples(split, keys)):
                labels.append(example[keys.label] if keys.label else None)
                factors.append([example[key] for key in keys.factors])
                encoded = example[keys.image]
                yield lambda e=encoded: e, f"{name}, {split} image {i}"

        for decoded in pictures.decoded(items()):
            pictures.add(decoded())
        if not labels:
            raise ValueError(f"The split {split!r} of {name} is empty.")
        return Part(
            pictures.array(),
            as_labels(labels, len(labels), name) if keys.label else None,
            pictures.notes(),
            np.array(factors, np.int64) if keys.factors else None,
        )

    notes = [note]
    if names:
        pairs = zip(names, sizes, strict=True)
        notes.append("factors: " + ", ".join(f"{n} ({size})" for n, size in pairs))
    return Source(
        name=builder.name,
        splits=splits,
        read=read,
        notes=notes,
        class_names=tuple(label.names) if getattr(label, "names", None) else None,
        license=info.redistribution_info.license or None,
        factor_names=tuple(names) or None,
        factor_sizes=tuple(sizes) or None,
    )
