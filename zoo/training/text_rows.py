"""Texts in batches of like length: little is computed of places after their ends."""

import numpy as np

from zoo.vocabulary import END

# Texts are sorted by length within so many batches at a time, and the batches shuffled:
# which texts come together is still left to chance.
_SORTED_BATCHES = 64
# Widths of batches are multiples of this, so that few have to be compiled.
_STEP_OF_WIDTH = 8


class TextRows:
    """Rows of tokens, of which batches are no wider than their longest text needs.

    Args:
        tokens: int32 (N, T), zeros after each text.

    >>> rows = TextRows(np.array([[5] * 3 + [0] * 21, [5] * 12 + [0] * 12], "int32"))
    >>> rows[[0]].shape, rows[[0, 1]].shape
    ((1, 8), (2, 16))
    """

    def __init__(self, tokens):
        self.tokens = tokens
        self.lengths = np.sum(tokens != END, axis=1)
        self.shape, self.dtype = tokens.shape, tokens.dtype

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, index):
        longest = int(np.max(self.lengths[index], initial=0))
        width = -(-(longest + 1) // _STEP_OF_WIDTH) * _STEP_OF_WIDTH
        return self.tokens[index, : min(width, self.shape[1])]

    def arrange(self, order, batch_size):
        """An order alike in which the texts of a batch are of like length."""
        whole = len(order) // batch_size * batch_size
        batches = []
        for start in range(0, whole, batch_size * _SORTED_BATCHES):
            part = order[start : min(start + batch_size * _SORTED_BATCHES, whole)]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += np.split(part, len(part) // batch_size)
        # Decided by the order that it was given, and by nothing else.
        shuffled = np.random.default_rng(order).permutation(len(batches))
        return np.concatenate([*(batches[i] for i in shuffled), order[whole:]])
