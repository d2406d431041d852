"""`load_images`: any source of images, split and ready for `model.fit`."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from recipes.common.defaults import MEMORY
from recipes.data.augment import Augmentation, check_kinds
from recipes.data.geometry import check_image_shape, check_size
from recipes.data.on_disk import DiskArray
from recipes.data.open import open_source
from recipes.data.rows import AugmentedRows, Conversion, Rows
from recipes.data.source import Part
from recipes.data.splits import Plan, check_names
from recipes.data.values import find_scale


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """Images in [0, 1], split; a split that was not asked for is `None`.

    Attributes:
        name: name of the source, such as "mnist".
        train, validation, test: float32 (N, H, W, C) in [0, 1], or `None`. Arrays, or
            `recipes.data.rows.Rows` of what memory is not to hold, or what training is
            to see changed at random.
        train_labels, validation_labels, test_labels: int64 (N,), or `None`.
        class_names: names of the labels 0, 1, ..., or `None`.
        report: one sentence each on where the images came from and what was done.
        license: licence of the images, or `None` if unknown.
        train_factors, validation_factors, test_factors: int64 (N, F), the factors that
            each image was made from, or `None`.
        factor_names, factor_sizes: names of the F factors and how many values 0, 1, ...
            each one has, or `None`.

    Example:
        >>> import numpy as np
        >>> from recipes.data import load_images
        >>> data = load_images(np.zeros((20, 8, 8), np.uint8))
        >>> data.image_shape, data.num_classes
        ((8, 8, 1), None)
    """

    # What sentences call several.
    noun: ClassVar[str] = "images"

    name: str
    train: np.ndarray | Rows | None = None
    validation: np.ndarray | Rows | None = None
    test: np.ndarray | Rows | None = None
    train_labels: np.ndarray | None = None
    validation_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    report: list[str] = dataclasses.field(default_factory=list)
    license: str | None = None
    train_factors: np.ndarray | None = None
    validation_factors: np.ndarray | None = None
    test_factors: np.ndarray | None = None
    factor_names: tuple[str, ...] | None = None
    factor_sizes: tuple[int, ...] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        loaded = (self.train, self.validation, self.test)
        return next(images.shape[1:] for images in loaded if images is not None)

    def as_test(self, split: str) -> ImageData:
        """The same, where another split stands for the test split."""
        own = {name: getattr(self, f"{split}{name}") for name in ("", "_labels")}
        return dataclasses.replace(self, test=own[""], test_labels=own["_labels"])

    @property
    def num_classes(self) -> int | None:
        """How many classes the labels know, or `None` without labels."""
        if self.class_names is not None:
            return len(self.class_names)
        every = (self.train_labels, self.validation_labels, self.test_labels)
        loaded = [labels for labels in every if labels is not None]
        return int(max(labels.max() for labels in loaded)) + 1 if loaded else None


def load_images(
    source,
    *,
    image_shape=None,
    data_dir=None,
    splits=("train", "validation"),
    validation=None,
    test=None,
    seed: int = 0,
    value_range=None,
    download: bool = False,
    strict: bool = False,
    invert: bool = False,
    memory: float = MEMORY,
    augment=(),
) -> ImageData:
    """Loads images from a data set, a folder, an `.npz` file or arrays.

    The test split is the source's own, and is opened only if `splits` asks for it. A
    source without one gets a test split cut from it, the same whatever `seed` is.

    Args:
        source: one of
            - a TFDS name: "mnist", "cifar10:3.0.2", "emnist/letters"; "digits" and
              "sprites" are embedded and always there; "emoji" is an npm package that
              lies unpacked beside the others. Of data sets with factors, such as
              "dsprites", 50,000 images of each split are read;
            - a folder of pictures (flat, or one sub-folder a class, or either of them
              in `train` and `test` sub-folders), or a prepared TFDS data set;
            - an `.npz` file, or a dict, with `x_train`, `y_train`, `x_test`, ... or
              with `images` and `labels`;
            - an array (N, H, W, C) or (N, H, W), or a tuple (images, labels).
        image_shape: (height, width, channels) wanted. Images are cropped around the
            centre to its aspect ratio, resized (bicubic, antialiased) and turned to
            grey or RGB. `None` keeps what the source has.
        data_dir: folder of prepared TFDS data sets; by default TFDS_DATA_DIR.
        splits: which of "train", "validation" and "test" to load.
        validation: number or fraction of the training images to hold out, drawn by
            `seed`. `None` takes the source's own validation split if it has one, else
            a tenth, at most 2,000.
        test: number or fraction for the test split of a source that has none. `None`
            takes a tenth, at most 10,000.
        seed: seed of the validation split.
        value_range: (black, white) of the source, if it cannot be told from the pixels.
        download: let TFDS download a data set that is not prepared in `data_dir`.
        strict: stop at the first picture of a folder that cannot be read. Otherwise up
            to one in twenty may be; the report lists them.
        invert: turn black to white and white to black, after all else.
        memory: gigabytes that the images of a split of the source may take as float32.
            Of more, those of a folder, a TFDS data set or an `.npz` file go to a
            temporary file, decoded once, and training images become float32 batch by
            batch: the same splits, the same pixels, the same order of batches.
            Validation and test images stay arrays if they fit by themselves.
        augment: kinds of random changes that training is to see, and validation and
            test are not: "flip", "shift" and "rotate", as a list or with commas; see
            `recipes.data.augment`.

    Returns:
        an `ImageData`: float32 (N, H, W, C), pixels in [0, 1], int64 labels.

    Raises:
        ValueError: if the source is unknown, damaged, empty, of the wrong rank,
            contains NaN, is on an ambiguous scale, or is too small to split.
        TypeError: if `source` is none of the kinds above.
        FileNotFoundError: if a folder, a file or a prepared data set is missing.
        RuntimeError: if a download fails.
        ImportError: if a package is missing; it says which to install.

    Example:
        >>> import numpy as np
        >>> from recipes.data import load_images
        >>> pixels = np.arange(100 * 8 * 8, dtype=np.uint8).reshape(100, 8, 8)
        >>> data = load_images(pixels, image_shape=(16, 16, 3), validation=10)
        >>> data.train.shape, data.validation.shape
        ((80, 16, 16, 3), (10, 16, 16, 3))
        >>> print(data.report[0])
        8x8x1 uint8 pixels in [0, 255] scaled to [0, 1]
    """
    wanted = check_names(splits)
    image_shape = check_image_shape(image_shape)
    kinds = check_kinds(augment)
    budget = 1e9 * _check_memory(memory)
    opened = open_source(
        source, image_shape, data_dir, download, strict=strict, memory=budget
    )
    plan = Plan.make(opened.splits, test, validation, seed)
    parts, notes, scale = {}, [], None
    # "train" is always first: the scale it is on is the scale of the others.
    for own in opened.splits:
        users = [split for split in wanted if plan.origin[split] == own]
        if not users:
            continue
        what = opened.name if own == "train" else f"{opened.name} ({own})"
        part = opened.read(own)
        check_size(part.images, image_shape, what)
        scale = scale or find_scale(part.images, what, value_range)
        size = "x".join(map(str, part.images.shape[1:]))
        notes += [f"{size} {scale.sentence}", *part.notes]
        indices = plan.indices(own, len(part.images))
        users = [split for split in users if len(indices[split])]
        convert = Conversion(scale, image_shape, invert, what)
        first, changes = convert.with_notes(part.images[:1])
        notes += changes
        needed = first.nbytes * sum(len(indices[split]) for split in users)
        streams = isinstance(part.images, DiskArray) or needed > budget
        if streams:
            scale.check(part.images, what)
            notes.append(_streaming(part.images, what, first.nbytes, memory))
        for split in users:
            taken = _take(part, indices[split], convert)
            if not streams or (split != "train" and taken.images.nbytes <= budget):
                taken.images = taken.images[:]
            if split == "train" and kinds:
                changed = Augmentation(kinds, convert.levels(part.images))
                taken.images = AugmentedRows.of(taken.images, changed)
                notes.append(changed.sentence(opened.class_names))
            parts[split] = taken
    _check_parts(opened.name, wanted, parts)
    fields = {split: part.images for split, part in parts.items()}
    fields |= {f"{split}_labels": part.labels for split, part in parts.items()}
    fields |= {f"{split}_factors": part.factors for split, part in parts.items()}
    counts = {split: len(part.images) for split, part in parts.items()}
    return ImageData(
        opened.name,
        **fields,
        class_names=opened.class_names,
        report=[
            *dict.fromkeys([*opened.notes, *notes]),
            *plan.sentences(wanted, counts),
        ],
        license=opened.license,
        factor_names=opened.factor_names,
        factor_sizes=opened.factor_sizes,
    )


def _take(part: Part, indices: np.ndarray, convert: Conversion) -> Part:
    labels = None if part.labels is None else part.labels[indices]
    factors = None if part.factors is None else part.factors[indices]
    return Part(Rows(part.images, indices, convert), labels, factors=factors)


def _check_memory(memory) -> float:
    if not isinstance(memory, int | float) or not memory > 0:
        raise ValueError(
            f"`memory` must be a number of gigabytes > 0, received {memory!r}."
        )
    return memory


def _streaming(images, what, size, memory) -> str:
    """For the report: what does not fit in memory, and where it is instead."""
    text = (
        f"{len(images):,} images of {what}, {size * len(images) / 1e9:.3g} GB as "
        f"float32, do not fit in `memory`, {memory:g} GB: "
    )
    if not isinstance(images, DiskArray):
        return f"{text}kept as {images.dtype}, they become float32 batch by batch"
    return (
        f"{text}kept in a temporary file of {images.nbytes / 1e6:,.0f} MB in "
        f"{str(images.folder)!r}, they are read from it batch by batch"
    )


def _check_parts(name, wanted, parts) -> None:
    if not parts:
        raise ValueError(
            f"Nothing to load from {name}: the splits asked for, {list(wanted)}, are "
            "empty with these `validation` and `test`."
        )
    shapes = {split: part.images.shape[1:] for split, part in parts.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"The splits of {name} have images of different shapes, {shapes}: pass "
            "`image_shape`."
        )
