"""Trains by a recipe or from a preset: for `vae-zoo` and the recipes' own scripts."""

import typer

from recipes.commands.command_line import command_line
from recipes.commands.options import (
    Backend,
    DataDir,
    Devices,
    Dtype,
    Epochs,
    Out,
    Resume,
    Seed,
    StartFrom,
)
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.interrupt import deaf_at_the_end

INTERRUPTED_RUN = "Interrupted: --resume goes on from the last epoch."


def train_recipe(recipe, prog, backend, devices, **options):
    """Trains a recipe in this process, on the backend that was asked for.

    Args:
        recipe: a `recipes.recipe.Recipe`.
        prog: how the program was called, for its records.
        backend, devices: as `start_keras` takes them.
        options: of `recipes.runs.training.train`.
    """
    with one_sentence_errors(INTERRUPTED_RUN):
        start_keras(backend, devices)
        from recipes.runs.training import train

        return train(recipe, devices=devices, **options, command=command_line(prog))


def finetune_preset(preset, data, backend, devices, **options):
    """Fine-tunes a preset in this process, on the backend that was asked for.

    Args:
        preset, data: as `recipes.runs.training.finetune` takes them.
        backend, devices: as `start_keras` takes them.
        options: of `recipes.runs.training.finetune`.
    """
    with one_sentence_errors(INTERRUPTED_RUN):
        start_keras(backend, devices)
        from recipes.runs.training import finetune

        command = command_line(("vae-zoo",))
        return finetune(preset, data, devices=devices, **options, command=command)


def run_script(recipe):
    """What `python -m recipes.<recipe>` does."""

    def main(
        epochs: Epochs = None,
        backend: Backend = None,
        dtype: Dtype = None,
        data_dir: DataDir = None,
        out: Out = None,
        seed: Seed = 0,
        resume: Resume = False,
        start_from: StartFrom = None,
        devices: Devices = None,
    ):
        prog = ("python", "-m", f"recipes.{recipe.name}")
        train_recipe(
            recipe,
            prog,
            backend,
            devices,
            epochs=epochs,
            dtype=dtype,
            data_dir=data_dir,
            out=out,
            seed=seed,
            resume=resume,
            start_from=start_from,
        )

    main.__doc__ = recipe.summary
    with deaf_at_the_end():
        typer.run(main)
