"""What users cause and can mend, told in one sentence."""

import os
import sys

import typer

from zoo.text import printable

# What users cause, and can mend when they are told in a sentence.
USER_ERRORS = (ValueError, TypeError, OSError, ImportError, RuntimeError, MemoryError)


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
    return printable(" ".join(text.split())) or f"{type(error).__name__}."


def listed(names, most):
    """Names for a sentence: the first ones, and how many more there are.

    Args:
        names: a sequence of texts.
        most: how many are told by name.
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def _stop_with(text, code):
    if sys.stderr.isatty():
        # An interrupted progress bar leaves the cursor hidden.
        sys.stderr.write("\r\033[K\033[?25h")
    print(text, file=sys.stderr)
    sys.exit(code)
