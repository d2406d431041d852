"""The commands of `vae-zoo anomaly`, which `recipes.commands.anomaly` does."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from recipes.commands import bulk, latent_tools, texts
from recipes.commands.options import (
    Backend,
    Column,
    DataDir,
    Invert,
    LabelColumn,
    Overwrite,
    PresetName,
    Strict,
)

Score = Literal[
    "elbo",
    "likelihood",
    "reconstruction",
    "latent",
    "typicality",
    "regret",
    "smoothed_error",
    "level_ratio",
]
Detector = Annotated[
    str, typer.Argument(metavar="D", help="From anomaly fit, or a scorer.onnx.")
]

app = typer.Typer(no_args_is_help=True)


@app.command()
def fit(
    preset: PresetName,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Normal ones: a folder, file, or name."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the fitted detector.")],
    score: Annotated[Score, typer.Option(help="What is scored.")] = "elbo",
    quantile: Annotated[
        float, typer.Option(help="Share of these that counts as normal.")
    ] = 0.99,
    num_draws: Annotated[
        int, typer.Option(min=1, help="Draws from the posterior.")
    ] = 10,
    levels: Annotated[
        int, typer.Option(min=1, help="Of level_ratio: levels that the image tells.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the noise.")] = 0,
    data_dir: DataDir = None,
    backend: Backend = None,
    strict: Strict = False,
    invert: Invert = False,
    column: Column = None,
    label: LabelColumn = None,
):
    """Finds the score below which an image or text counts as unusual, and keeps it.

    For odd ones among images of one kind take smoothed_error or elbo. Likelihoods
    alone (elbo, likelihood) fail on images of quite another, simpler kind, which are
    often more likely than those of training: for these take latent of a
    HierarchicalVAE.
    """
    from recipes.commands import anomaly

    options = {
        "score": score,
        "quantile": quantile,
        "num_draws": num_draws,
        "levels": levels,
        "seed": seed,
    }
    reading = _reading(preset, data_dir, column, label, strict=strict, invert=invert)
    anomaly.fit(preset, data, out, options, reading, backend)


@app.command()
def score(
    detector: Detector,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Images: a folder, or a name; or shards (s3://..., 'in/*.parquet'). "
            "Texts: a file.",
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Folder for scores.csv and index.html, or of shards.")
    ] = "anomalies",
    num_shown: Annotated[
        int, typer.Option("-n", "--num-shown", min=1, help="Pictures on the page.")
    ] = 24,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
    column: Column = None,
    label: LabelColumn = None,
    kind: bulk.ShardFormat = "parquet",
    workers: bulk.Workers = 1,
):
    """Scores each image or text: a CSV, and a page of the most unusual, and where.

    Of shards: the score of each image into shards in the folder or address --out.
    """
    of_texts = texts.preset_of_texts(detector)
    if not of_texts and bulk.are_shards(data):
        bulk.refuse(overwrite=overwrite, strict=strict)
        bulk.score(detector, data, out, kind, workers, invert, backend)
        return
    from recipes.commands import anomaly

    reading = _reading(detector, data_dir, column, label, strict=strict, invert=invert)
    anomaly.score(detector, data, Path(out), num_shown, reading, backend, overwrite)


def _reading(source, data_dir, column, label, **of_images):
    """How the data of a preset or detector are to be read, of images or of texts."""
    if texts.preset_of_texts(source):
        return latent_tools.texts_only(column, label, data_dir, **of_images)
    latent_tools.images_only(column=column, label=label)
    return {"data_dir": data_dir, **of_images}


@app.command()
def export(
    detector: Annotated[str, typer.Argument(metavar="D", help="From anomaly fit.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="x.onnx")],
    opset: Annotated[int, typer.Option(min=17, max=18)] = 17,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Converts a detector to one ONNX file: image to score and map, without Keras."""
    from recipes.commands import anomaly

    anomaly.export_detector(detector, out, opset, backend, overwrite)
