"""The command line: `vae-zoo`. Keras is imported by the commands that need it alone."""

from pathlib import Path
from typing import Annotated, Literal

import typer
import typer.core

from recipes.commands import (
    anomaly_cli,
    bulk,
    compressing,
    hub,
    imputing,
    latent_tools,
    texts,
)
from recipes.commands.options import (
    Addresses,
    Augment,
    Backend,
    Column,
    DataDir,
    Devices,
    Dtype,
    Invert,
    LabelColumn,
    Machine,
    Memory,
    OtherData,
    Out,
    Overwrite,
    PresetName,
    Resume,
    Seed,
    Strict,
)
from recipes.commands.starting import start_keras
from recipes.commands.train import finetune_preset, train
from recipes.common.defaults import FINETUNING_BATCH, FINETUNING_RATE, MEMORY
from recipes.common.errors import one_sentence_errors
from recipes.common.interrupt import deaf_at_the_end
from zoo.text import printable


class Group(typer.core.TyperGroup):
    """Commands whose users read one sentence where they made a mistake."""

    def list_commands(self, ctx):
        return list(self.commands)  # in the order they are written, not the alphabet's

    def invoke(self, ctx):
        with one_sentence_errors():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="VAE_ZOO_TRACEBACK=1 in the environment shows where an error came from.",
)

PICK, TRAIN, DEPLOY, LOOK = "Pick a model", "Train it", "Deploy it", "Look around"
USE = "Use it"
# Samples.
ONE_PICTURE = 10_000


def print_version(wanted: bool):
    """Prints the version and ends."""
    if wanted:
        from importlib.metadata import version

        print(f"vae-zoo {version('vae-zoo')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True)
    ] = False,
):
    """Variational autoencoders: pretrained, fine-tuned, deployed as ONNX."""


@app.command("list", rich_help_panel=PICK)
def list_():
    """The presets and recipes there are."""
    from recipes.commands.tables import print_overview

    print_overview()


@app.command(rich_help_panel=PICK)
def show(preset: PresetName):
    """What a preset is, how good it is, how to use it."""
    from recipes.commands import tables
    from recipes.common.opening import open_preset

    tables.print_details(tables.screen(), open_preset(preset))


@app.command(rich_help_panel=PICK)
def sample(
    source: Annotated[
        str, typer.Argument(metavar="P", help="Preset, run, or ONNX file.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="The picture, samples.png if not given; or folder or address of "
            "shards. Of texts a .txt; they are printed without."
        ),
    ] = None,
    num_samples: Annotated[
        int | None,
        typer.Option("-n", "--num", "--num-samples", min=1, help="64; texts 10."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Class to draw, by name or number; else all.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the draw.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="Scale of the prior.")] = 1,
    shards: Annotated[
        int | None, typer.Option(min=1, help="So many files instead of a picture.")
    ] = None,
    kind: bulk.ShardFormat = "parquet",
    workers: bulk.Workers = 1,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Draws images or texts from a preset, or from an ONNX file without Keras."""
    options = label, seed, temperature, backend
    if shards and texts.preset_of_texts(source):
        raise typer.BadParameter(
            "Of texts there are no --shards: give -n, and --out FILE.txt."
        )
    if shards:
        bulk.refuse(overwrite=overwrite)
        out = out or "samples.png"
        bulk.sample(source, out, num_samples or 64, shards, kind, workers, *options)
        return
    if (num_samples or 0) > ONE_PICTURE and not (out and out.endswith(".txt")):
        raise typer.BadParameter(
            f"A picture holds at most {ONE_PICTURE:,} samples: give --shards for files "
            "of more."
        )
    from recipes.commands import deploy

    deploy.sample(source, out, num_samples, *options, overwrite)


app.command(rich_help_panel=PICK)(hub.pull)


app.command(rich_help_panel=TRAIN)(train)


@app.command(rich_help_panel=TRAIN)
def finetune(
    preset: PresetName,
    data: Annotated[
        str,
        typer.Option(
            help="TFDS name, folder of images or .npz file; of a preset of texts a "
            "file of lines, a .csv, .tsv or .parquet."
        ),
    ],
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the data; 3, or more of little."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images or texts a step.")
    ] = FINETUNING_BATCH,
    learning_rate: Annotated[
        float, typer.Option(help="Of Adam, at its highest.")
    ] = FINETUNING_RATE,
    backend: Backend = None,
    dtype: Dtype = None,
    data_dir: DataDir = None,
    out: Out = None,
    seed: Seed = 0,
    resume: Resume = False,
    strict: Strict = False,
    invert: Invert = False,
    memory: Memory = MEMORY,
    augment: Augment = None,
    column: Column = None,
    label: LabelColumn = None,
    devices: Devices = None,
    machines: Addresses = None,
    machine: Machine = None,
):
    """Trains a preset further, on your own images or texts."""
    from recipes.common.opening import open_preset

    found = open_preset(preset)
    finetune_preset(
        found.folder,
        data,
        backend,
        (devices, machines, machine),
        epochs=epochs,
        dtype=dtype,
        data_dir=data_dir,
        out=out,
        seed=seed,
        resume=resume,
        batch_size=batch_size,
        learning_rate=learning_rate,
        strict=strict,
        invert=invert,
        memory=memory,
        augment=augment,
        column=column,
        label=label,
    )


@app.command(rich_help_panel=TRAIN)
def evaluate(
    preset: Annotated[
        str | None, typer.Argument(metavar="P", help="Name or folder.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Two presets side by side instead."),
    ] = None,
    data: OtherData = None,
    data_dir: DataDir = None,
    num_importance_samples: Annotated[
        int | None, typer.Option(min=1, help="K; else that of the stored figures.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes the noise.")] = 0,
    backend: Backend = None,
    out: Annotated[
        str | None, typer.Option(help="JSON file; a .md beside it has the table.")
    ] = None,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the evaluation for --out.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the figures in the preset.")
    ] = False,
    strict: Strict = False,
    invert: Invert = False,
    column: Column = None,
    label: LabelColumn = None,
    kind: bulk.ShardFormat = "parquet",
    workers: bulk.Workers = 1,
):
    """Scores a preset on test data: likelihood, latents, reconstructions, samples.

    Of shards (--data in/, s3://..., 'in/*.parquet'): the ELBO of each image, and given
    K its likelihood, into shards in the folder or address --out.
    """
    from recipes.common.files import check_output
    from recipes.common.opening import open_preset

    if (preset is None) == (compare is None):
        raise typer.BadParameter("Give one preset, or two with --compare.")
    shards = data and bulk.are_shards(data)
    if shards and not (preset and texts.preset_of_texts(preset)):
        if not preset or not out:
            raise typer.BadParameter("Of shards give one preset, and --out.")
        bulk.refuse(save=save, overwrite=overwrite, resume=resume, strict=strict)
        options = num_importance_samples, seed, invert, backend
        bulk.evaluate(preset, data, out, kind, workers, *options)
        return
    if save and (data or compare or invert):
        raise typer.BadParameter("--save keeps figures on the preset's own data alone.")
    if resume and (compare or not out):
        raise typer.BadParameter("--resume goes on with one preset's --out.")
    kept, out = None, Path(out) if out else None
    if out:
        check_output(out, overwrite, ".json")
        check_output(out.with_suffix(".md"), overwrite)
        kept = out.with_suffix(".partial.npz")
    found = [open_preset(name) for name in (compare or [preset])]
    if save and found[0].hub:
        raise ValueError(
            f"{found[0].hub} lies on the hub: pull it to a folder of your own, which "
            "--save can write to."
        )
    start_keras(backend)
    from recipes.commands import evaluate as scoring

    options = (data, data_dir, num_importance_samples, seed, out)
    reading = {"strict": strict, "invert": invert}
    if column or label:
        reading |= {"column": column, "label": label}
    if compare:
        scoring.score_pair(found, *options, reading=reading)
        return
    with one_sentence_errors(
        f"Interrupted: --resume goes on with {kept}." if kept else "Interrupted."
    ):
        scoring.score(*found, *options, save, reading, kept=kept, resume=resume)


app.add_typer(
    anomaly_cli.app,
    name="anomaly",
    rich_help_panel=USE,
    help="Finds unusual images and texts: fit a threshold, score, export.",
)
imputing.add_to(app, USE)
app.command(rich_help_panel=USE)(bulk.encode)
compressing.add_to(app, USE)
latent_tools.add_to(app, USE)


@app.command(rich_help_panel=DEPLOY)
def export(
    preset: PresetName,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="x.onnx, or a folder.")],
    quantize: Annotated[
        Literal["fp16", "int8"] | None, typer.Option(help="Smaller files.")
    ] = None,
    opset: Annotated[int, typer.Option(min=17, max=18)] = 17,
    layout: Annotated[
        Literal["triton", "kserve"] | None,
        typer.Option(help="A folder as this server of models reads it."),
    ] = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Converts a preset: its decoder to x.onnx, or all of it to a folder."""
    from recipes.commands import deploy

    if layout:
        deploy.export_layout(preset, out, quantize, opset, layout, backend, overwrite)
    else:
        deploy.export_preset(preset, out, quantize, opset, backend, overwrite)


@app.command(rich_help_panel=DEPLOY)
def verify(
    exported: Annotated[Path, typer.Argument(metavar="OUT", help="From export.")],
    restamp: Annotated[
        bool,
        typer.Option("--restamp", help="Take files in that other tools changed."),
    ] = False,
):
    """Checks an exported file or folder, without Keras."""
    from recipes.commands import deploy

    deploy.verify(exported, restamp)


app.command(rich_help_panel=DEPLOY)(hub.push)


@app.command(rich_help_panel=LOOK)
def plot(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Which of these.")],
    source: Annotated[
        str, typer.Argument(metavar="P", help="Preset, run folder, or ONNX file.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="A .png or .svg; of an animation, a .gif.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Fixes what is drawn; else 0.")
    ] = None,
    num_samples: Annotated[
        int | None,
        typer.Option("-n", "--num-samples", min=1, help="Images, rows or pairs."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Class, by name or number.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="linear, spherical; pca, tsne, umap; level, group; kmeans, ..."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Scale of the prior, of samples.")
    ] = None,
    data: OtherData = None,
    data_dir: DataDir = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
):
    """Draws a plot of a preset, of a run, or of an ONNX file without Keras.

    samples, reconstructions, traversal, animation (a GIF), interpolation,
    manifold, levels, scatter, clusters, nearest, attribute, styles, training, units,
    codebook, codes.
    """
    from recipes.commands import plot as plots_command

    plots_command.plot(
        kind,
        source,
        out,
        overwrite=overwrite,
        data=data,
        data_dir=data_dir,
        backend=backend,
        strict=strict,
        invert=invert,
        seed=seed,
        num_samples=num_samples,
        label=label,
        method=method,
        temperature=temperature,
    )


@app.command(rich_help_panel=LOOK)
def report(
    source: Annotated[
        str,
        typer.Argument(metavar="P", help="Preset, run folder, or ONNX file."),
    ],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    data: OtherData = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes what is drawn.")] = 0,
    backend: Backend = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    invert: Invert = False,
):
    """One HTML page about a model: plots, figures, training, code."""
    from recipes.documents.report import write_report

    missing = write_report(
        source,
        out,
        data=data,
        data_dir=data_dir,
        backend=backend,
        seed=seed,
        overwrite=overwrite,
        strict=strict,
        invert=invert,
    )
    for sentence in missing:
        print(printable(f"Not drawn: {sentence}"))
    print(f"Written: {out}")


@app.command(rich_help_panel=LOOK)
def explore(
    source: Annotated[
        str, typer.Argument(metavar="P", help="Preset, or exported file or folder.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="The page; <name>.html if not given.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it to this machine's browsers.")
    ] = False,
    quantize: Annotated[
        Literal["fp16", "int8"] | None, typer.Option(help="Smaller pages.")
    ] = None,
    backend: Backend = None,
    overwrite: Overwrite = False,
):
    """Makes a page that runs a model in any browser: sliders, samples, pictures."""
    if serve and out:
        raise typer.BadParameter("Give --out or --serve, not both.")
    from recipes.commands.explore import explore

    explore(source, out, serve, quantize, backend, overwrite)


@app.command(rich_help_panel=LOOK)
def demo(
    out: Annotated[Path, typer.Option(help="Folder for what it makes.")] = Path("demo"),
    preset: Annotated[str, typer.Option(help="What to start from.")] = "conv_vae_mnist",
    backend: Backend = None,
):
    """All of it in two minutes: fine-tune a preset, export it, sample without Keras."""
    from recipes.commands.demo import run_demo

    run_demo(out, preset, backend=backend)


@app.command(rich_help_panel=LOOK)
def doctor(data_dir: DataDir = None):
    """What is installed, what works and where things lie."""
    from recipes.commands.doctor import diagnose
    from recipes.commands.screen import screen

    if not diagnose(screen(), data_dir):
        raise typer.Exit(1)


def main():
    """The entry point."""
    with deaf_at_the_end():
        app()


if __name__ == "__main__":
    main()
