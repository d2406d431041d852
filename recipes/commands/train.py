"""Trains by a recipe or from a preset: for `vae-zoo` and the recipes' own scripts."""

import contextlib
import types
from typing import Annotated

import typer

from recipes.commands.command_line import command_line
from recipes.commands.options import (
    Addresses,
    Backend,
    DataDir,
    Devices,
    Dtype,
    Epochs,
    Machine,
    Out,
    Resume,
    Seed,
    StartFrom,
)
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.interrupt import deaf_at_the_end
from recipes.common.machines import read_machines, watched
from recipes.recipe import get_recipe

INTERRUPTED_RUN = "Interrupted: --resume goes on from the last epoch."


def train_recipe(recipe, prog, backend, shared, **options):
    """Trains a recipe in this process, on the backend that was asked for.

    Args:
        recipe: a `recipes.recipe.Recipe`.
        prog: how the program was called, for its records.
        backend: as `start_keras` takes it.
        shared: --devices, --machines and --machine.
        options: of `recipes.runs.training.train`.
    """
    with _started(backend, *shared) as machines:
        from recipes.runs.training import train

        options |= {"devices": shared[0], "machines": machines}
        return train(recipe, **options, command=command_line(prog))


def finetune_preset(preset, data, backend, shared, **options):
    """Fine-tunes a preset in this process, on the backend that was asked for.

    Args:
        preset, data: as `recipes.runs.training.finetune` takes them.
        backend: as `start_keras` takes it.
        shared: --devices, --machines and --machine.
        options: of `recipes.runs.training.finetune`.
    """
    with _started(backend, *shared) as machines:
        from recipes.runs.training import finetune

        options |= {"devices": shared[0], "machines": machines}
        command = command_line(("vae-zoo",))
        return finetune(preset, data, **options, command=command)


@contextlib.contextmanager
def _started(backend, devices, addresses, machine):
    """Around a training: Keras is there, errors are sentences; yields the machines."""
    with one_sentence_errors(INTERRUPTED_RUN):
        machines = read_machines(addresses, machine)
        with watched(machines, INTERRUPTED_RUN) as all_are_there:
            start_keras(backend, devices, machines)
            all_are_there()
            yield machines


def train(
    recipe: Annotated[str, typer.Argument(metavar="R", help="See vae-zoo list.")],
    epochs: Epochs = None,
    backend: Backend = None,
    dtype: Dtype = None,
    data_dir: DataDir = None,
    out: Out = None,
    seed: Seed = 0,
    resume: Resume = False,
    start_from: StartFrom = None,
    devices: Devices = None,
    machines: Addresses = None,
    machine: Machine = None,
):
    """Trains a model as its recipe says, from scratch or from a preset of it."""
    if isinstance(recipe, str):
        found, prog = get_recipe(recipe), ("vae-zoo",)
    else:  # a script's own
        found, prog = recipe, ("python", "-m", f"recipes.{recipe.name}")
    train_recipe(
        found,
        prog,
        backend,
        (devices, machines, machine),
        epochs=epochs,
        dtype=dtype,
        data_dir=data_dir,
        out=out,
        seed=seed,
        resume=resume,
        start_from=start_from,
    )


def run_script(recipe):
    """What `python -m recipes.<recipe>` does: `train`, its first argument given."""
    script = typer.Typer(add_completion=False)
    script.command(help=recipe.summary)(types.MethodType(train, recipe))
    with deaf_at_the_end():
        script()
