"""Symbols of a few levels, pixels and codes, as decisions between two halves."""

import numpy as np

from zoo.applications.bits_back.stack import LOGITS_PER_UNIT, MAX_LOGIT

# The least probability of a level.
_LEAST = 2.0**-24
# How far log-odds, and shares of all probability, may be off at the other end.
LOGIT_ERROR, _SHARE_ERROR = 1e-9, 1e-12


def num_bits(num_levels):
    """How many decisions tell a level."""
    return max(1, (num_levels - 1).bit_length())


def middles(symbols, num_levels):
    """The edges that a symbol is compared with: int64 (..., num_bits).

    A decision is whether a symbol is at or above the middle of what is left.
    """
    depth = num_bits(num_levels)
    steps = 1 << np.arange(depth - 1, -1, -1)
    return symbols[..., None] // (2 * steps) * (2 * steps) + steps


class Decisions:
    """Log-odds of one decision after another about many symbols.

    Args:
        shape: of the symbols.
        num_levels: symbols are 0 ... num_levels - 1.
        notes, part: see `rounding.Notes`; so many parts as there are decisions.
    """

    def __init__(self, shape, num_levels, notes, part):
        self.num_levels, self.notes, self.part = num_levels, notes, part
        self.step = 1 << num_bits(num_levels)
        self.low = np.zeros(shape, np.int64)
        self.below = np.zeros(shape)
        self.above = np.ones(shape) + _LEAST * num_levels

    @property
    def middle(self):
        """The edges (...) that the next decision compares symbols with."""
        return np.minimum(self.low + self.step // 2, self.num_levels)

    def logits(self, share):
        """Whole log-odds of the next decision.

        Args:
            share: P(symbol < middle), (...).
        """
        self.share = share + _LEAST * self.middle
        upper = np.maximum(self.above - self.share, 1e-30)
        lower = np.maximum(self.share - self.below, 1e-30)
        off = LOGIT_ERROR + _SHARE_ERROR / np.minimum(upper, lower)
        self.part += 1
        odds = np.log(upper) - np.log(lower)
        return round_logits(odds, self.notes, self.part - 1, off)

    def take(self, bits):
        """Goes on to the half that bits (...) say."""
        self.step //= 2
        self.low = self.low + self.step * bits
        self.below = np.where(bits, self.share, self.below)
        self.above = np.where(bits, self.above, self.share)


def round_logits(odds, notes, part, off):
    """Whole log-odds of float64 ones in nats, which may be so far off: int64."""
    logits = np.clip(LOGITS_PER_UNIT * odds, -MAX_LOGIT, MAX_LOGIT)
    return notes.round(logits, part, np.minimum(LOGITS_PER_UNIT * off, 0.25))


def levels_logits(symbols, num_levels, share_below, notes, part):
    """Decisions and their log-odds, of symbols that are known.

    Args:
        symbols: int64 (...).
        num_levels, notes, part: as for `Decisions`.
        share_below: function of edges (..., E) to P(symbol < edge), (..., E).

    Returns:
        [(bits (...), logits (...))], in the order in which they are popped.
    """
    edges = np.minimum(middles(symbols, num_levels), num_levels)
    shares = share_below(edges)
    decisions = Decisions(symbols.shape, num_levels, notes, part)
    made = []
    for number in range(edges.shape[-1]):
        logits = decisions.logits(shares[..., number])
        bits = (symbols >> (edges.shape[-1] - 1 - number)) & 1
        made.append((bits, logits))
        decisions.take(bits)
    return made


def push_decisions(stack, made):
    """Pushes what `levels_logits` returned, for `pop_levels` to find."""
    for bits, logits in reversed(made):
        stack.push_bits(bits.ravel(), logits.ravel())


def pop_levels(stack, shape, num_levels, share_below, notes, part):
    """Symbols that were pushed: int64 of a shape.

    Args:
        stack: a `Stack`.
        shape: of the symbols.
        num_levels, share_below, notes, part: as for `levels_logits`.
    """
    decisions = Decisions(shape, num_levels, notes, part)
    for _ in range(num_bits(num_levels)):
        logits = decisions.logits(share_below(decisions.middle[..., None])[..., 0])
        decisions.take(stack.pop_bits(logits.ravel()).reshape(shape))
    return decisions.low
