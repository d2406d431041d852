"""What an exported file says about itself, read and checked."""

import json

from export.errors import RuntimeModelError
from export.runtime.signature import PRIOR_STEP_KIND, has_codes

FORMAT = "vae-zoo-onnx/1"
# Stored as they are; every other metadata value is JSON.
TEXT_KEYS = (
    "format",
    "kind",
    "model",
    "preset",
    "latent_prior",
    "content_sha256",
)
# Entries that not every file has: read as None where they are missing.
_OPTIONAL = (
    "preset",
    "latent_dim",
    "codebook_size",
    "code_shape",
    "cache_shape",
    "num_classes",
    "class_names",
    "num_attributes",
)


def parse(stored, kind, path):
    """The metadata of a file as JSON values.

    Args:
        stored: {key: text}, as the file holds it.
        kind: "decoder", "encoder", "sampler" or "prior_step", what it must be.
        path: of the file, for errors.

    Raises:
        RuntimeModelError: if it is of another kind, or its metadata are incomplete.
    """
    if stored.get("format") != FORMAT or stored.get("kind") != kind:
        raise RuntimeModelError(
            f"{path} must be a {kind} in format {FORMAT!r}; it says it is "
            f"{stored.get('kind')!r} in format {stored.get('format')!r}."
        )
    try:
        metadata = {
            key: value if key in TEXT_KEYS else json.loads(value)
            for key, value in stored.items()
        }
        metadata = {**dict.fromkeys(_OPTIONAL), **metadata}
        good = _is_complete(metadata, kind)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise RuntimeModelError(
            f"{path} cannot be used: its metadata must give `image_shape` (three "
            "sizes), `latent_dim` or, of codes, `codebook_size`, `code_shape` and "
            "where there is a prior `cache_shape`, `golden` and, for labels, either "
            "`num_classes`, with as many `class_names` if any, or `num_attributes`."
        )
    return metadata


def _is_complete(metadata, kind):
    sizes = list(metadata["image_shape"])
    good = len(sizes) == 3 and isinstance(metadata["golden"], dict)
    if has_codes(metadata):
        cache = metadata["cache_shape"] or []
        good = good and len(metadata["code_shape"]) in (2, 3)
        good = good and len(cache) in ((3,) if kind == PRIOR_STEP_KIND else (0, 3))
        sizes += [metadata["codebook_size"], *metadata["code_shape"], *cache]
    else:
        sizes.append(metadata["latent_dim"])
    labels = [metadata["num_classes"], metadata["num_attributes"]]
    sizes += [n for n in labels if n is not None]
    good = good and all(type(n) is int and n > 0 for n in sizes) and None in labels
    names = metadata["class_names"]
    if names is not None:
        good = good and type(names) is list and len(names) == labels[0]
    return good
