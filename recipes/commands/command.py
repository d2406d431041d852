"""The command line of a recipe's own script, and what all commands share."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from recipes.common.progress import working

Backend = Annotated[
    str | None, typer.Option(help="tensorflow, jax or torch; else KERAS_BACKEND.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the images.")]
Dtype = Annotated[
    str | None,
    typer.Option(help="Such as mixed_bfloat16; float32 on a CPU if not given."),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Prepared TFDS data sets; else TFDS_DATA_DIR.")
]
Out = Annotated[Path | None, typer.Option(help="Folder of the run.")]
Seed = Annotated[
    int, typer.Option(min=0, help="Fixes weights, splits, batches and noise.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what is there already.")
]
PresetName = Annotated[str, typer.Argument(metavar="P", help="Name or folder.")]

# What users cause, and can mend when they are told in a sentence.
USER_ERRORS = (ValueError, TypeError, OSError, ImportError, RuntimeError, MemoryError)
INTERRUPTED_RUN = "Interrupted: --resume goes on from the last epoch."


def train_recipe(recipe, backend, epochs, dtype, data_dir, out, seed, resume, prog):
    """Trains a recipe in this process, on the backend that was asked for."""
    with one_sentence_errors(INTERRUPTED_RUN):
        start_keras(backend)
        from recipes.runs.training import train

        return train(
            recipe,
            epochs=epochs,
            dtype=dtype,
            data_dir=data_dir,
            out=out,
            seed=seed,
            resume=resume,
            command=command_line(prog),
        )


def finetune_preset(preset, data, backend, epochs, dtype, data_dir, out, seed, resume):
    """Fine-tunes a preset in this process, on the backend that was asked for."""
    with one_sentence_errors(INTERRUPTED_RUN):
        start_keras(backend)
        from recipes.runs.training import finetune

        return finetune(
            preset,
            data,
            epochs=epochs,
            dtype=dtype,
            data_dir=data_dir,
            out=out,
            seed=seed,
            resume=resume,
            command=command_line(("vae-zoo",)),
        )


def start_keras(backend):
    """Imports Keras on a backend, with something to look at meanwhile."""
    from recipes.common import backend as backends

    backends.choose_backend(backend)
    with working("Starting Keras"):
        backends.start_keras(backend)


def command_line(prog, arguments=None):
    """The command that started this process, without this machine's paths.

    Where things lie is left out; a folder that must be named, such as a preset's, is
    called by its last part.

    Args:
        prog: words that stand for the program, such as ("vae-zoo",).
        arguments: instead of those of this process.
    """
    words = []
    arguments = iter(sys.argv[1:] if arguments is None else arguments)
    for word in arguments:
        option, equals, value = word.partition("=")
        if option in ("--data-dir", "--out"):
            if not equals:
                next(arguments, None)
        elif word.startswith("-") and equals:
            words.append(f"{option}={without_folders(value)}")
        elif word != "--resume":
            words.append(without_folders(word))
    return shlex.join([*prog, *words])


def without_folders(word):
    """A word of a command; of a path outside the working directory, the last part."""
    # A TFDS name such as emnist/letters is relative, and stays whole.
    outside = word.startswith("~") or Path(word).is_absolute() or ".." in word
    return Path(word).name if outside else word


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
    ):
        prog = ("python", "-m", f"recipes.{recipe.name}")
        train_recipe(recipe, backend, epochs, dtype, data_dir, out, seed, resume, prog)

    main.__doc__ = recipe.summary
    typer.run(main)


class one_sentence_errors:
    """Turns the errors that users cause into one sentence and exit code 1.

    With VAE_ZOO_TRACEBACK=1 in the environment they stay what they are.

    Args:
        interrupted: what is said, with exit code 130, when the user interrupts.
    """

    def __init__(self, interrupted="Interrupted."):
        self.interrupted = interrupted

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        # How Typer ends a command, and how a closed pipe does, are no errors.
        passed_on = (typer.Exit, typer.Abort, BrokenPipeError)
        if isinstance(error, passed_on) or os.environ.get("VAE_ZOO_TRACEBACK"):
            return False
        if isinstance(error, KeyboardInterrupt):
            _stop_with(self.interrupted, 130)
        if isinstance(error, USER_ERRORS):
            _stop_with(f"Error: {sentence(error)}", 1)
        return False


def sentence(error):
    """What an error says, in one line."""
    text = str(error)
    if isinstance(error, OSError) and error.errno and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror}."
    if isinstance(error, MemoryError):
        text = f"There is not enough memory. {text}"
    return " ".join(text.split()) or f"{type(error).__name__}."


def _stop_with(text, code):
    if sys.stderr.isatty():
        # An interrupted progress bar leaves the cursor hidden.
        sys.stderr.write("\r\033[K\033[?25h")
    print(text, file=sys.stderr)
    sys.exit(code)
