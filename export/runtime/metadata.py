"""What an exported file says about itself, read and checked."""

import json
import math

from export.errors import RuntimeModelError
from export.runtime.signature import (
    CLASSIFIER_KIND,
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
    SCORER_KIND,
    has_codes,
    is_of_texts,
)
from zoo.text import is_name, printable
from zoo.vocabulary import Vocabulary

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
    "model",
    "preset",
    "latent_prior",
    "versions",
    "image_shape",
    "max_length",
    "vocabulary_size",
    "vocabulary",
    "latent_dim",
    "codebook_size",
    "code_shape",
    "cache_shape",
    "num_classes",
    "class_names",
    "num_attributes",
    "latents",
    "noise",
    "posterior",
    "network_labels",
    "anomaly",
)

# As many as a loop writes.
_MOST_TOKENS = 2**16
# What there is of models of texts.
_OF_TEXTS = (DECODER_KIND, ENCODER_KIND, GENERATOR_KIND, SAMPLER_KIND)


def parse(stored, kinds, path):
    """The metadata of a file as JSON values.

    Args:
        stored: {key: text}, as the file holds it.
        kinds: what it may be, of the kinds that `signature` knows.
        path: of the file, for errors.

    Raises:
        RuntimeModelError: if it is of another kind, or its metadata are incomplete.
    """
    kind = stored.get("kind")
    if stored.get("format") != FORMAT or kind not in kinds:
        raise RuntimeModelError(
            f"{path} must be a {' or a '.join(kinds)} in format {FORMAT!r}; it says it "
            f"is {kind!r} in format {stored.get('format')!r}."
        )
    try:
        metadata = {
            key: value if key in TEXT_KEYS else json.loads(value)
            for key, value in stored.items()
        }
        metadata = {**dict.fromkeys(_OPTIONAL), **metadata}
        good = _is_complete(metadata, kind)
        harmless = _is_harmless(metadata)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = harmless = False
    if good and not harmless:
        raise RuntimeModelError(
            f"{path} cannot be used: in its metadata `model`, `preset` and "
            "`latent_prior` must be names of letters, digits, '.', '_' and '-', and "
            "`versions` and `class_names` plain text."
        )
    if not good:
        raise RuntimeModelError(
            f"{path} cannot be used: its metadata must give `image_shape` (three "
            "sizes) or, of texts, `max_length` and `vocabulary_size`, with a "
            "`vocabulary` of that many tokens if any; `latent_dim` or, of codes, "
            "`codebook_size`, `code_shape` and where there is a prior `cache_shape`, "
            "or `latents`; `golden`, of a "
            "generator `noise`, of a scorer `anomaly` with the score's name and its "
            "`offset` and, for labels, either `num_classes`, which a classifier must "
            "have, with as many `class_names` if any, or `num_attributes`."
        )
    return metadata


def _is_complete(metadata, kind):
    """Whether there is what a model is run by, and it is of its type."""
    good = isinstance(metadata["golden"], dict)
    if is_of_texts(metadata):
        sizes = [metadata["max_length"], metadata["vocabulary_size"]]
        good = good and kind in _OF_TEXTS and metadata["image_shape"] is None
        good = good and metadata["max_length"] <= _MOST_TOKENS
        good = good and metadata["latents"] is None and not has_codes(metadata)
        good = good and _fits(metadata["vocabulary"], metadata["vocabulary_size"])
    else:
        sizes = list(metadata["image_shape"])
        good = good and len(sizes) == 3
    if kind == GENERATOR_KIND:
        numbers = [metadata["noise"][name] for name in ("normals", "uniforms")]
        good = good and all(type(n) is int and n >= 0 for n in numbers)
        good = good and sum(numbers) > 0
    if kind == SCORER_KIND:
        detector = metadata["anomaly"]
        good = good and _is_plain(detector["score"])
        good = good and math.isfinite(detector["offset"])
    if kind == CLASSIFIER_KIND:
        good = good and metadata["num_classes"] is not None
    if metadata["latents"] is not None:
        good = good and len(metadata["latents"]) > 0
        for group in metadata["latents"]:
            good = good and type(group["name"]) is str
            sizes += group["shape"]
        # All of them in a row, where a file takes that.
        row = sum(math.prod(group["shape"]) for group in metadata["latents"])
        good = good and metadata["latent_dim"] in (None, row)
    elif has_codes(metadata):
        cache = metadata["cache_shape"] or []
        good = good and len(metadata["code_shape"]) > 0
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
        good = good and all(map(_is_plain, names))
    return good


def _fits(vocabulary, size):
    """Whether what a file holds is a vocabulary of so many tokens, or None.

    Raises:
        ValueError, TypeError: if it is none at all, or no text that can be written.
    """
    if vocabulary is None:
        return True
    "".join(vocabulary["tokens"]).encode()
    return len(Vocabulary.of(vocabulary)) == size


def _is_harmless(metadata):
    """Whether what is shown, or put into code, is text and names."""
    names = [metadata["model"], metadata["preset"], metadata["latent_prior"]]
    versions = metadata["versions"] or {}
    texts = [metadata.get("quantize"), *versions, *versions.values()]
    return all(name is None or is_name(name) for name in names) and all(
        text is None or _is_plain(text) for text in texts
    )


def _is_plain(text):
    return isinstance(text, str) and printable(text) == text and "\n" not in text
