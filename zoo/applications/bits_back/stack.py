"""A stack of bits, of which latents are popped and onto which they are pushed."""

import functools
import importlib
from typing import Any

import numpy as np

# Standard deviations are 2^(w / 32) bins, of whole numbers w.
WIDTHS_PER_OCTAVE = 32
# Widths that there are tables for: from an eighth of a bin on, up to 2^15 bins.
MIN_WIDTH, MAX_WIDTH = -3 * WIDTHS_PER_OCTAVE, 15 * WIDTHS_PER_OCTAVE
# How many deviations tables of posteriors reach, and those of priors, which must hold
# whatever a posterior gives.
REACH, PRIOR_REACH = 6, 10
# Log-odds of bits are whole multiples of 1 / 32, up to ±16.
LOGITS_PER_UNIT, MAX_LOGIT = 32, 16 * 32
# Probabilities are whole multiples of 2^-24, as the coder's are: what `exp` gives on
# one processor and not on another does not reach it.
_UNIT = 2.0**24


def import_constriction() -> Any:
    """The package `constriction`, an entropy coder.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return importlib.import_module("constriction")
    except ImportError as error:
        raise ImportError(
            "Compression needs the entropy coder constriction: install it with "
            'pip install "vae-zoo[compress]".'
        ) from error


class Stack:
    """Bits, last in, first out, by asymmetric numeral systems.

    Duda et al., "The use of asymmetric numeral systems as an accurate replacement for
    Huffman coding", 2015. Whatever is popped with some parameters is undone by pushing
    it with the same, and the other way round.

    Args:
        words: uint32, what lies on it; the last is not 0.

    Attributes:
        lowest: the fewest bits that ever lay on it.
    """

    def __init__(self, words):
        self._models = import_constriction().stream.model
        coder = import_constriction().stream.stack.AnsCoder
        self._coder = coder(np.asarray(words, np.uint32)) if len(words) else coder()
        self.lowest = self.size

    @property
    def size(self):
        """How many bits lie on it."""
        return self._coder.num_valid_bits()

    @property
    def words(self):
        """What lies on it, uint32."""
        return self._coder.get_compressed()

    def push_normals(self, bins, means, widths, reach=REACH):
        """Pushes numbers of bins by normal distributions, all whole numbers.

        Args:
            bins, means: int64 (n,), at most `reach` deviations apart.
            widths: int64 (n,), of the standard deviations: see `WIDTHS_PER_OCTAVE`.
            reach: deviations to each side that there are probabilities of.
        """
        for width, rows in reversed(_groups(widths)):
            table, middle = self._table(width, reach)
            symbols = bins[rows] - means[rows] + middle
            self._coder.encode_reverse(symbols.astype(np.int32), table)

    def pop_normals(self, means, widths, reach=REACH):
        """What `push_normals` pushed: int64 (n,)."""
        bins = np.array(means, np.int64)
        for width, rows in _groups(widths):
            table, middle = self._table(width, reach)
            bins[rows] += self._coder.decode(table, len(rows)) - middle
        self._sink()
        return bins

    def push_bits(self, bits, logits):
        """Pushes bits (n,) of log-odds `logits` (n,), in units of `LOGITS_PER_UNIT`."""
        family = self._models.Bernoulli(perfect=False)
        bits = np.ascontiguousarray(bits, np.int32)
        self._coder.encode_reverse(bits, family, _probabilities()[logits + MAX_LOGIT])

    def pop_bits(self, logits):
        """What `push_bits` pushed: int32 (n,)."""
        family = self._models.Bernoulli(perfect=False)
        bits = self._coder.decode(family, _probabilities()[logits + MAX_LOGIT])
        self._sink()
        return bits

    def _sink(self):
        self.lowest = min(self.lowest, self.size)

    @functools.cache  # noqa: B019  # as long as the stack lives
    def _table(self, width, reach):
        """Probabilities of the bins around a mean, and how many are below it."""
        middle = table_reach(width, reach)
        distance = np.arange(-middle, middle + 1) / 2.0 ** (width / WIDTHS_PER_OCTAVE)
        density = np.exp(-0.5 * distance**2)
        rounded = np.round(_UNIT * density / density.sum()) / _UNIT
        return self._models.Categorical(rounded, perfect=False), middle


def table_reach(width, reach=REACH):
    """How many bins to each side of the mean there are probabilities of."""
    return int(np.ceil(reach * 2.0 ** (np.asarray(width) / WIDTHS_PER_OCTAVE).item()))


@functools.cache
def _probabilities():
    """Of a bit to be 1, for each of the log-odds there are."""
    logits = np.arange(-MAX_LOGIT, MAX_LOGIT + 1) / LOGITS_PER_UNIT
    return np.round(_UNIT / (1 + np.exp(-logits))) / _UNIT


def _groups(widths):
    """[(width, the rows that have it)] of widths (n,)."""
    order = np.argsort(widths, kind="stable")
    found, starts = np.unique(widths[order], return_index=True)
    rows = np.split(order, starts[1:]) if len(found) else []
    return list(zip(found.tolist(), rows, strict=True))
