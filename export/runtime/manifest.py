"""A folder written by `export_model`: what its manifest.json says must be there."""

import hashlib
import json
from pathlib import Path

from export.errors import RuntimeModelError

MANIFEST = "manifest.json"
MANIFEST_FORMAT = "vae-zoo-manifest/1"
DECODER, ENCODER, SAMPLER = "decoder.onnx", "encoder.onnx", "sampler.onnx"
PRIOR_STEP, GENERATOR = "prior_step.onnx", "generator.onnx"
_KNOWN = frozenset({DECODER, ENCODER, SAMPLER, PRIOR_STEP, GENERATOR})
_MAX_MANIFEST_BYTES = 16 * 2**20


def read_manifest(folder):
    """The manifest of an exported folder as a dict.

    Raises:
        FileNotFoundError: if the folder holds no manifest.json.
        RuntimeModelError: if it cannot be read, or lists neither a decoder.onnx nor a
            generator.onnx.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no {MANIFEST}: give an ONNX file, or a folder that "
            "export.export_model wrote."
        )
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ValueError("it is too large")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != MANIFEST_FORMAT:
            raise ValueError(f"its format is {manifest['format']!r}")
        if not isinstance(manifest["files"][main_file(manifest)]["sha256"], str):
            raise TypeError("a SHA-256 is text")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RuntimeModelError(
            f"{path} is damaged or not a manifest of vae-zoo ({error!r}); export the "
            "folder again."
        ) from error
    return manifest


def main_file(manifest):
    """The file that says what a folder holds: the decoder, where there is one."""
    return DECODER if DECODER in manifest["files"] else GENERATOR


def check_files(folder, manifest):
    """Checks all files that a manifest lists, and that they are of known names.

    Raises:
        FileNotFoundError, RuntimeModelError: naming the file that is not as it says.
    """
    if unknown := sorted(set(manifest["files"]) - _KNOWN):
        raise RuntimeModelError(
            f"{folder} lists {unknown[0]!r}, a file that this version of vae-zoo does "
            "not know."
        )
    for name in sorted(manifest["files"]):
        check_file(folder, name, manifest)


def check_file(folder, name, manifest):
    """Raises RuntimeModelError unless a file's SHA-256 is the manifest's."""
    path = Path(folder) / name
    if not path.is_file():
        raise FileNotFoundError(f"{folder} lacks {name}, which its manifest lists.")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = manifest["files"][name]
    if not isinstance(entry, dict) or entry.get("sha256") != digest:
        raise RuntimeModelError(
            f"{path} is not the file its manifest lists: its SHA-256 differs; copy or "
            "export the folder again."
        )
