"""Presets from the hub: into its cache, or to a folder of one's own."""

import os
import shutil
import warnings
from pathlib import Path

from zoo.presets.files import (
    CONFIG,
    WEIGHTS,
    check_digest,
    read_config,
    read_metadata,
)
from zoo.presets.hub.address import KINDS, NEEDED, Address, listed
from zoo.presets.hub.card import CARD, without_front_matter
from zoo.presets.hub.library import errors, in_short, library, told
from zoo.unfinished import beside, remove


def cached_preset(address: str) -> Path:
    """The folder in the hub's cache of the preset at an address, downloaded if need be.

    Where the hub cannot be reached, it is the newest that was downloaded before, and a
    warning says so. For a commit that lies in the cache the hub is not asked.

    Raises:
        ValueError: for an address that is none, and for a preset that is damaged,
            which is then removed from the cache.
        FileNotFoundError: if there is no such repository or revision, or no preset in
            it.
        PermissionError: if the hub does not show it to this user.
        ConnectionError: if the hub cannot be reached, or stops on the way.
        ImportError: without huggingface_hub.
    """
    return _download(Address.of(address), list(NEEDED))


def download_preset(address: str, folder: str | os.PathLike[str]) -> Path:
    """Copies a preset from the hub to a new folder, all or nothing.

    With it come its card, its pictures and its exported files: what ends in .gif, .h5,
    .json, .md, .onnx or .png. A warning names what else there is, which is left out.

    Args:
        address: such as "hf://user/name@revision".
        folder: it must not exist yet.

    Returns:
        the folder.

    Raises:
        FileExistsError: if `folder` exists.
        OSError: if it cannot be written.
        As `cached_preset`.

    Example:

    >>> import zoo
    >>> zoo.download_preset("user/name", "my_preset")
    Traceback (most recent call last):
    ...
    ValueError: An address on the hub must be hf://user/name or ...
    """
    found, folder = Address.of(address), Path(folder)
    if os.path.lexists(folder):
        raise FileExistsError(
            f"{str(folder)!r} exists already: give a new folder, or remove it first."
        )
    source = _download(found, [f"*{kind}" for kind in KINDS])
    temporary = beside(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, temporary, ignore=_others)  # links become files
        card = temporary / CARD
        if card.is_file():
            text = without_front_matter(card.read_bytes())
            card.write_bytes(text) if text else card.unlink()
        temporary.rename(folder)
    except (OSError, shutil.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise OSError(f"Cannot write {str(folder)!r}: {why}.") from error
    finally:
        remove(temporary)
    return folder


def _download(address, patterns):
    """The folder in the cache, of files that match patterns; whole, or refused."""
    hub, folder = library(address), None

    def fetch(offline):
        found = hub.snapshot_download(
            address.repository,
            revision=address.revision,
            allow_patterns=patterns,
            local_files_only=offline,
        )
        return Path(found)

    with told(address, "downloading it"):
        if address.is_commit:
            try:
                folder = fetch(offline=True)
            except errors().LocalEntryNotFoundError:
                pass
        if folder is None:
            names = _ask(hub, address)
            if names and len(patterns) != len(NEEDED):
                _say_what_is_left_out(address, names)
            folder = fetch(offline=names is None)
    try:
        metadata = read_metadata(folder)
        for name in (CONFIG, WEIGHTS):
            check_digest(folder, name, metadata)
        read_config(folder)
    except ValueError as error:
        for name in NEEDED:
            remove((folder / name).resolve())
            remove(folder / name)
        raise ValueError(
            f"What the hub gave for {address} is no whole preset, and was removed from "
            f"the cache: {error}"
        ) from error
    return folder


def _ask(hub, address):
    """Names of a repository's files, or None if the hub cannot be reached.

    Raises:
        FileNotFoundError: if there is no preset among them.
        Errors of the hub.
    """
    raised = errors()
    try:
        info = hub.HfApi().repo_info(address.repository, revision=address.revision)
    except raised.HTTPError as error:
        response = getattr(error, "response", None)
        if response is not None and response.status_code < 500:
            raise
        why = f"it answers {response.status_code}" if response else in_short(error)
    except (ConnectionError, TimeoutError) as error:  # or told to stay offline
        why = in_short(error)
    else:
        names = sorted(file.rfilename for file in info.siblings or ())
        if missing := [name for name in NEEDED if name not in names]:
            raise FileNotFoundError(
                f"{address} is no preset of vae-zoo: it has no {listed(missing)}."
            )
        return names
    warnings.warn(
        f"The hub cannot be reached ({why}): what was downloaded of {address} before "
        "is taken.",
        stacklevel=5,
    )
    return None


def _say_what_is_left_out(address, names):
    others = [n for n in names if Path(n).suffix not in KINDS and n != ".gitattributes"]
    if others:
        warnings.warn(f"Left out of {address}: {listed(others)}.", stacklevel=4)


def _others(folder, names):
    """Of the names in a folder of the cache, those that are not copied."""
    return [
        name
        for name in names
        if not (Path(folder) / name).is_dir() and Path(name).suffix not in KINDS
    ]
