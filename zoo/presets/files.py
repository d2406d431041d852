"""The files of a preset's folder, read and written whole or not at all: no Keras."""

import hashlib
import json
from pathlib import Path
from typing import Any

from zoo.presets import schema
from zoo.unfinished import beside, remove

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
FORMAT_VERSION = 1
MOST_JSON = 16_000_000  # bytes


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file of a preset's folder.

    Raises:
        ValueError: if there is no such file, or it holds something else.
    """
    path = folder / name
    if not path.is_file():  # a pipe or a device would never end
        raise _incomplete(folder, name)
    if path.stat().st_size > MOST_JSON:
        raise ValueError(
            f"{name} in the preset {str(folder)!r} has {path.stat().st_size:,} bytes, "
            f"more than the {MOST_JSON:,} that are read."
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # JSON and text decoding alike
        raise ValueError(
            f"{name} in the preset {str(folder)!r} is damaged: {error}."
        ) from error
    if not isinstance(value, dict):
        raise ValueError(f"{name} in the preset {str(folder)!r} is damaged.")
    return value


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes a JSON file whole, or leaves what was there.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    text = json.dumps(value, indent=1, sort_keys=True)
    write_bytes(path, f"{text}\n".encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole, or leaves what was there.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    temporary = beside(path)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        # That of a full disk names no file by itself.
        raise type(error)(error.errno, error.strerror, str(path)) from error
    finally:
        remove(temporary)


def write_metadata(folder: Path, metadata: dict[str, Any]) -> None:
    """Writes `metadata.json` with the SHA-256 of all that it says.

    Raises:
        ValueError: if an entry is of another type than a preset's.
        OSError: if it cannot be written; it names the file.
    """
    digests = {**metadata.get("sha256", {})}
    digests.pop(METADATA, None)
    metadata = {**metadata, "sha256": digests}
    digests[METADATA] = content_digest(metadata)
    schema.check(schema.Metadata, metadata, METADATA)
    write_json(folder / METADATA, metadata)


def content_digest(metadata: dict[str, Any]) -> str:
    """The SHA-256 of metadata as JSON, but for the entry that keeps it."""
    digests = metadata.get("sha256")
    if isinstance(digests, dict):
        digests = {k: v for k, v in digests.items() if k != METADATA}
    text = json.dumps({**metadata, "sha256": digests}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(folder: Path, name: str, metadata: dict[str, Any]) -> None:
    """Refuses a file that is not the one which the metadata were written for.

    Raises:
        ValueError: if it is missing or damaged.
    """
    if not (folder / name).is_file():
        raise _incomplete(folder, name)
    digests = metadata.get("sha256")
    wanted = digests.get(name) if isinstance(digests, dict) else None
    if digest(folder / name) != wanted:
        raise ValueError(
            f"{name} in the preset {str(folder)!r} is damaged: its SHA-256 is not the "
            f"one in {METADATA}. Save or copy the preset again."
        )


def read_metadata(folder: Path) -> dict[str, Any]:
    """What `metadata.json` says, if this release can read the folder at all.

    Raises:
        ValueError: if it is missing, damaged or of another format.
    """
    metadata = read_json(folder, METADATA)
    where = f"{METADATA} in the preset {str(folder)!r}"
    digests = metadata.get("sha256")
    said = digests.get(METADATA) if isinstance(digests, dict) else None
    # Older presets have none.
    if said is not None and said != content_digest(metadata):
        raise ValueError(
            f"{where} is damaged: it is not what its SHA-256 was taken of. Entries "
            "are changed by zoo.presets.update_metadata; who changed them by hand "
            f"removes {METADATA!r} from `sha256` in it."
        )
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"The preset {str(folder)!r} has format version {version!r}; this release "
            f"reads version {FORMAT_VERSION}."
        )
    schema.check(schema.Metadata, metadata, where)
    return metadata


def read_config(folder: Path) -> dict[str, Any]:
    """The model's configuration, as Keras serialized it.

    Raises:
        ValueError: if it is missing or damaged.
    """
    config = read_json(folder, CONFIG)
    schema.check(schema.Config, config, f"{CONFIG} in the preset {str(folder)!r}")
    return config


def _incomplete(folder: Path, name: str) -> ValueError:
    return ValueError(f"The preset {str(folder)!r} is incomplete: it has no {name}.")
