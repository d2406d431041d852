"""What is written: beside its target, and then in its place, whole or not at all."""

import contextlib
import os

from zoo.unfinished import beside, remove, replace


def check_target(target, overwrite, foreign, what):
    """Refuses a file or folder that is not to be written.

    Args:
        target: its Path.
        overwrite: whether there may be one already.
        foreign: whether what is there is none of ours, which stays in any case.
        what: it is then, for the sentence.

    Raises:
        OSError: saying why.
    """
    if os.path.lexists(target):
        if not overwrite:
            raise FileExistsError(
                f"{target} exists already: choose another path or pass overwrite=True."
            )
        if foreign:
            raise FileExistsError(f"{target} is {what}: it is not overwritten.")
    elif not target.parent.is_dir():
        raise FileNotFoundError(
            f"{target} cannot be written: there is no folder {target.parent}."
        )


@contextlib.contextmanager
def workspace_beside(target):
    """A temporary folder beside the target, so that a rename completes the export."""
    try:
        workspace = beside(target)
        workspace.mkdir()
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield workspace
    finally:
        remove(workspace)


def put_in_place(source, target, overwrite):
    """Gives what is finished the name of the target.

    Raises:
        OSError: if that fails; what was there before is still there.
    """
    try:
        if not overwrite and os.path.lexists(target):
            raise FileExistsError(0, "it came into being during the export")
        replace(source, target)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target, error):
    return type(error)(f"{target} cannot be written: {error.strerror}.")
