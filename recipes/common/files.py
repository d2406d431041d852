"""Output files: refused before the work where they cannot be, then written whole."""

import contextlib
import os
from pathlib import Path

from zoo.unfinished import beside, remove, replace


def check_output(path, overwrite=False, suffix=None):
    """A path that a file can be written to.

    Args:
        path: the file.
        overwrite: whether there may be a file already.
        suffix: how its name must end.

    Raises:
        ValueError: for another ending.
        OSError: if it exists, or its folder does not or cannot be written to.
    """
    path = Path(path)
    if suffix and path.suffix.lower() != suffix:
        raise ValueError(f"The output {str(path)!r} must end in {suffix}.")
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder: give the name of a file.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{str(path)!r} exists already: choose another name or add --overwrite."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(path)!r}: there is no folder {str(path.parent)!r}."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"Cannot write {str(path)!r}: permission denied.")
    return path


def write_whole(path, content):
    """Writes bytes to a file, all or nothing.

    Raises:
        OSError: if that fails; what was there before is still there.
    """
    path = Path(path)
    temporary = beside(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise OSError(f"Cannot write {str(path)!r}: {error.strerror}.") from error
    finally:
        remove(temporary)


def make_folder(path):
    """A folder, made with those above it if there is none.

    Raises:
        OSError: if it cannot be made.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"Cannot write to {str(path)!r}: {error.strerror}.") from error
    return path


@contextlib.contextmanager
def make_whole_folder(path, overwrite=False, ours=None):
    """A folder to write to, which gets its name once all of it is written.

    Args:
        path: the folder that it will be.
        overwrite: whether there may be one already, which it replaces.
        ours: a file that a folder must have to be replaced.

    Raises:
        OSError: if there is one already, or the one above it cannot be written to.
    """
    path = Path(path)
    if os.path.lexists(path) and not overwrite:
        raise FileExistsError(
            f"{str(path)!r} exists already: choose another name or add --overwrite."
        )
    if os.path.lexists(path) and ours and not (path / ours).is_file():
        raise FileExistsError(
            f"{str(path)!r} has no {ours}: it is not ours, and not overwritten."
        )
    make_folder(path.parent)
    temporary = beside(path)
    try:
        temporary.mkdir()
        yield temporary
        replace(temporary, path)
    except OSError as error:
        if error.filename and Path(error.filename).name.startswith(temporary.name):
            raise OSError(f"Cannot write {str(path)!r}: {error.strerror}.") from error
        raise
    finally:
        remove(temporary)
