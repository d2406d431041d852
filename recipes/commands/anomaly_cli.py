"""The commands of `vae-zoo anomaly`, which `recipes.commands.anomaly` does."""

from pathlib import Path
from typing import Annotated, Literal

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
        str, typer.Argument(metavar="DATA", help="Normal images: a folder, or a name.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the fitted detector.")],
    score: Annotated[Score, typer.Option(help="What images are scored by.")] = "elbo",
    quantile: Annotated[
        float, typer.Option(help="Share of these images that counts as normal.")
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
):
    """Finds the score below which an image counts as unusual, and keeps it.

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
    reading = {"data_dir": data_dir, "strict": strict, "invert": invert}
    anomaly.fit(preset, data, out, options, reading, backend)


@app.command()
def score(
    detector: Detector,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Images: a folder, or a name; or shards (s3://..., 'in/*.parquet').",
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
    kind: bulk.ShardFormat = "parquet",
    workers: bulk.Workers = 1,
):
    """Scores each image: a CSV, and a page of the most unusual ones and where.

    Of shards: the score of each image into shards in the folder or address --out.
    """
    if bulk.are_shards(data):
        bulk.refuse(overwrite=overwrite, strict=strict)
        bulk.score(detector, data, out, kind, workers, invert, backend)
        return
    from recipes.commands import anomaly

    reading = {"data_dir": data_dir, "strict": strict, "invert": invert}
    anomaly.score(detector, data, Path(out), num_shown, reading, backend, overwrite)


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
