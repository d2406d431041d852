"""Options that commands and the recipes' scripts share."""

from pathlib import Path
from typing import Annotated

import typer

Backend = Annotated[
    str | None, typer.Option(help="tensorflow, jax or torch; else KERAS_BACKEND.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.")]
Dtype = Annotated[
    str | None,
    typer.Option(help="Such as float32; auto, if not given: what the device gains by."),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Prepared TFDS data sets; else TFDS_DATA_DIR.")
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run.")]
Seed = Annotated[
    int, typer.Option(min=0, help="Fixes weights, splits, batches and noise.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
StartFrom = Annotated[
    str | None,
    typer.Option(metavar="P", help="A preset of the recipe, to train further."),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at any image that cannot be read.")
]
Invert = Annotated[
    bool, typer.Option("--invert", help="Turn black to white and white to black.")
]
Devices = Annotated[
    str | None, typer.Option(help="How many share each batch: a number, or all.")
]
Addresses = Annotated[
    str | None,
    typer.Option(
        "--machines",
        metavar="HOST:PORT,...",
        help="All that train together; the first one writes the run.",
    ),
]
Machine = Annotated[
    int | None,
    typer.Option("--machine", help="Which of --machines this is, from 0."),
]
OtherData = Annotated[
    str | None, typer.Option(help="Other images or texts than those it was made for.")
]
Column = Annotated[
    str | None, typer.Option(help="Of a table of texts: the column that has them.")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label", help="Of such: the column of their classes.")
]
Memory = Annotated[
    float, typer.Option(help="Gigabytes for images; of more, a stream from disk.")
]
Augment = Annotated[
    str | None,
    typer.Option(help="Random changes in training: flip,shift,rotate or some of them."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what is there already.")
]
PresetName = Annotated[
    str, typer.Argument(metavar="P", help="Name, folder (or a run's), hf://user/name.")
]
