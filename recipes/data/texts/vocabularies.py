"""Vocabularies made of texts."""

from __future__ import annotations

import json
from collections.abc import Iterable

from recipes.data.locations import require
from zoo.vocabulary import KINDS, UNKNOWN_WORD, Vocabulary, pieces

# What stands between pieces while they are counted: no piece has it in it.
_BETWEEN = "\n"


def make_vocabulary(texts: Iterable[str], kind: str, size: int) -> Vocabulary:
    """A vocabulary of the words, or of the byte pairs, that are most frequent in texts.

    Args:
        texts: to count them in: training texts alone.
        kind: "bytes" or "words".
        size: number of tokens at most, the end among them; fewer if the texts have no
            more. Of bytes at least 257.

    Raises:
        ValueError: for another kind, or a size that is too small.
        ImportError: if `tokenizers` is not installed.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be 'bytes' or 'words'; got {kind!r}.")
    least = 257 if kind == "bytes" else 3
    if not isinstance(size, int) or size < least:
        raise ValueError(
            f"A vocabulary of {kind} must have at least {least} tokens; got {size!r}."
        )
    cut = (_BETWEEN.join(pieces(text)) for text in texts)
    make = _of_bytes if kind == "bytes" else _of_words
    return Vocabulary(kind, make(require("tokenizers"), cut, size))


def _of_words(tokenizers, texts, size):
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token=UNKNOWN_WORD))
    words.normalizer = tokenizers.normalizers.Replace(" ", "")
    words.pre_tokenizer = tokenizers.pre_tokenizers.Split(_BETWEEN, "removed")
    trainer = tokenizers.trainers.WordLevelTrainer(
        vocab_size=size - 1, special_tokens=[UNKNOWN_WORD], show_progress=False
    )
    words.train_from_iterator(texts, trainer)
    numbers = words.get_vocab()
    return ["", *sorted(numbers, key=numbers.__getitem__)]


def _of_bytes(tokenizers, texts, size):
    pairs = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(_BETWEEN, "removed")
    as_bytes = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=False
    )
    pairs.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, as_bytes])
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - 1,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pairs.train_from_iterator(texts, trainer)
    merges = json.loads(pairs.to_str())["model"]["merges"]
    characters = _bytes_of_characters()
    tokens = ["", *(bytes([i]).decode("latin-1") for i in range(256))]
    for pair in merges:
        tokens.append("".join(characters[c] for c in "".join(pair)))
    return list(dict.fromkeys(tokens))  # two pairs may become the same


def _bytes_of_characters():
    """What `tokenizers` writes each byte as, to the character of the byte's number."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [i for i in range(256) if i not in printable]
    table = {chr(i): chr(i) for i in printable}
    return table | {chr(256 + n): chr(i) for n, i in enumerate(others)}
