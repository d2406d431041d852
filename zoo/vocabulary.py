"""Texts as tokens, and tokens as texts: no Keras.

A vocabulary is a list. Token 0 ends a text and fills what is left of its row. Of kind
"bytes" the others are pieces of UTF-8, the single bytes first and what they were merged
to in the order of merging (byte-pair encoding: Sennrich et al., "Neural Machine
Translation of Rare Words with Subword Units", 2016), so that every text has its tokens.
Of kind "words" they are whole words, and token 1 stands for all that are not among
them.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

END, UNKNOWN = 0, 1
KINDS = ("bytes", "words")
UNKNOWN_WORD = "<unk>"
# What merging never joins: words, and what stands between them, with a space before.
_PIECES = re.compile(r" ?\w+| ?[^\w\s]+")
# JSON has no bytes: each is the character of its number.
_BYTES = "latin-1"
_ALL_BYTES = tuple(bytes([i]).decode(_BYTES) for i in range(256))
# Longer texts are no lines, and would take minutes to be cut.
MOST_CHARACTERS = 100_000


class Vocabulary:
    """What tokens stand for.

    Args:
        kind: "bytes" or "words".
        tokens: text of each token. The first is "", the end. Of kind "bytes" the next
            256 are the bytes 0 to 255 and the rest what they were merged to, bytes
            written as the characters of the same numbers (Latin-1); of kind "words" the
            second is "<unk>".

    Raises:
        ValueError, TypeError: if they are not.

    Example:

    >>> from zoo.vocabulary import Vocabulary
    >>> words = Vocabulary("words", ["", "<unk>", "a", "small", "cat"])
    >>> words.encode(["a small cat", "a dog"], length=4).tolist()
    [[2, 3, 4, 0], [2, 1, 0, 0]]
    >>> words.decode([[2, 3, 4, 0], [2, 1, 0, 0]])
    ['a small cat', 'a <unk>']
    """

    def __init__(self, kind: str, tokens: Sequence[str]):
        if kind not in KINDS:
            raise ValueError(f"`kind` must be 'bytes' or 'words'; got {kind!r}.")
        tokens = list(tokens)
        if not all(isinstance(token, str) for token in tokens):
            raise TypeError("`tokens` must be a list of text.")
        begin = ["", *_ALL_BYTES] if kind == "bytes" else ["", UNKNOWN_WORD]
        if tokens[: len(begin)] != begin:
            wanted = (
                "'' and then the 256 bytes" if kind == "bytes" else "'' and '<unk>'"
            )
            raise ValueError(f"`tokens` of {kind} must begin with {wanted}.")
        self._numbers = {token: i for i, token in enumerate(tokens)}
        if len(self._numbers) != len(tokens):
            raise ValueError("`tokens` must differ from each other.")
        if kind == "bytes" and max(map(ord, "".join(tokens))) > 255:
            raise ValueError(
                "`tokens` of bytes must be characters of the numbers 0 to 255."
            )
        self.kind, self.tokens = kind, tokens
        # Words come again and again.
        self._cut = functools.lru_cache(maxsize=2**16)(self._cut_piece)

    @classmethod
    def of(cls, given: Any) -> "Vocabulary":
        """A vocabulary from itself, or from what `get_config` gave.

        Raises:
            ValueError, TypeError: if it is neither.
        """
        if isinstance(given, Vocabulary):
            return given
        if not isinstance(given, dict) or set(given) != {"kind", "tokens"}:
            raise TypeError(
                "`vocabulary` must be a zoo.vocabulary.Vocabulary, or its `kind` and "
                f"`tokens`; got {type(given).__name__}."
            )
        return cls(given["kind"], given["tokens"])

    def get_config(self) -> dict[str, Any]:
        """Its arguments, as JSON values."""
        return {"kind": self.kind, "tokens": list(self.tokens)}

    def __len__(self):
        return len(self.tokens)

    def __eq__(self, other):
        same = isinstance(other, Vocabulary) and self.kind == other.kind
        return same and self.tokens == other.tokens

    def __hash__(self):
        return hash((self.kind, len(self.tokens)))

    def __repr__(self):
        return f"Vocabulary({self.kind!r}, {len(self):,} tokens)"

    def cut(self, text: str) -> list[int]:
        """The tokens of a text, without an end.

        White space of any sort and length counts as one space; none is kept around the
        text.

        Raises:
            TypeError: if it is no text.
            ValueError: if it is longer than 100,000 characters.
        """
        if not isinstance(text, str):
            raise TypeError(f"A text must be a str; got {type(text).__name__}.")
        if len(text) > MOST_CHARACTERS:
            raise ValueError(
                f"A text must be of at most {MOST_CHARACTERS:,} characters; got one of "
                f"{len(text):,}."
            )
        return [token for piece in pieces(text) for token in self._cut(piece)]

    def _cut_piece(self, piece):
        if self.kind == "words":
            return (self._numbers.get(piece.strip(), UNKNOWN),)
        raw = piece.encode("utf-8", "surrogatepass").decode(_BYTES)
        parts = list(raw)
        while len(parts) > 1:
            # The earlier a pair was merged, the lower its number.
            ranks = [
                self._numbers.get(a + b, len(self.tokens))
                for a, b in zip(parts, parts[1:], strict=False)
            ]
            best = min(ranks)
            if best == len(self.tokens):
                break
            merged, i = [], 0
            while i < len(parts):
                if i < len(ranks) and ranks[i] == best:
                    merged.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        return tuple(self._numbers[part] for part in parts)

    def encode(self, texts: Iterable[str], length: int, argument: str = "texts"):
        """Rows of tokens.

        Args:
            texts: any number of them.
            length: of a row. A text may fill it; a shorter one is ended by zeros.
            argument: what errors call the texts.

        Returns:
            int32 array (N, length).

        Raises:
            TypeError: if one is no text.
            ValueError: if one has more tokens than fit.
        """
        if isinstance(texts, str):
            raise TypeError(
                f"`{argument}` must be several texts; got one: put it into a list."
            )
        rows = []
        for number, text in enumerate(texts):
            tokens = self.cut(text)
            if len(tokens) > length:
                raise ValueError(
                    f"`{argument}` must be texts of at most {length} tokens; number "
                    f"{number} has {len(tokens)}: {shortened(text)!r}."
                )
            rows.append(tokens + [END] * (length - len(tokens)))
        return np.array(rows, np.int32).reshape(-1, length)

    def decode(self, tokens: Any) -> list[str]:
        """The texts of rows of tokens (N, T), each up to its end.

        Bytes that are no UTF-8, as a model may draw them, become the replacement
        character.

        Raises:
            ValueError: for tokens that the vocabulary does not have.
        """
        rows = np.asarray(tokens)
        if rows.ndim != 2 or rows.dtype.kind not in "iu":
            raise ValueError(
                f"`tokens` must be whole numbers (N, T); got {rows.dtype} of shape "
                f"{rows.shape}."
            )
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise ValueError(
                f"`tokens` must lie between 0 and {len(self) - 1}; got values from "
                f"{rows.min()} to {rows.max()}."
            )
        return [self.text_of(row).strip() for row in rows.tolist()]

    def text_of(self, row: list[int]) -> str:
        """The text of some tokens as it stands within others: with its spaces."""
        if END in row:
            row = row[: row.index(END)]
        words = [self.tokens[token] for token in row]
        if self.kind == "words":
            return " ".join(words)
        return "".join(words).encode(_BYTES).decode("utf-8", "replace")


def pieces(text: str) -> list[str]:
    """What no token reaches beyond: words and signs, but the first with a space before
    them if one was there.

    >>> pieces("a cat's  tail")
    ['a', ' cat', "'", 's', ' tail']
    """
    return _PIECES.findall(" ".join(text.split()))


def is_text(given: Any) -> bool:
    """Whether a text was given, or a list or an array that begins with one."""
    if isinstance(given, np.ndarray):
        some = given.dtype == object and given.size > 0
        return given.dtype.kind in "UT" or (some and isinstance(given.flat[0], str))
    if isinstance(given, (list, tuple)):
        return bool(given) and isinstance(given[0], str)
    return isinstance(given, str)


def goes_on_after_end(tokens: np.ndarray) -> np.ndarray:
    """Which rows of tokens (N, T) have some after an end, bool (N,)."""
    return ((tokens[:, :-1] == END) & (tokens[:, 1:] != END)).any(axis=1)


def shortened(text: str, most: int = 40) -> str:
    """The beginning of a text, for a sentence about it."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
