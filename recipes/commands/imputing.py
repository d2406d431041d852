"""`vae-zoo impute`: missing pixels of pictures, filled in many times."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from recipes.commands import bulk
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
from recipes.common.files import check_output, write_whole
from recipes.common.labels import class_asked_for
from recipes.common.opening import open_preset
from recipes.common.progress import working

# Draws beside each image in the picture.
_SHOWN = 6
_HALVES = ("lower", "upper", "left", "right")


def impute(
    preset: PresetName,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Images: a folder, or a name; or shards (s3://..., 'in/*.parquet').",
        ),
    ],
    missing: Annotated[
        str | None,
        typer.Option(
            help="lower, upper, left, right, random (every other), or a picture "
            "that is white where pixels are missing. Of shards else their column "
            "'observed'."
        ),
    ] = None,
    out: Annotated[
        str,
        typer.Option(help="A .png to look at, an .npz with all draws, or of shards."),
    ] = "imputed.png",
    num_images: Annotated[
        int, typer.Option("-n", "--num-images", min=1, help="The first so many.")
    ] = 8,
    num_draws: Annotated[int, typer.Option(min=1, help="Draws an image.")] = 20,
    method: Annotated[
        Literal["metropolis", "pseudo_gibbs", "importance"],
        typer.Option(help="How draws are made: see zoo.applications.impute."),
    ] = "metropolis",
    num_steps: Annotated[int, typer.Option(min=1, help="Of each chain.")] = 100,
    label: Annotated[
        str | None, typer.Option(help="Class of all, of a conditional model.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the draws.")] = 0,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
    kind: bulk.ShardFormat = "parquet",
    workers: bulk.Workers = 1,
):
    """Fills in missing pixels: draws, their mean and how far they differ.

    Of shards: all images, into shards in the folder or address --out.
    """
    check_images(open_preset(preset), "impute")
    if bulk.are_shards(data):
        bulk.refuse(overwrite=overwrite, strict=strict)
        size = tuple(open_preset(preset).info["image_shape"])[:2]
        observed = None if missing is None else ~missing_pixels(missing, size, seed)
        options = {"num_draws": num_draws, "method": method, "num_steps": num_steps}
        given = data, out, kind, workers, seed, invert, backend
        bulk.impute(preset, *given, observed=observed, label=label, **options)
        return
    if missing is None:
        raise typer.BadParameter("Give --missing: which pixels are.")
    out = Path(out)
    suffix = ".npz" if out.suffix == ".npz" else ".png"
    check_output(out, overwrite, suffix)
    found = open_preset(preset)
    shape = tuple(found.info["image_shape"])
    observed = ~missing_pixels(missing, shape[:2], seed)
    model = load_preset(found, backend)
    from recipes.data import binarize
    from recipes.data.every import load_every
    from recipes.data.reading import print_report, reading_images
    from zoo.applications import impute as fill_in

    with reading_images():
        every = load_every(
            data, image_shape=shape, data_dir=data_dir, strict=strict, invert=invert
        )
    images = every.images
    if found.entry("dataset").get("binarized"):
        images = binarize(images)
    images = images[:num_images]
    options = {"method": method, "num_steps": num_steps}
    with working(f"Filling in {len(images)} images"):
        drawn = fill_in(
            model,
            images,
            observed,
            num_draws,
            seed,
            labels=class_asked_for(label, getattr(model, "class_names", None)),
            **options,
        )
    with working("Writing"):
        write = _arrays if suffix == ".npz" else _picture
        write_whole(out, write(found.name, every.names, images, observed, drawn))
    print_report(every.report, Terminal(stderr=True))
    print(f"{num_draws} draws of {len(images)} images: {out}")


def missing_pixels(what, size, seed=0):
    """Which pixels (H, W) are missing: bool.

    Args:
        what: "lower", "upper", "left" or "right" for a half, "random" for half of all,
            drawn by `seed`, or a picture's path.
        size: (H, W).

    Raises:
        ValueError, OSError: if it is none of these, or no picture can be read.
    """
    height, width = size
    if what in _HALVES:
        down, across = np.indices(size)
        lower, right = down >= height // 2, across >= width // 2
        return dict(zip(_HALVES, (lower, ~lower, ~right, right), strict=True))[what]
    if what == "random":
        return np.random.default_rng(seed).random(size) < 0.5
    try:
        encoded = Path(what).read_bytes()
    except OSError as error:
        raise ValueError(
            f"`--missing` must be one of {', '.join((*_HALVES, 'random'))}, or a "
            f"picture; {what!r} cannot be read: {error.strerror}."
        ) from error
    from recipes.data.decoding import Decoder

    plane = Decoder((*size, 1))(encoded, repr(what)).plane
    return np.reshape(plane, size) >= 128


def _arrays(name, names, images, observed, drawn):
    """All draws as the bytes of an .npz file."""
    import io

    file = io.BytesIO()
    np.savez_compressed(
        file, images=images, observed=observed, draws=drawn, names=names
    )
    return file.getvalue()


def _picture(name, names, images, observed, drawn):
    """Rows of what is observed, draws, their mean and spread, as the bytes of a PNG."""
    from recipes.plots.style import look, to_bytes
    from recipes.plots.tiles import draw_tiles

    shown = drawn[:_SHOWN]
    known = np.where(observed[..., None], images, 0.5)
    # The most that numbers in [0, 1] can deviate is 1/2.
    mean, spread = drawn.mean(axis=0), 2 * drawn.std(axis=0)
    tiles = np.stack([images, known, *shown, mean, spread], axis=1)
    numbers = (f"draw {i + 1}" for i in range(len(shown)))
    with look():
        figure = draw_tiles(
            f"{name}: missing pixels, {len(drawn)} draws",
            tiles,
            row_labels=names[: len(images)],
            column_labels=["image", "observed", *numbers, "mean", "spread"],
        )
        return to_bytes(figure, "png")


def add_to(app, panel):
    """Registers the command, under a heading of the help."""
    app.command(rich_help_panel=panel)(impute)
