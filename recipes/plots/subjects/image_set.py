"""The test images that plots look at."""

import contextlib
import importlib
from dataclasses import dataclass

import numpy as np

# Enough for a scatter and for the use of codes.
MAX_IMAGES = 2000


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, or texts, of a test split, as the model is to see them.

    Attributes:
        images: float32 (N, H, W, C) in [0, 1]; of texts their tokens, int32 (N, T).
        labels: int64 (N,), or None.
        class_names: names of the labels, or None.
        words: what they are, such as "2,000 of the 10,000 test images of mnist".
        short: the same for a few of them, such as "test images of mnist".
        report: sentences on how they were read, such as which files were skipped.
        names: of their files, or their numbers, where all images were read; or None.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple | None
    words: str
    short: str
    report: tuple = ()
    names: list | None = None

    def name_of(self, label):
        """What the data set calls a class."""
        return str(self.class_names[label] if self.class_names else label)


def import_readers():
    """Imports what reading images needs: before a progress bar starts.

    TensorFlow Datasets replaces the import function of all threads while it is
    imported, and the thread that draws the bar may not survive that.
    """
    with contextlib.suppress(ImportError):  # said when images are read
        importlib.import_module("recipes.data.digits")


def read_images(
    source, image_shape, data_dir=None, binarized=False, most=MAX_IMAGES, **reading
):
    """Images of a test split, evenly spaced: an `ImageSet`.

    Args:
        source, image_shape, data_dir: as `recipes.data.load_images` takes them.
        binarized: whether they are binarized, as for the figures of an evaluation.
        most: how many at most; None for all, and of a folder all its pictures.
        reading: `strict` and `invert` of `recipes.data.load_images`.

    Raises:
        ValueError, OSError, ImportError: if there are none, or none that fit.
    """
    from recipes.data import binarize, load_images

    options = {"image_shape": image_shape, "data_dir": data_dir, **reading}
    if most is None:
        return _every_image(source, binarized, options)
    data = load_images(source, splits="test", **options)
    images, labels = data.test, data.test_labels
    if binarized:
        # All of them: the bits of an image depend on those before it.
        images = binarize(images)
    total, step = len(images), -(-len(images) // most)
    images = images[::step]
    short = ("binarized " if binarized else "") + f"test images of {data.name}"
    part = "all" if step == 1 else f"{len(images):,} of the"
    return ImageSet(
        images,
        None if labels is None else labels[::step],
        data.class_names,
        f"{part} {total:,} {short}",
        short,
        tuple(data.report),
    )


def read_texts(source, vocabulary, max_length, data_dir=None, most=MAX_IMAGES):
    """Texts of a test split, evenly spaced: an `ImageSet`.

    Args:
        source, vocabulary, max_length, data_dir: as `recipes.data.texts.load_texts`
            takes them.
        most: as in `read_images`.

    Raises:
        ValueError, OSError, ImportError: if there are none, or none that fit.
    """
    from recipes.data.texts.every import load_every_text

    data = load_every_text(source, vocabulary, max_length, data_dir=data_dir)
    total, step = len(data.tokens), 1
    if most is not None:
        step = -(-total // most)
    tokens, short = data.tokens[::step], f"texts of {data.name}"
    part = "all" if step == 1 else f"{len(tokens):,} of the"
    return ImageSet(
        tokens,
        None if data.labels is None else data.labels[::step],
        data.class_names,
        f"{part} {total:,} {short}",
        short,
        tuple(data.report),
        [str(number) for number in data.numbers[::step]],
    )


def _every_image(source, binarized, options):
    """An `ImageSet` of all pictures of a folder, or of a whole test split."""
    from recipes.data import binarize
    from recipes.data.every import load_every

    data = load_every(source, **options)
    short = ("binarized " if binarized else "") + f"images of {data.name}"
    return ImageSet(
        binarize(data.images) if binarized else data.images,
        data.labels,
        data.class_names,
        f"{len(data.images):,} {short}",
        short,
        tuple(data.report),
        data.names,
    )
