"""`vae-zoo verify --restamp`: files that other tools changed, measured and taken in.

What slims, converts or quantizes ONNX files leaves them without the digest that
`Sampler` asks for, and their folder with a manifest of other files.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np

from export.arrays import decode_array
from export.errors import RuntimeModelError
from export.runtime.contents import inspect
from export.runtime.files import MAX_FILE_BYTES, add_digest
from export.runtime.golden import max_error, replay_tolerance
from export.runtime.manifest import MANIFEST, check_names, read_manifest, stamped
from export.runtime.protobuf import fields, varint
from export.runtime.session import Session

# How far a file may be off what it gave: as far as the exporter's own "int8".
TOLERANCE = 0.15
_METADATA = 14  # ModelProto.metadata_props


def restamp(folder):
    """Takes the changed files of a folder in, where they give what they gave.

    A file is changed if it is not the one that the manifest lists. It is read as
    strictly as any, and run on the inputs of the manifest; how far its outputs are from
    those kept there becomes its `max_abs_error`, where that is more than the error
    against Keras was, and what `verify` allows it, which goes on comparing with the
    outputs of the model. Errors on extreme inputs are not known any more.

    Files are replaced one by one and manifest.json last: where that is interrupted, the
    files are whole, and the next `restamp` goes on.

    Args:
        folder: written by `export.export_model`.

    Returns:
        {file name: error} of the files that had changed.

    Raises:
        FileNotFoundError: if there is no manifest, or a file that it lists is missing.
        RuntimeModelError: if a file is not what `Sampler` would run, or is off by more
            than `TOLERANCE`; nothing is written then.
        OSError: if files cannot be written.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    check_names(folder, manifest)
    errors, contents = {}, {}
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{folder} lacks {name}, which its manifest lists.")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            errors[name], contents[name] = _measured(data, path, entry)
    for name, data in contents.items():
        _replace(folder / name, data)
    text = json.dumps(stamped(manifest), indent=1) + "\n"
    _replace(folder / MANIFEST, text.encode())
    return errors


def _measured(data, path, entry):
    """(error, bytes) of a changed file, whose entry in the manifest is made to fit."""
    found = inspect(data, path)
    kind = path.name.removesuffix(".onnx")
    stored = {k: v for k, v in found.stored.items() if k != "content_sha256"}
    session = Session(path, kind, data=_with_metadata(data, stored))
    golden = entry["golden"]
    try:
        error = _error(session, golden)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise RuntimeModelError(
            f"{path.parent} has malformed golden vectors of {path.name}: {problem}."
        ) from problem
    if not error <= TOLERANCE:
        raise RuntimeModelError(
            f"{path} is off what it gave when it was exported by {error:.2g}, more "
            f"than the {TOLERANCE:g} that is allowed: nothing was written."
        )
    rounding = replay_tolerance(kind, session.metadata)
    known = {
        "golden": {**golden, "tolerance": error + rounding},
        "max_abs_error": max(error, session.metadata["max_abs_error"]),
        "extreme_error": None,
        "opset": found.opset,
    }
    stored |= {key: json.dumps(v, separators=(",", ":")) for key, v in known.items()}
    data = _with_metadata(data, stored)
    Session(path, kind, data=data).verify()
    digest = hashlib.sha256(data).hexdigest()
    entry.update(known, sha256=digest, bytes=len(data))
    return error, data


def _error(session, golden):
    """The largest error on golden inputs; codes are the same, or they are not."""
    got = session.run({k: decode_array(a) for k, a in golden["inputs"].items()})
    worst = 0.0
    for name, array in golden["outputs"].items():
        expected = decode_array(array)
        same = np.array_equal(got[name], expected)
        if expected.dtype.kind == "i" and not same:
            return float("inf")
        worst = max(worst, max_error(got[name], expected))
    return worst


def _with_metadata(data, stored):
    """The bytes of a model with these metadata, {key: text}, and its digest last."""
    out = bytearray()
    for number, kind, value in fields(data):
        if number != _METADATA:
            out += _field(number, kind, value)
    for key, value in sorted(stored.items()):
        pair = _field(1, 2, key.encode()) + _field(2, 2, value.encode())
        out += _field(_METADATA, 2, pair)
    return add_digest(bytes(out))


def _field(number, kind, value):
    content = varint(value) if kind == 0 else varint(len(value)) + bytes(value)
    return varint(number << 3 | kind) + content


def _replace(path, data):
    """Writes a file, all or nothing."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise type(error)(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
