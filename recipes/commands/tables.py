"""What the command line shows of presets, recipes and figures."""

import shlex
import sys

from rich.text import Text

from recipes.commands.screen import new_table, print_line, print_table, screen
from recipes.common.events import are_texts, noun_of
from recipes.common.labels import label_argument, takes_labels
from recipes.common.latents import latents_of
from recipes.common.presets import read_preset
from recipes.documents.metric_rows import COLUMNS, metric_rows, notes
from recipes.documents.texts import (
    commands,
    data_name,
    duration,
    in_quotes,
    latents_text,
    megabytes,
    metric,
    one_of,
    trained_on,
)
from recipes.recipe import RECIPES, get_recipe
from zoo.presets import list_presets
from zoo.text import printable


def print_overview():
    """What `vae-zoo list` prints; a damaged preset is named on stderr."""
    presets = []
    for name in list_presets():
        try:
            presets.append(read_preset(name))
        except ValueError as error:
            print(printable(str(error)), file=sys.stderr)
    console = screen()
    if presets:
        left_out = print_table(console, presets_table(presets), less=LESS)
        k = "" if "K" in left_out else "; K importance samples"
        given = any(takes_labels(preset.info) for preset in presets)
        y = "; |y: given the label, of p(x|y)" if given else ""
        console.print(f"ELBO and NLL in nats a test image or text{k}{y}.\n")
    else:
        console.print("No presets ship with this installation.\n")
    recipes = recipes_table([get_recipe(name) for name in RECIPES])
    print_table(console, recipes, less=("epochs",))


# What a narrow terminal does without, the first one first: `show` tells all of it.
LESS = ("K", "params", "size", "latents", "data", "model", "ELBO")


def presets_table(presets):
    """One row a preset: what it is and how good it is.

    Args:
        presets: `recipes.common.presets.Preset` objects.
    """
    words, numbers = ("name", "model", "data", "latents"), ("params", "size")
    numbers += ("ELBO", "NLL", "K")
    table = new_table("Presets", *words, *numbers, numbers=numbers, whole=words)
    for preset in presets:
        metrics, info = preset.entry("metrics"), preset.info
        nll, samples = metric(metrics, "nll"), metrics.get("num_importance_samples")
        if metrics.get("exact_codes"):  # every draw is the same: it is the ELBO
            nll = samples = "-"
        elbo = metric(metrics, "elbo")
        if takes_labels(info):
            elbo, nll = (text if text == "-" else f"{text}|y" for text in (elbo, nll))
        table.add_row(
            preset.name,
            str(info.get("model", "-")),
            str(preset.entry("dataset").get("name", "-")),
            latents_text(info),
            f"{info.get('parameters', 0) / 1e6:.2f} M",
            megabytes(preset.bytes),
            elbo,
            nll,
            str(samples or "-"),
        )
    return table


def recipes_table(recipes):
    """One row a recipe."""
    table = new_table("Recipes", "name", "epochs", "what it trains", whole=("name",))
    for recipe in recipes:
        table.add_row(recipe.name, str(recipe.training.epochs), recipe.summary)
    return table


def metrics_table(metrics, title, info):
    """The metrics of an evaluation of a preset that `zoo.preset_info` says this of."""
    table = new_table(title, *COLUMNS, numbers=COLUMNS[1:])
    for row in metric_rows(metrics, latents_of(info), takes_labels(info)):
        table.add_row(*row)
    for name in (
        "test_images",
        "validation_images",
        "test_texts",
        "validation_texts",
        "seed",
    ):
        if name in metrics:
            table.add_row(name.replace("_", " "), f"{metrics[name]:,}", "")
    return table


def print_details(console, preset):
    """All that `show` says of a preset."""
    data, training = preset.entry("dataset"), preset.entry("training")
    noun = noun_of(preset.info)
    about = [
        ("model", preset.info.get("model")),
        (noun, one_of(preset.info).replace(" x ", "x")),
        ("latents", latents_text(preset.info)),
        ("parameters", f"{preset.info.get('parameters', 0):,}"),
        ("size", megabytes(preset.bytes)),
        ("data", data.get("name") and data_name(preset)),
        ("trained on", trained_on(preset.info)),
        ("licence", data.get("license")),
        ("fine-tuned from", preset.info.get("finetuned_from")),
        ("earlier trainings", len(training.get("after", [])) or None),
        ("seed", training.get("seed")),
        ("epochs", training.get("epochs")),
        ("time", "seconds" in training and duration(training["seconds"])),
        ("backend", training.get("backend")),
        ("hardware", training.get("hardware")),
    ]
    table = new_table(None, "", "")
    table.show_header = False
    for name, value in about:
        if value not in (None, False, ""):
            table.add_row(Text(name, style="dim"), printable(str(value)))
    print_line(console, preset.name, style="bold")
    if preset.info.get("summary"):
        console.print(preset.info["summary"])
    console.print()
    print_table(console, table)
    if training.get("command"):
        print_line(console, f"Trained by: {training['command']}")
    console.print()
    if metrics := preset.entry("metrics"):
        title = "Figures on the test split"
        print_table(console, metrics_table(metrics, title, preset.info))
        for sentence in notes(metrics):
            console.print(sentence)
        console.print()
        if metrics.get("command"):
            print_line(console, f"Again: {metrics['command']}\n")
    print_line(console, "How to use it", style="bold")
    print_line(console, usage(preset))


def usage(preset):
    """Lines to copy."""
    address = preset.address
    labels, quoted = label_argument(preset.info, 16), shlex.quote(address)
    python = ["import zoo", f"model = zoo.from_preset({in_quotes(address)})"]
    shell = [f"vae-zoo export {quoted} exported"]
    prior = preset.config.get("prior")
    can_sample = not (isinstance(prior, dict) and prior["class_name"] == "UniformCodes")
    if can_sample:
        drawn = f"model.sample(16, {labels}seed=0)"
        texts = are_texts(preset.info)
        python.append(
            f"texts = model.to_texts({drawn})" if texts else f"images = {drawn}"
        )
    if preset.info.get("num_attributes") is None:  # which no command reads
        shell[:0] = commands(preset.info, quoted, can_sample)
    lines = []
    for title, code in (("Python", python), ("shell", shell)):
        margins = [title, *[""] * (len(code) - 1)]
        lines += [f"  {m:9}{line}" for m, line in zip(margins, code, strict=True)]
    return "\n".join(lines)
