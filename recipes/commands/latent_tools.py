"""`vae-zoo interpolate`, `nearest` and `cluster`: the latent space as commands."""

import csv
import io
from pathlib import Path
from typing import Annotated, Literal

import typer

from recipes.commands import texts
from recipes.commands.options import (
    Backend,
    Column,
    DataDir,
    Invert,
    LabelColumn,
    OtherData,
    Overwrite,
    PresetName,
    Strict,
)
from recipes.common.console import Terminal
from recipes.common.events import check_texts
from recipes.common.files import check_output, make_folder, write_whole
from recipes.common.labels import class_asked_for
from recipes.common.opening import open_preset
from recipes.common.progress import working
from zoo.text import printable

End = Annotated[
    str, typer.Argument(help="A picture, or the number of a test image; or a text.")
]


def interpolate(
    preset: PresetName,
    first: End,
    second: End,
    out: Annotated[
        Path | None,
        typer.Option(help="The picture; between.png. Of texts a .txt, else printed."),
    ] = None,
    num_steps: Annotated[
        int, typer.Option("-n", "--num-steps", min=2, help="How many, with both ends.")
    ] = 8,
    path: Annotated[
        Literal["spherical", "linear"], typer.Option(help="Through latent space.")
    ] = "spherical",
    label: Annotated[
        str | None, typer.Option(help="Class of all, of a conditional model.")
    ] = None,
    data: OtherData = None,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Draws the images between two images: pictures, or numbers of test images.

    Of a model of texts prints the texts between two that are typed.
    """
    if found := texts.preset_of_texts(preset):
        if data or data_dir:
            raise typer.BadParameter("Texts are typed: leave out --data.")
        options = out, num_steps, path, label, backend, overwrite
        texts.interpolate(found, (first, second), *options)
        return
    out = out or Path("between.png")
    check_output(out, overwrite, ".png")
    subject = _open(preset, data, data_dir, backend)
    ends = [_image(subject, end) for end in (first, second)]
    with working("Decoding what lies between"):
        from recipes.common.contact_sheet import save_contact_sheet
        from zoo import applications

        labels = class_asked_for(label, subject.class_names)
        between = applications.interpolate(
            subject.model, *ends, num_steps, path, labels
        )
        save_contact_sheet(out, between[0], columns=num_steps)
    print(f"{num_steps} images from {printable(first)} to {printable(second)}: {out}")


def cluster(
    preset: PresetName,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="TFDS name, folder, .npz; file of texts."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for a table and a picture.")],
    num_clusters: Annotated[
        int, typer.Option("-n", "--num-clusters", min=1, help="How many clusters.")
    ] = 10,
    method: Annotated[
        Literal["kmeans", "gaussian_mixture"], typer.Option(help="What finds them.")
    ] = "kmeans",
    seed: Annotated[int, typer.Option(min=0, help="Fixes where it starts.")] = 0,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
    column: Column = None,
    label: LabelColumn = None,
):
    """Sorts pictures of a folder, test images or texts into clusters by latents."""
    if found := texts.preset_of_texts(preset):
        reading = texts_only(column, label, data_dir, strict=strict, invert=invert)
        options = num_clusters, method, seed, reading, backend, overwrite
        texts.cluster(found, data, out, *options)
        return
    images_only(column=column, label=label)
    out = make_folder(out)
    table = check_output(out / "clusters.csv", overwrite)
    picture = check_output(out / "clusters.png", overwrite)
    subject = _open(preset, data, data_dir, backend, strict=strict, invert=invert)
    from recipes import plots
    from recipes.data.reading import print_report, reading_images

    with reading_images():
        images = subject.images
    options = {"num_samples": num_clusters, "method": method, "seed": seed}
    with working("Looking for clusters"):
        content = plots.render("clusters", subject, **options)
        words = plots.caption("clusters", subject, **options)
        found = plots.get_kind("clusters").found(subject, num_clusters, method, seed)
    write_whole(table, _csv(images, found[0]))
    write_whole(picture, content)
    print_report(images.report, Terminal(stderr=True))
    print(f"Written: {table}, {picture}")
    print(printable(words))


def nearest(
    preset: PresetName,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A file of texts, or a name.")
    ],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="To look for.")],
    num_neighbours: Annotated[
        int, typer.Option("-n", "--num", min=1, help="How many are printed.")
    ] = 5,
    of_class: Annotated[
        str | None, typer.Option("--class", help="Of TEXT, of a conditional model.")
    ] = None,
    column: Column = None,
    label: LabelColumn = None,
    data_dir: DataDir = None,
    backend: Backend = None,
):
    """Prints the texts that lie nearest to one in latent space."""
    found = open_preset(preset)
    check_texts(found, "nearest", "vae-zoo plot nearest draws them")
    reading = texts_only(column, label, data_dir)
    texts.nearest(found, data, text, num_neighbours, of_class, reading, backend)


def texts_only(column, label, data_dir, **of_images):
    """What `load_every_text` is to be told; refuses options of images.

    Raises:
        typer.BadParameter: naming the first.
    """
    for name, given in of_images.items():
        if given:
            raise typer.BadParameter(f"--{name} is for images, and this is of texts.")
    return {"column": column, "label": label, "data_dir": data_dir}


def images_only(**of_texts):
    """Refuses options of texts.

    Raises:
        typer.BadParameter: naming the first.
    """
    for name, given in of_texts.items():
        if given:
            raise typer.BadParameter(f"--{name} is for texts, and this is of images.")


def add_to(app, panel):
    """Registers the commands on the command line, under a heading of its help."""
    for command in (interpolate, nearest, cluster):
        app.command(rich_help_panel=panel)(command)


def _open(preset, data, data_dir, backend, **reading):
    """The subject of a preset, of which all images are read."""
    from recipes import plots

    open_preset(preset)  # refuses what is exported
    subject = plots.open_subject(preset, data, data_dir, backend, **reading)
    subject.most_images = None
    subject.import_readers()
    return subject


def _image(subject, end):
    """The image (H, W, C) that is meant: of a picture's file, or a test image."""
    if end.isdecimal() and not Path(end).is_file():
        images = subject.images.images
        if int(end) >= len(images):
            raise ValueError(
                f"There is no image {end}: {subject.images.words} are numbered from 0 "
                f"to {len(images) - 1:,}."
            )
        return images[int(end)]
    import numpy as np

    from recipes.data.decoding import Decoder

    try:
        encoded = Path(end).read_bytes()
    except OSError as error:
        raise OSError(f"Cannot read the picture {end!r}: {error.strerror}.") from error
    plane = Decoder(subject.image_shape)(encoded, repr(end)).plane
    pixels = plane if plane.ndim == 3 else plane[..., None]
    return np.broadcast_to(pixels, subject.image_shape).astype(np.float32) / 255


def _csv(images, assigned):
    """Name, cluster and, where it is known, label of each image, as bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [images.names, assigned.tolist()]
    if images.labels is not None:
        rows.append([images.name_of(label) for label in images.labels.tolist()])
    writer.writerow(["image", "cluster", "label"][: len(rows)])
    writer.writerows(zip(*rows, strict=True))
    return text.getvalue().encode()
