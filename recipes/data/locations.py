"""Where prepared data sets lie, and where the project's own cache is."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path


def data_folder(data_dir=None) -> Path:
    """The folder of prepared TFDS data sets.

    Args:
        data_dir: a folder, or `None` for the one the environment variable TFDS_DATA_DIR
            names, or TFDS's own default, `~/tensorflow_datasets`, where it names none.

    Returns:
        the folder as a `pathlib.Path`; it need not exist.

    Example:
        >>> data_folder("my_data").as_posix()
        'my_data'
    """
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser()


def cache_folder() -> Path:
    """The user's cache folder of this project, by the habit of the platform."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "vae-zoo"


def prepared_datasets(data_dir=None) -> list[str]:
    """Names of the data sets prepared in a folder, without importing TFDS.

    Args:
        data_dir: as in `data_folder`.

    Returns:
        sorted list such as `["cifar10:3.0.2", "emnist/letters:3.1.0"]`; empty where
        the folder does not exist.

    Example:
        >>> prepared_datasets("no/such/folder")
        []
    """
    folder = data_folder(data_dir)
    found = [*folder.glob("*/*/dataset_info.json")]
    found += folder.glob("*/*/*/dataset_info.json")
    names = [path.parent.relative_to(folder).parts for path in found]
    return sorted(
        f"{'/'.join(parts[:-1])}:{parts[-1]}"
        for parts in names
        # TFDS writes into `incomplete.*` first: what a killed run left is no data set.
        if not any(part.startswith(("incomplete.", ".")) for part in parts)
    )


def require(module: str, extra: str = "data"):
    """Imports `module`, or says what to install: the package with that extra.

    Raises:
        ImportError: if the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This needs {module!r}, which could not be imported "
            f'({error}); install it with: pip install "vae-zoo[{extra}]"'
        ) from error


def import_early():
    """Imports TFDS, which `load_images` may need, before a bar of rich is on show.

    While TFDS is imported it replaces `builtins.__import__` for all threads: the one
    that draws the bar would import a placeholder, and die.
    """
    with contextlib.suppress(ImportError):  # not every source needs it
        importlib.import_module("tensorflow_datasets")
