"""The command line that started a process, as records keep it."""

import shlex
import sys
from pathlib import Path


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
