"""`vae-zoo evaluate`: figures to the screen, to files, into the preset."""

import json
import shlex

import keras

import zoo.presets
from recipes.commands.command_line import without_folders
from recipes.commands.screen import new_table, print_table, screen
from recipes.commands.tables import metrics_table
from recipes.common.backend import versions
from recipes.common.console import Terminal
from recipes.common.files import write_whole
from recipes.common.labels import takes_labels
from recipes.common.latents import latents_of
from recipes.common.provenance import hardware
from recipes.documents.card import diagnosis_lines, evaluation_lines, write_card
from recipes.documents.metric_rows import COLUMNS, metric_rows, notes
from recipes.documents.texts import images_scored, markdown_table
from recipes.metrics.evaluation import evaluate_preset
from recipes.metrics.preset_pair import compare_presets, comparison_rows
from zoo.text import printable


def score(
    preset,
    data,
    data_dir,
    num_importance_samples,
    seed,
    out=None,
    save=False,
    reading=None,
    **kept,
):
    """Evaluates, prints and keeps.

    Args:
        preset: a `recipes.common.presets.Preset`.
        data, data_dir, num_importance_samples, seed: as in `evaluate_preset`.
        out: a JSON file to write, and a Markdown file of its name beside it, or None.
        save: whether the preset's metadata and model card are to have the figures.
        reading: options of `load_images` that `evaluate_preset` passes on, by name.
        kept: `kept` and `resume` of `evaluate_preset`.

    Returns:
        The metrics, with the command that gives them again.
    """
    reading = reading or {}
    metrics = evaluate_preset(
        preset.folder,
        data,
        data_dir=data_dir,
        num_importance_samples=num_importance_samples,
        seed=seed,
        console=Terminal(stderr=True),
        **reading,
        **kept,
    )
    k = metrics["num_importance_samples"]
    metrics |= _provenance([_called(preset)], data, k, seed, reading)
    console = screen()
    print_table(console, metrics_table(metrics, preset.name, preset.info))
    for sentence in (*metrics["diagnosis"], *notes(metrics)):
        console.print(sentence)
    if out:
        info = preset.info
        rows = metric_rows(metrics, latents_of(info), takes_labels(info))
        _write(out, f"Figures of {preset.name}", metrics, COLUMNS, rows)
    if save:
        zoo.presets.update_metadata(preset.folder, metrics=metrics)
        # A preset that no recipe made has not all that a card tells.
        if preset.entry("training"):
            write_card(preset.folder)
        print(printable(f"Kept in: {preset.folder}"))
    return metrics


def score_pair(
    pair, data, data_dir, num_importance_samples, seed, out=None, reading=None
):
    """Evaluates two presets on the same images or texts, prints and keeps.

    Args:
        pair: two `recipes.common.presets.Preset`.
        data, data_dir, num_importance_samples, seed: as in `compare_presets`.
        out, reading: as in `score`.
    """
    reading = reading or {}
    metrics = compare_presets(
        [preset.folder for preset in pair],
        data,
        data_dir=data_dir,
        num_importance_samples=num_importance_samples,
        seed=seed,
        console=Terminal(stderr=True),
        **reading,
    )
    names = [preset.name for preset in pair]
    k = metrics["num_importance_samples"]
    called = ["--compare", *map(_called, pair)]
    metrics |= _provenance(called, data, k, seed, reading)
    columns = ("figure", *names, "difference", COLUMNS[-1])
    rows = comparison_rows(metrics)
    table = new_table(" and ".join(names), *columns, numbers=columns[1:])
    for row in rows:
        table.add_row(*row)
    print_table(screen(), table, less=("difference", COLUMNS[-1]))
    if count := metrics.get("texts_left_out"):
        print(f"Texts left out as too long: {count:,}.")
    if out:
        _write(out, " and ".join(names), metrics, columns, rows)


def _called(preset):
    """What a recorded command names a preset by: no folder of this machine."""
    return without_folders(preset.address)


def _provenance(subject, data, k, seed, reading):
    """The command that gives figures again, and what gave them."""
    backend = keras.backend.backend()
    words = ["vae-zoo", "evaluate", *subject]
    if data:
        words += ["--data", without_folders(data)]
    # Written out in full, so that a changed default changes nothing.
    words += ["--num-importance-samples", str(k), "--seed", str(seed)]
    words += ["--backend", backend]
    for name, wanted in reading.items():
        if wanted:
            words += [f"--{name}"] if wanted is True else [f"--{name}", wanted]
    return {
        "command": shlex.join(words),
        "backend": backend,
        "hardware": hardware(),
        "versions": versions(backend),
    }


def _write(out, title, metrics, columns, rows):
    """The figures as JSON, and as Markdown beside it."""
    lines = [
        f"# {title}",
        "",
        f"On {images_scored(metrics)}"
        + (", binarized once with `default_rng(0)`." if metrics["binarized"] else "."),
        "",
        *markdown_table(columns, rows),
        "",
        *diagnosis_lines(metrics),
        *evaluation_lines(metrics),
    ]
    markdown = out.with_suffix(".md")
    write_whole(markdown, ("\n".join(lines) + "\n").encode())
    text = json.dumps(metrics, indent=1, sort_keys=True)
    write_whole(out, f"{text}\n".encode())
    print(f"Written: {out}, {markdown}")
