"""`load_every`: all images of a source in their order, and their files' names."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.data.geometry import check_image_shape, check_size
from recipes.data.load import load_images
from recipes.data.open import open_source
from recipes.data.rows import Conversion
from recipes.data.values import find_scale


@dataclasses.dataclass(frozen=True, eq=False)
class EveryImage:
    """Images that are looked at one by one, not trained on.

    Attributes:
        name: of the source, as the report calls it.
        images: float32 (N, H, W, C) in [0, 1].
        names: of each image: its file below the folder, or its number.
        labels: int64 (N,), or `None`.
        class_names: names of the labels, or `None`.
        report: sentences on what was read and changed.
    """

    name: str
    images: np.ndarray
    names: list[str]
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    report: list[str]


def load_every(source, *, image_shape, data_dir=None, strict=False, invert=False):
    """All pictures of a folder, or the test split of any other source.

    Args:
        source, image_shape, data_dir, strict, invert: as `load_images` takes them.

    Returns:
        an `EveryImage`: a folder's pictures split by split, sorted by name.

    Raises:
        As `load_images`.

    Example:
        >>> import numpy as np
        >>> from recipes.data.every import load_every
        >>> pixels = np.zeros((20, 8, 8), np.uint8)
        >>> load_every(pixels, image_shape=(8, 8, 1)).names  # a tenth
        ['0', '1']
    """
    image_shape = check_image_shape(image_shape)
    options = {"data_dir": data_dir, "strict": strict}
    opened = open_source(source, image_shape, **options)
    if not opened.of_files:
        data = load_images(
            source, image_shape=image_shape, splits="test", invert=invert, **options
        )
        names = [str(number) for number in range(len(data.test))]
        return EveryImage(
            data.name, data.test, names, data.test_labels, data.class_names, data.report
        )
    notes, scale, found = list(opened.notes), None, []
    parts = [opened.read(own) for own in opened.splits]
    for part in parts:
        check_size(part.images, image_shape, opened.name)
        scale = scale or find_scale(part.images, opened.name, None)
        convert = Conversion(scale, image_shape, invert, opened.name)
        images, changes = convert.with_notes(part.images[:])
        found.append(images)
        notes += [*part.notes, *changes]
    labels = [part.labels for part in parts if part.labels is not None]
    return EveryImage(
        opened.name,
        np.concatenate(found),
        [name for part in parts for name in part.names or ()],
        np.concatenate(labels) if len(labels) == len(parts) else None,
        opened.class_names,
        list(dict.fromkeys(notes)),
    )
