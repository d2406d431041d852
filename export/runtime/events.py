"""What a file's observations are, to those who run it: images, or texts."""

from typing import Any

import numpy as np

from export.errors import RuntimeModelError
from export.runtime.arguments import (
    MAX_OUTPUT_BYTES,
    check_images,
    check_int,
    check_num_samples,
    short,
)
from export.runtime.signature import is_of_texts
from zoo.vocabulary import Vocabulary, goes_on_after_end, is_text

# What a token takes in an array, and a short one as text in a list.
_BYTES_OF_A_TOKEN = 16
# Pixels lie in [0, 1], but for what arithmetic rounds.
_ROUNDING = 1e-5


class Images:
    """Images (H, W, C).

    Args:
        metadata: of a file.

    Attributes:
        output: what files call them.
        noun: what sentences do.
    """

    output, noun = "image", "images"

    def __init__(self, metadata):
        self.shape = tuple(metadata["image_shape"])

    def check(self, x):
        """`x` as an encoder takes it, one sentence of what is wrong else."""
        return check_images(x, self.shape)

    def check_count(self, num_samples):
        """How many may be made at a time."""
        return check_num_samples(num_samples, self.shape)

    def check_output(self, images, name):
        """Refuses what is not what is promised, as a stranger's file gives it."""
        least, most = -_ROUNDING, 1 + _ROUNDING
        if images.size and not (images.min() >= least and images.max() <= most):
            raise RuntimeModelError(
                f"{name} gave pixels from {images.min():.4g} to {images.max():.4g}, "
                "not in [0, 1]."
            )

    def shown(self, images) -> Any:
        """What users are given."""
        return images


class Texts:
    """Rows of up to T tokens, and the texts that they stand for.

    Args, attributes: as of `Images`; `vocabulary` is a `zoo.vocabulary.Vocabulary`, or
    None.
    """

    output, noun = "tokens", "texts"

    def __init__(self, metadata):
        self.length, self.size = metadata["max_length"], metadata["vocabulary_size"]
        given = metadata.get("vocabulary")
        self.vocabulary = None if given is None else Vocabulary.of(given)
        longest = max(map(len, self.vocabulary.tokens)) if self.vocabulary else 0
        self._most = MAX_OUTPUT_BYTES // (self.length * max(longest, _BYTES_OF_A_TOKEN))

    def check(self, x):
        """See `Images.check`: texts, or tokens (N, t), t <= T, to int32 (N, T)."""
        if is_text(x):
            if self.vocabulary is None:
                raise TypeError(
                    "`x` is text, and the file holds no vocabulary: give tokens (N, "
                    f"{self.length})."
                )
            texts = [x] if isinstance(x, str) else list(x)
            return self.vocabulary.encode(texts, self.length, "x")
        return self._checked_tokens(x)

    def _checked_tokens(self, x):
        wanted = f"`x` must be texts, or tokens (N, t) of at most {self.length} places"
        try:
            x = np.asarray(x)
        except Exception as error:  # ragged lists, tensors on another device
            raise TypeError(
                f"{wanted}; got {type(x).__name__}, which numpy cannot read."
            ) from error
        if x.dtype.kind not in "iu":
            raise TypeError(f"{wanted}, whole numbers; got dtype {x.dtype}.")
        if x.ndim != 2 or not 1 <= x.shape[1] <= self.length:
            raise ValueError(f"{wanted}; got shape {x.shape}.")
        if x.size and not 0 <= x.min() <= x.max() < self.size:
            raise ValueError(
                f"`x` must be tokens from 0 to {self.size - 1}; got values from "
                f"{short(int(x.min()))} to {short(int(x.max()))}."
            )
        if (beyond := goes_on_after_end(x)).any():
            row = int(np.argmax(beyond))
            raise ValueError(
                "`x` must hold nothing but zeros after a text's end, which token 0 is; "
                f"row {row} goes on after one."
            )
        left = self.length - x.shape[1]
        return np.pad(x.astype(np.int32), ((0, 0), (0, left)))

    def check_count(self, num_samples):
        """See `Images.check_count`."""
        number = check_int("num_samples", num_samples, 0)
        if number > self._most:
            raise ValueError(
                f"`num_samples` must be at most {self._most} for texts of up to "
                f"{self.length} tokens, about {MAX_OUTPUT_BYTES // 2**30} GB of them; "
                f"got {number}: draw them in several calls with different seeds."
            )
        return number

    def check_output(self, tokens, name):
        """See `Images.check_output`."""
        if not tokens.size:
            return
        if not 0 <= tokens.min() <= tokens.max() < self.size:
            raise RuntimeModelError(
                f"{name} gave tokens from {tokens.min()} to {tokens.max()}, not from 0 "
                f"to {self.size - 1}."
            )
        if goes_on_after_end(tokens).any():
            raise RuntimeModelError(f"{name} gave texts that go on after their ends.")

    def shown(self, tokens) -> Any:
        """See `Images.shown`: a list of texts, where there is a vocabulary."""
        return tokens if self.vocabulary is None else self.vocabulary.decode(tokens)


def event_of(metadata):
    """`Images` or `Texts`, as a file's metadata say."""
    return Texts(metadata) if is_of_texts(metadata) else Images(metadata)
