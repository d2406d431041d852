"""Presets to the hub."""

import os
import warnings

from zoo.presets.files import (
    CONFIG,
    WEIGHTS,
    check_digest,
    read_config,
    read_metadata,
)
from zoo.presets.folder import preset_folder
from zoo.presets.hub.address import KINDS, SCHEME, Address, is_address, listed
from zoo.presets.hub.card import CARD, with_front_matter
from zoo.presets.hub.library import library, told


def upload_preset(
    address: str,
    folder: str | os.PathLike[str],
    *,
    private: bool | None = None,
    license: str | None = None,
    message: str | None = None,
) -> str:
    """Uploads a preset to the hub in one commit, to a repository that is made for it.

    Its card gets what the hub reads at the top: tags, license, figures. All files of
    the folder that end in .gif, .h5, .json, .md, .onnx or .png go along, so that one
    may put exported files into it; a warning names the others. Who may do this is told
    by `hf auth login`, or HF_TOKEN.

    Args:
        address: such as "hf://user/name", or with "@branch".
        folder: a preset, or the name of one that ships with the package.
        private: whether only its owner sees the repository, if it is new.
        license: of the weights, such as "apache-2.0"; else none is named.
        message: of the commit.

    Returns:
        the address of the preset as it is now: "hf://user/name@commit".

    Raises:
        ValueError, FileNotFoundError: for an address that is none, or no whole preset.
        PermissionError, ConnectionError, ImportError: as `zoo.presets.hub.download`.

    Example:

    >>> import zoo
    >>> zoo.upload_preset("dense_vae_digits", ".")
    Traceback (most recent call last):
    ...
    ValueError: An address on the hub must be hf://user/name or ...
    """
    found = Address.of(address)
    if is_address(os.fspath(folder)):
        raise ValueError(f"`folder` must be a folder on this machine; got {folder!r}.")
    folder = preset_folder(folder)
    metadata = read_metadata(folder)
    for name in (CONFIG, WEIGHTS):
        check_digest(folder, name, metadata)
    read_config(folder)
    hub = library(address)
    files, others = _files(folder)
    if others:
        warnings.warn(f"Not uploaded: {listed(others)}.", stacklevel=2)
    card = files.pop(CARD, None)
    text = card.read_bytes() if card else b""
    text = with_front_matter(text, metadata, f"{SCHEME}{found.repository}", license)
    operations = [hub.CommitOperationAdd(CARD, text)]
    operations += [hub.CommitOperationAdd(name, files[name]) for name in sorted(files)]
    with told(found, "uploading to it"):
        api = hub.HfApi()
        api.create_repo(found.repository, private=private, exist_ok=True)
        commit = api.create_commit(
            found.repository,
            operations,
            commit_message=message or f"Preset {metadata['preset']}",
            revision=found.revision,
        )
    return f"{SCHEME}{found.repository}@{commit.oid}"


def _files(folder):
    """({name: path} of what is uploaded of a folder, names of what is not)."""
    files, others = {}, []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or path.is_dir():
            continue
        if path.suffix in KINDS and path.is_file():
            files[name] = path
        else:
            others.append(name)
    return files, others
