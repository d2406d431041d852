"""Facts of presets in few words, for the screen and for documents."""

import html
import json

from recipes.common.events import noun_of
from recipes.common.latents import in_words, latents_of
from zoo.text import printable

# Figures that two models are compared by, as they are called.
COMPARED = {"elbo": "ELBO", "log_likelihood": "E log p(x|z)"}


def latents_text(facts):
    """What the latents of a model are, in few words.

    Args:
        facts: `zoo.preset_info` of a preset, or the metadata of an `export.Sampler`.
    """
    return in_words(latents_of(facts))


def markdown_table(columns, rows):
    """A Markdown table as a list of lines."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def markdown_cells(rows):
    """Texts of a model as cells of a Markdown table, whatever is in them."""
    return [
        [
            html.escape(printable(cell), quote=False)
            .replace("\\", "\\\\")
            .replace("|", "\\|")
            .replace("\n", " ")
            .replace("`", "\\`")
            for cell in row
        ]
        for row in rows
    ]


def in_quotes(text):
    """A text as Python writes it between double quotes, whatever is in it."""
    return json.dumps(str(text), ensure_ascii=False)


def metric(metrics, name, decimals=2):
    """A metric with so many decimals, or "-" where there is none."""
    value = metrics.get(name)
    return f"{value:.{decimals}f}" if isinstance(value, (int, float)) else "-"


def data_name(preset):
    """The data set of a preset, and whether it was binarized."""
    data = preset.entry("dataset")
    return data.get("name", "-") + (", binary" if data.get("binarized") else "")


def images_scored(metrics):
    """What an evaluation's figures are of, such as "10,000 test images"."""
    for split in ("test", "validation"):
        for noun in ("images", "texts"):
            if f"{split}_{noun}" in metrics:
                return f"{metrics[f'{split}_{noun}']:,} {split} {noun}"
    return "no images"


def trained_on(info):
    """What a preset was trained on, such as "54,000 images"; "" where it is not known.

    Args:
        info: `zoo.preset_info` of it.
    """
    noun, data = noun_of(info), info.get("dataset") or {}
    count = data.get(f"training_{noun}")
    return "" if count is None else f"{count:,} {noun}"


def one_of(facts):
    """What one image or text is, such as "28 x 28 x 1" or "up to 64 tokens of 4,096".

    Args:
        facts: `zoo.preset_info` of a preset, or the metadata of an `export.Sampler`.
    """
    if noun_of(facts) == "images":
        return " x ".join(map(str, facts["image_shape"] or ()))
    texts = facts.get("texts") or facts
    kind = texts.get("kind")
    said = f"up to {texts['max_length']} tokens of {texts['vocabulary_size']:,}"
    return said + (f", {kind}" if kind else "")


def megabytes(count):
    """A size in MB."""
    return f"{count / 1e6:.1f} MB"


def commands(facts, address, can_sample):
    """What samples and fine-tunes a preset on the command line: lines.

    Args:
        facts: `zoo.preset_info` of it, or what has `max_length`.
        address: what to call it, quoted.
        can_sample: whether it has a prior to draw from.
    """
    texts = noun_of(facts) == "texts"
    drawn = "-n 10" if texts else "--out samples.png"
    data = "lines.txt" if texts else "digits"
    return [
        *([f"vae-zoo sample {address} {drawn}"] if can_sample else []),
        f"vae-zoo finetune {address} --data {data}",
    ]


def epochs_and_time(training):
    """Those of a training, with those before it and of a prior; "-" if not known."""
    phases = [*training.get("after", []), training]
    if "prior" in training:
        phases.append(training["prior"])
    if not all("seconds" in phase for phase in phases):
        return "-"
    epochs = " + ".join(str(phase.get("epochs")) for phase in phases)
    return f"{epochs} epochs, {duration(sum(phase['seconds'] for phase in phases))}"


def duration(seconds):
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
