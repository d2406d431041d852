"""Self-BLEU: how alike texts are to each other.

Zhu et al., "Texygen: A Benchmarking Platform for Text Generation Models", 2018, section
3.2.2: each text is scored by BLEU (Papineni et al., 2002) with all others as its
references, and the mean taken. 1 where all are the same; the lower, the more they
differ. Of nonsense it is low, too: it says nothing without that of real texts, and of a
control, beside it.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter

import numpy as np

# Of so many words in a row at most.
ORDER = 4
# Counted where no n-gram of an order matches: Chen & Cherry, "A Systematic Comparison
# of Smoothing Techniques for Sentence-Level BLEU", 2014, method 1.
_NO_MATCH = 0.1


def self_bleu(texts, order=ORDER):
    """Self-BLEU of each text.

    Args:
        texts: list of texts, cut into words at white space; two or more.
        order: of the longest n-grams, all orders up to it counting alike.

    Returns:
        float64 array (N,), in [0, 1]; of a text without words 0.

    Example:
        >>> self_bleu(["a small cat", "a small cat"], order=2).tolist()
        [1.0, 1.0]
    """
    words = [text.split() for text in texts]
    counted = [[_ngrams(each, n) for each in words] for n in range(1, order + 1)]
    most = [_two_largest(counts) for counts in counted]
    lengths = sorted(map(len, words))
    scores = np.zeros(len(words))
    for i, own in enumerate(words):
        if not own:
            continue
        logs = [math.log(_precision(counted[n][i], most[n], i)) for n in range(order)]
        short = min(0.0, 1 - _closest(lengths, len(own)) / len(own))
        scores[i] = math.exp(short + sum(logs) / order)
    return scores


def _ngrams(words, n):
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _two_largest(counts):
    """{n-gram: [its largest count in a text, which text, the second largest]}."""
    found = {}
    for i, of_text in enumerate(counts):
        for ngram, count in of_text.items():
            best = found.setdefault(ngram, [0, -1, 0])
            if count > best[0]:
                best[:] = [count, i, best[0]]
            elif count > best[2]:
                best[2] = count
    return found


def _precision(own, most, i):
    """Share of a text's n-grams that another has, each as often as one other has it."""
    matched = 0
    for ngram, count in own.items():
        largest, which, second = most[ngram]
        matched += min(count, second if which == i else largest)
    return (matched or _NO_MATCH) / max(sum(own.values()), 1)


def _closest(lengths, own):
    """The length nearest to `own` among those of the others; the shorter of two.

    Args:
        lengths: sorted, of all texts.
        own: of one of them.
    """
    at = bisect.bisect_left(lengths, own)
    near = [*lengths[max(0, at - 1) : at], *lengths[at + 1 : at + 2]]
    return min(near, key=lambda length: (abs(length - own), length))
