"""What the command line shows of presets, recipes and figures."""

import sys

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from recipes.common.latents import latents_of
from recipes.common.presets import read_preset
from recipes.documents.metric_rows import COLUMNS, metric_rows
from recipes.documents.texts import data_name, duration, latents_text, megabytes, metric
from recipes.recipe import RECIPES, get_recipe
from zoo.presets import list_presets


def new_table(title, *columns, numbers=()):
    """A table whose columns named in `numbers` are aligned to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.pad_edge = False
    table.collapse_padding = True
    for column in columns:
        number = column in numbers
        table.add_column(
            column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,
        )
    return table


def print_overview():
    """What `vae-zoo list` prints; a damaged preset is named on stderr."""
    presets = []
    for name in list_presets():
        try:
            presets.append(read_preset(name))
        except ValueError as error:
            print(error, file=sys.stderr)
    console = Console()
    if presets:
        wide = console.width >= 100
        console.print(presets_table(presets, wide))
        k = "; K importance samples" if wide else ""
        console.print(f"ELBO and NLL in nats a test image{k}.\n")
    else:
        console.print("No presets ship with this installation.\n")
    console.print(recipes_table([get_recipe(name) for name in RECIPES]))


def presets_table(presets, wide=True):
    """One row a preset: what it is and how good it is.

    Args:
        presets: `recipes.common.presets.Preset` objects.
        wide: whether there is room for parameters and K, which `show` tells, too.
    """
    columns = ["params", "size", "ELBO", "NLL", "K"]
    shown = [name for name in columns if wide or name not in ("params", "K")]
    table = new_table("Presets", "name", "model", "data", "latents", *shown)
    for column in table.columns:
        if column.header in columns:
            column.justify, column.no_wrap = "right", True
        # A name is for copying: never folded.
        column.no_wrap |= column.header == "name"
    for preset in presets:
        metrics, info = preset.entry("metrics"), preset.info
        values = {
            "params": f"{info.get('parameters', 0) / 1e6:.2f} M",
            "size": megabytes(preset.bytes),
            "ELBO": metric(metrics, "elbo"),
            "NLL": metric(metrics, "nll"),
            "K": f"{metrics.get('num_importance_samples', '-')}",
        }
        if metrics.get("exact_codes"):  # every draw is the same: it is the ELBO
            values |= {"NLL": "-", "K": "-"}
        table.add_row(
            preset.name,
            str(info.get("model", "-")),
            str(preset.entry("dataset").get("name", "-")),
            latents_text(info),
            *(values[name] for name in shown),
        )
    return table


def recipes_table(recipes):
    """One row a recipe."""
    table = new_table("Recipes", "name", "epochs", "what it trains")
    for recipe in recipes:
        table.add_row(recipe.name, str(recipe.training.epochs), recipe.summary)
    return table


def metrics_table(metrics, title="Figures", latents=()):
    """The metrics of an evaluation, of a model of these latents."""
    table = new_table(title, *COLUMNS, numbers=COLUMNS[1:])
    for row in metric_rows(metrics, latents):
        table.add_row(*row)
    for name in ("test_images", "seed"):
        if name in metrics:
            table.add_row(name.replace("_", " "), f"{metrics[name]:,}", "")
    return table


def preset_details(preset):
    """All that `show` says of a preset."""
    data, training = preset.entry("dataset"), preset.entry("training")
    images = data.get("training_images")
    about = [
        ("model", preset.info.get("model")),
        ("images", "x".join(map(str, preset.config["image_shape"]))),
        ("latents", latents_text(preset.info)),
        ("parameters", f"{preset.info.get('parameters', 0):,}"),
        ("size", megabytes(preset.bytes)),
        ("data", data.get("name") and data_name(preset)),
        ("trained on", images and f"{images:,} images"),
        ("licence", data.get("license")),
        ("fine-tuned from", preset.info.get("finetuned_from")),
        ("command", training.get("command")),
        ("seed", training.get("seed")),
        ("epochs", training.get("epochs")),
        ("time", "seconds" in training and duration(training["seconds"])),
        ("backend", training.get("backend")),
        ("hardware", training.get("hardware")),
    ]
    table = new_table(None, "", "")
    table.show_header = False
    for name, value in about:
        if value not in (None, False):
            table.add_row(Text(name, style="dim"), Text(str(value)))
    parts = [Text(preset.name, style="bold")]
    if preset.info.get("summary"):
        parts.append(Text(preset.info["summary"]))
    parts += [Text(), table, Text()]
    if metrics := preset.entry("metrics"):
        where = " on the test split"
        parts += [
            metrics_table(metrics, f"Figures{where}", latents_of(preset.info)),
            Text(),
        ]
        if metrics.get("command"):
            parts += [Text(f"Again: {metrics['command']}"), Text()]
    return Group(*parts, Text("How to use it", style="bold"), Text(usage(preset)))


def usage(preset):
    """Lines to copy."""
    address = preset.address
    classes = preset.config.get("num_classes")
    labels = f"labels={classes - 1}, " if classes else ""
    return "\n".join(
        (
            "  Python   import zoo",
            f'           model = zoo.from_preset("{address}")',
            f"           images = model.sample(16, {labels}seed=0)",
            f"  shell    vae-zoo sample {address} --out samples.png",
            f"           vae-zoo finetune {address} --data digits",
            f"           vae-zoo export {address} exported",
        )
    )
