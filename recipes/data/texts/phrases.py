"""Phrases that the project makes up: a small language whose probabilities are known.

A phrase is drawn from a grammar, each choice with a probability that is written here,
so that log p of every phrase is known exactly, and with it how well any model of them
can do: as sprites are for images, these are for texts.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

from recipes.data.texts.source import Lines, TextSource

NAME = "phrases"
COUNT = 12_000
CLASSES = ("statement", "question")
_SEED = 0

# Each symbol and what it is replaced by, (weight, symbols and words).
GRAMMAR = {
    "statement": [
        (6, "thing act ."),
        (3, "thing act place ."),
        (2, "when , thing act ."),
        (1, "thing is quality ."),
    ],
    "question": [
        (4, "does thing verb ?"),
        (3, "where is thing ?"),
        (2, "is thing quality ?"),
        (1, "who sees thing ?"),
    ],
    "thing": [
        (5, "the animal"),
        (4, "the quality animal"),
        (1, "the quality colour animal"),
    ],
    "act": [(4, "doing"), (2, "doing how"), (3, "sees thing"), (1, "follows thing")],
    "place": [(1, "where_to the spot")],
    "where_to": [(3, "in"), (2, "near"), (1, "behind")],
    "when": [(2, "today"), (1, "at night"), (1, "in the winter")],
    "animal": [
        (6, "cat"),
        (6, "dog"),
        (4, "horse"),
        (3, "bird"),
        (3, "fox"),
        (2, "hare"),
        (1, "owl"),
        (1, "whale"),
    ],
    "quality": [(4, "small"), (4, "old"), (3, "quiet"), (2, "hungry"), (1, "proud")],
    "colour": [(3, "grey"), (2, "white"), (2, "black"), (1, "red")],
    "doing": [
        (4, "sleeps"),
        (3, "sings"),
        (3, "runs"),
        (2, "waits"),
        (1, "dreams"),
    ],
    "verb": [(4, "sleep"), (3, "sing"), (3, "run"), (2, "wait"), (1, "dream")],
    "how": [(3, "slowly"), (2, "again"), (1, "alone")],
    "spot": [(4, "house"), (3, "garden"), (3, "forest"), (2, "river"), (1, "hill")],
}
# Of each class, how many of ten phrases.
_SHARES = {"statement": 7, "question": 3}


def phrases_source() -> TextSource:
    """12,000 phrases, by what they are: statements or questions."""

    def read(split):
        rng = np.random.default_rng(_SEED)
        texts, labels = [], []
        for label in rng.choice(2, COUNT, p=[_SHARES[c] / 10 for c in CLASSES]):
            texts.append(" ".join(_draw(CLASSES[label], rng)))
            labels.append(label)
        return Lines(texts, np.array(labels, np.int64))

    notes = [f"{COUNT:,} phrases drawn from a grammar of the project's (seed {_SEED})"]
    return TextSource(NAME, ("train",), read, notes, CLASSES, "Apache-2.0")


def log_prob(phrase: str, label: int | None = None) -> float:
    """log p of a phrase in nats, or given its class; -inf of what is none.

    >>> round(log_prob("where is the cat ?", 1), 4)
    -3.3635
    >>> log_prob("the the cat")
    -inf
    """
    words = tuple(phrase.split())
    if label is not None:
        return _log(_inside(CLASSES[label], words))
    return _log(sum(_SHARES[c] / 10 * _inside(c, words) for c in CLASSES))


def entropy() -> float:
    """The entropy of the language in nats: no model of it has a lower mean -log p(x).

    That of its choices, as no phrase comes of different ones.

    >>> round(entropy(), 3)
    9.002
    """
    shares = [share / 10 for share in _SHARES.values()]
    own = -sum(p * math.log(p) for p in shares)
    return own + sum(
        p * _entropy(symbol) for p, symbol in zip(shares, _SHARES, strict=True)
    )


@functools.cache
def _entropy(symbol):
    """That of what a symbol becomes."""
    rules = GRAMMAR.get(symbol, [(1, "")])
    total = sum(weight for weight, _ in rules)
    return sum(
        weight / total * (math.log(total / weight) + sum(map(_entropy, parts.split())))
        for weight, parts in rules
    )


def _log(p):
    return math.log(p) if p else -math.inf


def _draw(symbol, rng) -> Iterator[str]:
    """The words that a symbol becomes."""
    if symbol not in GRAMMAR:
        yield symbol
        return
    weights = np.array([weight for weight, _ in GRAMMAR[symbol]], float)
    chosen = rng.choice(len(weights), p=weights / weights.sum())
    for part in GRAMMAR[symbol][chosen][1].split():
        yield from _draw(part, rng)


@functools.lru_cache(maxsize=2**18)
def _inside(symbol, words):
    """p that a symbol becomes these words."""
    if symbol not in GRAMMAR:
        return float(words == (symbol,))
    rules = GRAMMAR[symbol]
    total = sum(weight for weight, _ in rules)
    return sum(
        weight / total * _inside_all(tuple(parts.split()), words)
        for weight, parts in rules
    )


@functools.lru_cache(maxsize=2**18)
def _inside_all(symbols, words):
    """p that symbols, one after another, become these words."""
    if len(symbols) == 1:
        return _inside(symbols[0], words)
    if len(words) < len(symbols):
        return 0.0
    return sum(
        p * _inside_all(symbols[1:], words[cut:])
        for cut in range(1, len(words) - len(symbols) + 2)
        if (p := _inside(symbols[0], words[:cut]))
    )
