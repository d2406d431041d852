"""Models side by side: the same images and steps for each, scored alike.

They are scored on validation data where settings are chosen by the table. What was
finished before a kill is kept; the rows are JSON, which `make readme` shows.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from recipes.commands.command_line import command_line
from recipes.commands.options import Backend, DataDir, Epochs, Out, Seed
from recipes.commands.screen import screen
from recipes.commands.starting import start_keras
from recipes.commands.train import INTERRUPTED_RUN
from recipes.common.errors import one_sentence_errors
from recipes.common.files import write_whole
from recipes.recipe import Recipe

# Where --save puts rows: beside the scripts.
PACKAGE = Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Member:
    """One of the models that are compared.

    Attributes:
        title: name and paper.
        setting: its hyperparameters, in words.
        recipe: how it is trained; its name is that of the run's folder.
        scored_again: whether scores of disentanglement are added to the figures of the
            run itself, on the whole grid of factors.
    """

    title: str
    setting: str
    recipe: Recipe
    scored_again: bool = False


def member(
    recipe,
    name,
    title,
    setting,
    build_model,
    scored_again=False,
    num_importance_samples=1,
    **changes,
):
    """A `Member` whose recipe differs from `recipe` in its model and in `changes`."""
    recipe = dataclasses.replace(
        recipe,
        name=name,
        summary=f"{title}: {setting}.",
        build_model=build_model,
        num_importance_samples=num_importance_samples,
        anchors=(),
        **changes,
    )
    return Member(title, setting, recipe, scored_again)


def study_command(name, members, default_epochs, summary, scored_on="validation"):
    """The `main` of a comparison's script, `recipes.<name>`.

    Args:
        name: of the script, and of the file of rows.
        members: function of the number of epochs and of `data_dir` that returns a list
            of `Member`.
        default_epochs: of each member.
        summary: one sentence for --help.
        scored_on: "validation", or "test" where nothing is chosen by the rows.
    """

    def main(
        epochs: Epochs = default_epochs,
        backend: Backend = None,
        data_dir: DataDir = None,
        out: Out = Path("runs") / name,
        seed: Seed = 0,
        num_seeds: Annotated[
            int, typer.Option(min=1, help="Seeds from --seed on.")
        ] = 1,
        save: Annotated[
            bool, typer.Option("--save", help="Keep the rows in the package.")
        ] = False,
    ):
        compare(
            name,
            lambda: members(epochs, data_dir),
            out=out,
            seeds=range(seed, seed + num_seeds),
            save=save,
            backend=backend,
            data_dir=data_dir,
            command=command_line(("python", "-m", f"recipes.{name}")),
            scored_on=scored_on,
        )

    main.__doc__ = summary
    return main


def compare(
    name,
    members,
    *,
    out,
    seeds,
    save,
    backend=None,
    data_dir=None,
    command=None,
    scored_on="validation",
):
    """Trains and scores members, and writes their rows.

    Args:
        name: of the file of rows.
        members: function that returns a list of `Member`, once the backend is chosen.
        out: folder of the runs, one folder a member and seed.
        seeds: integers, one run of each member for each.
        save: write the package's own file, else one of its name in `out`.
        backend, data_dir, command, scored_on: as in `recipes.runs.training.train`.
    """
    with one_sentence_errors(INTERRUPTED_RUN):
        start_keras(backend)
        console, rows = screen(), []
        for seed in seeds:
            for one in members():
                console.print(f"{one.recipe.summary} Seed {seed}.", style="bold")
                options = data_dir, command, console, scored_on
                row = measure(one, Path(out), seed, *options)
                rows.append(row)
        path = (PACKAGE if save else Path(out)) / f"{name}.json"
        text = json.dumps(rows, indent=1, sort_keys=True)
        write_whole(path, f"{text}\n".encode())
        console.print(f"Written: {path}")


def measure(
    member,
    out,
    seed,
    data_dir=None,
    command=None,
    console=None,
    scored_on="validation",
):
    """The row of a member: trained and scored, unless its folder has it already.

    Args:
        member: a `Member`.
        out: folder of all runs.
        seed, data_dir, command, console, scored_on: as in
            `recipes.runs.training.train`.

    Returns:
        dict of JSON values: name, title, setting, the metrics of the model, and how it
        was trained.

    Raises:
        ValueError: if the folder holds a run of other settings.
    """
    import zoo.presets
    from recipes.runs.training import train

    recipe = member.recipe
    folder = out / f"{recipe.name}_{seed}"
    preset = folder / "preset"
    if not preset.exists():
        options = {"seed": seed, "data_dir": data_dir, "command": command}
        options |= {"console": console, "scored_on": scored_on}
        train(recipe, out=folder, resume=True, **options)
    info = zoo.preset_info(preset)
    metrics, training = info["metrics"], info["training"]
    asked = (recipe.summary, recipe.training.epochs)
    if (info["summary"], training["epochs"]) != asked:
        raise ValueError(
            f"{str(folder)!r} holds another run, {info['summary']!r} of "
            f"{training['epochs']} epochs: choose another --out, or remove it first."
        )
    if member.scored_again and not metrics.get("scored_again"):
        metrics |= _disentanglement(preset, recipe, seed, data_dir, console)
        metrics["scored_again"] = True
        zoo.presets.update_metadata(preset, metrics=metrics)
    return {
        "name": recipe.name,
        "title": member.title,
        "setting": member.setting,
        "metrics": metrics,
        "training": training,
    }


def _disentanglement(preset, recipe, seed, data_dir, console):
    """The scores of a preset on the grid of factors of its recipe's data, or {}."""
    import zoo
    from recipes.data import load_images
    from recipes.metrics.disentanglement import disentanglement_metrics, factor_grid

    model = zoo.from_preset(preset)
    data = load_images(
        recipe.dataset,
        image_shape=recipe.image_shape,
        data_dir=data_dir,
        splits="validation",
        validation=recipe.validation,
        seed=seed,
    )
    options = {"data_dir": data_dir, "console": console}
    grid = factor_grid(model, data, recipe.dataset, **options)
    if grid is None:
        return {}
    return disentanglement_metrics(model, grid, console=console)
