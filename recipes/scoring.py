"""`vae-zoo evaluate`: figures to the screen, to a file, into the preset."""

import json
import shlex

import keras
from rich.console import Console

import zoo.presets
from recipes.backend import versions
from recipes.command import without_folders
from recipes.evaluation import evaluate_preset
from recipes.files import write_whole
from recipes.provenance import hardware
from recipes.report import write_card
from recipes.tables import figures_table


def score(preset, data, data_dir, num_importance_samples, seed, out=None, save=False):
    """Evaluates, prints and keeps.

    Args:
        preset: a `recipes.catalog.Preset`.
        data, data_dir, num_importance_samples, seed: as in `evaluate_preset`.
        out: a JSON file to write, or None.
        save: whether the preset's metadata and model card are to have the figures.

    Returns:
        The metrics, with the command that gives them again.
    """
    metrics = evaluate_preset(
        preset.folder,
        data,
        data_dir=data_dir,
        num_importance_samples=num_importance_samples,
        seed=seed,
        console=Console(stderr=True),
    )
    backend = keras.backend.backend()
    words = ["vae-zoo", "evaluate", preset.name]
    if data:
        words += ["--data", without_folders(data)]
    # Written out in full, so that a changed default changes nothing.
    words += ["--num-importance-samples", str(metrics["num_importance_samples"])]
    words += ["--seed", str(seed), "--backend", backend]
    metrics |= {
        "command": shlex.join(words),
        "backend": backend,
        "hardware": hardware(),
        "versions": versions(backend),
    }
    Console().print(figures_table(metrics, preset.name))
    if out:
        text = json.dumps(metrics, indent=1, sort_keys=True)
        write_whole(out, f"{text}\n".encode())
        print(f"Written: {out}")
    if save:
        zoo.presets.update_metadata(preset.folder, metrics=metrics)
        # A preset that no recipe made has not all that a card tells.
        if preset.entry("training"):
            write_card(preset.folder)
        print(f"Kept in: {preset.folder}")
    return metrics
