"""A folder written by `export_model`: what its manifest.json says must be there."""

import hashlib
import json
from pathlib import Path

from export.errors import RuntimeModelError
from zoo.text import printable

MANIFEST = "manifest.json"
MANIFEST_FORMAT = "vae-zoo-manifest/1"
DECODER, ENCODER, SAMPLER = "decoder.onnx", "encoder.onnx", "sampler.onnx"
PRIOR_STEP, GENERATOR = "prior_step.onnx", "generator.onnx"
CLASSIFIER = "classifier.onnx"
# By itself, in no folder.
SCORER = "scorer.onnx"
_KNOWN = frozenset({DECODER, ENCODER, SAMPLER, PRIOR_STEP, GENERATOR, CLASSIFIER})
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
        for entry in manifest["files"].values():
            if not isinstance(entry["sha256"], str):
                raise TypeError("a SHA-256 is text")
        manifest["files"][main_file(manifest)]
        # Folders of before it was written have none: `verify` says so.
        if manifest.get("sha256", content := content_digest(manifest)) != content:
            raise ValueError("it is not what its SHA-256 was taken of")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else repr(error)
        raise RuntimeModelError(
            f"{path} is damaged or not a manifest of vae-zoo ({printable(why)}); "
            "export the folder again."
        ) from error
    return manifest


def stamped(manifest):
    """A manifest with the SHA-256 of all that it says."""
    return {**manifest, "sha256": content_digest(manifest)}


def content_digest(manifest):
    """The SHA-256 of a manifest as JSON, but for the entry that keeps it."""
    said = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def main_file(manifest):
    """The file that says what a folder holds: the decoder, where there is one."""
    return DECODER if DECODER in manifest["files"] else GENERATOR


def check_names(folder, manifest):
    """Raises RuntimeModelError if a manifest lists a file of an unknown name."""
    if unknown := sorted(set(manifest["files"]) - _KNOWN):
        raise RuntimeModelError(
            f"{folder} lists {unknown[0]!r}, a file that this version of vae-zoo does "
            "not know."
        )


def check_files(folder, manifest):
    """Checks all files that a manifest lists, that they are of known names, and itself.

    Raises:
        FileNotFoundError, RuntimeModelError: naming the file that is not as it says.
    """
    check_names(folder, manifest)
    if "sha256" not in manifest:
        raise RuntimeModelError(
            f"{Path(folder) / MANIFEST} has no SHA-256 of what it says itself: it is "
            "damaged, or of an earlier release; export the folder again, or let "
            "`vae-zoo verify --restamp` write one."
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
