"""`vae-zoo compress` and `vae-zoo decompress`: many images in one file, lossless."""

import contextlib
import io
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from recipes.commands.options import (
    Backend,
    DataDir,
    Invert,
    Overwrite,
    PresetName,
    Strict,
)
from recipes.commands.starting import load_preset
from recipes.common.console import Terminal
from recipes.common.events import check_images
from recipes.common.files import check_output, make_whole_folder, write_whole
from recipes.common.labels import takes_labels
from recipes.common.opening import open_preset
from recipes.common.progress import counting

# Of the files that a folder of pictures must hold to be replaced.
_FIRST = "00000.png"


def compress(
    preset: PresetName,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Images: a folder, or a name.")
    ],
    out: Annotated[Path, typer.Option(help="The file.")] = Path("images.vaez"),
    num_images: Annotated[
        int | None, typer.Option("-n", "--num-images", min=1, help="The first so many.")
    ] = None,
    drawn: Annotated[
        bool,
        typer.Option(
            "--binarize",
            help="Grey pixels become black or white by chance first, for a model of "
            "such: what comes out is these.",
        ),
    ] = False,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
):
    """Compresses images to one file, of which decompress makes the very same ones."""
    check_output(out, overwrite)
    found = open_preset(preset)
    check_images(found, "compress")
    shape = tuple(found.info["image_shape"])
    model = load_preset(found, backend)
    from recipes.data import binarize
    from recipes.data.every import load_every
    from recipes.data.reading import print_report, reading_images
    from zoo.applications import compress as coded

    with reading_images():
        every = load_every(
            data, image_shape=shape, data_dir=data_dir, strict=strict, invert=invert
        )
    images = every.images[:num_images]
    if model.likelihood.num_levels == 2 and not np.all(images == np.round(images)):
        if not drawn:
            raise ValueError(
                f"{found.name!r} is a model of pixels that are black or white, and "
                f"those of {data!r} are grey: take a model of 256 levels, or have them "
                "made black or white, which no file undoes, by --binarize."
            )
        images = binarize(images)
    labels = every.labels if takes_labels(found.info) else None
    if labels is not None:
        labels = labels[:num_images]
    start = time.monotonic()
    with counting("Compressing", len(images)) as progress:
        content = coded(model, images, labels, progress=progress)
    write_whole(out, content)
    print_report(every.report, Terminal(stderr=True))
    print(f"{_figures(images, len(content), start)}: {out}")


def decompress(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="From compress.")],
    out: Annotated[
        Path, typer.Option(help="An .npz, or a folder for a picture each.")
    ] = Path("images.npz"),
    preset: Annotated[
        str | None, typer.Option(help="Name or folder; else what the file says.")
    ] = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Makes the images again that compress was given."""
    if is_arrays := out.suffix == ".npz":
        check_output(out, overwrite)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OSError(f"Cannot read {str(file)!r}: {error.strerror}.") from error
    from zoo.applications.bits_back.container import Container

    name = preset or Container.from_bytes(content).preset
    if not name:
        raise ValueError(
            f"{str(file)!r} names no preset: give that which it was compressed with "
            "by --preset."
        )
    model = load_preset(open_preset(name), backend)
    from zoo.applications import decompress as decoded

    start = time.monotonic()
    with counting("Decompressing", None) as progress:
        images = decoded(model, content, progress=progress)
    figures = _figures(images, len(content), start)
    if is_arrays:
        written = io.BytesIO()
        np.savez_compressed(written, images=images)
        write_whole(out, written.getvalue())
    else:
        with make_whole_folder(out, overwrite, _FIRST) as folder:
            _write_pictures(folder, images)
    print(f"{figures}: {out}")


def _write_pictures(folder, images):
    """Writes a PNG for each image, by its number."""
    from PIL import Image

    for number, image in enumerate(np.round(255 * images).astype(np.uint8)):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        with contextlib.closing(picture):
            picture.save(folder / f"{number:05d}.png", optimize=True)


def _figures(images, size, start):
    """How many images became how many bytes, and how fast, in a line."""
    seconds = time.monotonic() - start
    levels = 2 if set(np.unique(images[:64])) <= {0, 1} else 256
    raw = images.size * (1 if levels == 2 else 8)
    return (
        f"{len(images):,} images, {size:,} bytes: {8 * size / images.size:.4f} "
        f"bits/dim, {raw / (8 * size):.2f} times smaller than "
        f"{'a bit' if levels == 2 else '8 bits'} each, in {seconds:.1f} s "
        f"({len(images) / max(seconds, 1e-9):,.0f} images/s)"
    )


def add_to(app, panel):
    """Registers both commands, under a heading of the help."""
    app.command(rich_help_panel=panel)(compress)
    app.command(rich_help_panel=panel)(decompress)
