"""Reading an exported file: whole and unchanged, or not at all.

onnxruntime loads a file with a flipped weight bit without a word. Every exported file
therefore ends with a metadata entry `content_sha256`: 64 hexadecimal digits, the
SHA-256 of the whole file with those digits read as zeros. It guards against damage,
not against someone who writes their own digest.
"""

import hashlib
from pathlib import Path

from export.errors import RuntimeModelError
from export.runtime.protobuf import looks_like_onnx

MAX_FILE_BYTES = 64 * 2**20

# ModelProto.metadata_props (field 14) holding {key: "content_sha256", value: 64 bytes}.
_ENTRY = b"\x72\x52\x0a\x0econtent_sha256\x12\x40"
_DIGITS = 64


def add_digest(data):
    """Appends the `content_sha256` entry to the bytes of an ONNX model."""
    return data + _ENTRY + _digest(data + _ENTRY)


def _digest(head):
    digest = hashlib.sha256(head)
    digest.update(b"0" * _DIGITS)
    return digest.hexdigest().encode()


def check_digest(data, name):
    """Raises RuntimeModelError unless `data` is what `add_digest` once returned."""
    data = memoryview(data)
    head, digits = data[:-_DIGITS], bytes(data[-_DIGITS:])
    if bytes(head[-len(_ENTRY) :]) == _ENTRY:
        if _digest(head) != digits:
            raise RuntimeModelError(
                f"{name} is damaged: its bytes do not match the SHA-256 kept inside "
                "it; copy or export it again."
            )
    elif looks_like_onnx(data):
        raise RuntimeModelError(
            f"{name} is an ONNX file without the `content_sha256` that "
            "export.export_decoder writes, so it cannot be checked; export it with "
            "vae-zoo."
        )
    else:
        raise RuntimeModelError(
            f"{name} is not a whole ONNX file: it is truncated, damaged or of "
            "another format; copy or export it again."
        )


def read_model(path):
    """The bytes of an exported ONNX file that nothing has changed since.

    Raises:
        FileNotFoundError: if there is no such file, or it is no regular one.
        RuntimeModelError: if it is too large, damaged or foreign.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        return check_model(file.read(MAX_FILE_BYTES + 1), path)


def check_model(data, name):
    """The bytes of a file, if nothing has changed them.

    Raises:
        RuntimeModelError: as `read_model`.
    """
    if len(data) > MAX_FILE_BYTES:
        raise RuntimeModelError(
            f"{name} is larger than {MAX_FILE_BYTES // 2**20} MB, the most this "
            "runtime loads."
        )
    check_digest(data, name)
    return data
