"""Pixels given latents: channel by channel, by the model's likelihood."""

import numpy as np

from zoo.applications.bits_back.exact import array, tensor
from zoo.applications.bits_back.levels import (
    LOGIT_ERROR,
    levels_logits,
    num_bits,
    pop_levels,
    push_decisions,
    round_logits,
)
from zoo.precision import scope


class Pixels:
    """Codes the images of a block.

    Args:
        exact: an `Exact` model.
        parameters: what its decoder gave, an array (B, H, W, P).
        stack, notes: see `Stack` and `Notes`.
    """

    def __init__(self, exact, parameters, stack, notes):
        self.likelihood, self.exact = exact.model.likelihood, exact
        self.stack, self.notes = stack, notes
        with scope("float64"):
            self.parameters = tensor(parameters)
        self.num_levels = self.likelihood.num_levels

    def push(self, levels):
        """Pushes levels (B, H, W, C)."""
        if self.num_levels == 2:
            self.stack.push_bits(levels.ravel(), self._logits(levels.shape))
            return
        made = []
        for channel in range(levels.shape[-1]):
            given = self._options(channel, levels[..., :channel])
            made += levels_logits(levels[..., channel], **given)
        push_decisions(self.stack, made)

    def pop(self, shape):
        """Levels that were pushed: int64 (B, H, W, C)."""
        if self.num_levels == 2:
            return self.stack.pop_bits(self._logits(shape)).reshape(shape)
        levels = np.zeros(shape, np.int64)
        for channel in range(shape[-1]):
            given = self._options(channel, levels[..., :channel])
            levels[..., channel] = pop_levels(self.stack, shape[:-1], **given)
        return levels

    def _logits(self, shape):
        """Whole log-odds (B H W C) of bits that do not depend on each other."""
        with scope("float64"):
            each = [
                array(self.likelihood.level_log_probs(self.parameters, channel))
                for channel in range(shape[-1])
            ]
        odds = np.stack(
            [log_probs[..., 1] - log_probs[..., 0] for log_probs in each], -1
        )
        return round_logits(odds.ravel(), self.notes, 0, LOGIT_ERROR)

    def _options(self, channel, before):
        with scope("float64"):
            x = tensor(self.exact.images(before)) if channel else None
            shares = self.likelihood.share_below(self.parameters, channel, x)

        def share_below(edges):
            with scope("float64"):
                return array(shares(edges))

        return {
            "num_levels": self.num_levels,
            "share_below": share_below,
            "notes": self.notes,
            "part": channel * num_bits(self.num_levels),
        }
