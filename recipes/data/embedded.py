"""Data sets that the project makes itself: prepared once, in the user's cache."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np

from recipes.data.examples import from_examples
from recipes.data.locations import cache_folder, data_folder, require
from recipes.data.source import Source
from recipes.data.tfds_source import from_builder


def embedded_source(builder_class, image_shape=None, data_dir=None) -> Source:
    """A source of a TFDS builder that needs no download, prepared on first use.

    A copy prepared in `data_dir` (or TFDS_DATA_DIR) is read where there is one, but
    nothing is written there: such folders are shared. Where the cache cannot be
    written or read, the images are made in memory.

    Args:
        builder_class: a `tfds.core.GeneratorBasedBuilder` whose `_generate_examples`
            takes the name of a split, and yields images as PNG files.
        image_shape: (height, width, channels) to resize to, or `None`.
        data_dir: as in `locations.data_folder`.

    Raises:
        ImportError: if a package that the builder needs is missing.
    """
    for folder in (data_folder(data_dir), cache_folder()):
        builder = builder_class(data_dir=str(folder))
        if (Path(builder.data_dir) / "dataset_info.json").is_file():
            return _with_fallback(builder, image_shape)
    try:
        prepare(builder_class, cache_folder())
    # A full or read-only disk, or a platform without ArrayRecord: images that can be
    # made again are no reason to fail.
    except (OSError, ImportError):
        return _in_memory(builder, image_shape)
    return _with_fallback(builder_class(data_dir=str(cache_folder())), image_shape)


def prepare(builder_class, folder: Path) -> None:
    """Prepares a data set in `folder`, whatever other processes do there.

    Raises:
        OSError: if the folder cannot be written.
        ImportError: if a package that the builder needs is missing, or ArrayRecord on a
            platform that has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # TFDS names its temporary folder with the global random generator, which programs
    # seed: two of them could write into the same one. This one is ours alone.
    prefix = f".{builder_class.name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as private:
        builder = builder_class(data_dir=private)
        # Nothing is downloaded, whatever TFDS would print.
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            # The one format that TFDS writes without TensorFlow.
            builder.download_and_prepare(file_format="array_record")
        target = Path(builder_class(data_dir=str(folder)).data_dir)
        target.parent.mkdir(exist_ok=True)
        try:
            os.rename(builder.data_dir, target)
        except OSError:
            # Another process was first; what it prepared is the same.
            if not (target / "dataset_info.json").is_file():
                raise


def own_info(builder, **facts):
    """A `tfds.core.DatasetInfo` of images that no bucket of TFDS knows.

    To look there leaves an empty folder behind each time.

    Args:
        builder: a `tfds.core.DatasetBuilder`.
        facts: as `tfds.core.DatasetInfo` takes them.
    """

    class OwnInfo(require("tensorflow_datasets").core.DatasetInfo):
        def initialize_from_bucket(self):
            pass

    return OwnInfo(builder=builder, **facts)


def encoded_png(pixels: np.ndarray) -> io.BytesIO:
    """A grey uint8 image (H, W) as a PNG file: TFDS encodes arrays with TensorFlow.

    Raises:
        ImportError: if Pillow is missing.
    """
    encoded = io.BytesIO()
    require("PIL.Image").fromarray(pixels).save(encoded, "PNG")
    encoded.seek(0)
    return encoded


def _with_fallback(builder, image_shape) -> Source:
    source = from_builder(builder, image_shape)
    read_prepared = source.read

    def read(split: str):
        try:
            return read_prepared(split)
        # A damaged copy shows itself as whatever ArrayRecord or Pillow raise.
        except Exception as error:
            part = _in_memory(builder, image_shape).read(split)
            part.notes.append(f"the prepared copy is damaged ({error}), made anew")
            return part

    source.read = read
    return source


def _in_memory(builder, image_shape) -> Source:
    def examples(split: str, keys):
        for _, example in builder._generate_examples(split):
            yield {**example, keys.image: example[keys.image].getvalue()}

    note = f"{builder.name}:{builder.version}, made in memory"
    return from_examples(builder, ("train", "test"), examples, image_shape, note)
