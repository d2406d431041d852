"""Real numbers to whole ones, the same at both ends.

Networks compute in float64, whose last digits differ between backends, processors and
sizes of batches. What reaches the coder is rounded first. Where a number lies so close
to the middle between two whole ones that the other end might round it differently, it
is noted which it became; the notes go with the file, so that both ends have the same
numbers wherever those before rounding differ by less than the margin.
"""

import numpy as np


class Notes:
    """Decisions that the one end takes and the other must know.

    Args:
        read: what `write` returned, at the end that only reads; None at the one that
            takes the decisions.
    """

    def __init__(self, read=None):
        self._writing = read is None
        self._kept = {} if read is None else _parse(read)
        self.where = 0

    def round(self, values, part, margin):
        """Whole numbers next to `values`: int64 of the same shape.

        Args:
            values: finite float64.
            part: number of the part of the block `where` that they belong to.
            margin: how far, at most, those at the other end may be from them.

        Raises:
            ValueError: if they are not finite.
        """
        if not np.all(np.isfinite(values)):
            raise ValueError(
                "The model cannot code images: what it says of some is not finite."
            )
        below = np.floor(values)
        above_half = values - below - 0.5
        rounded = (below + (above_half >= 0)).astype(np.int64)
        flat = rounded.reshape(-1)
        if self._writing:
            (close,) = np.nonzero((np.abs(above_half) < margin).reshape(-1))
            self._keep(part, close, above_half.reshape(-1)[close] >= 0)
        else:
            where, up = self._recall(part)
            halfway = np.round(values.reshape(-1)[where] - 0.5).astype(np.int64)
            flat[where] = halfway + up
        return rounded

    def leftovers(self, part, values=None):
        """Keeps whole numbers that are mostly 0, or recalls them: (where, values).

        Args:
            part: as for `round`; of its own.
            values: int64 (n,), at the end that takes the decisions.
        """
        if values is not None:
            (where,) = np.nonzero(values)
            # Signs go into the last bit.
            self._keep(part, where, 2 * np.abs(values[where]) + (values[where] < 0))
        where, kept = self._recall(part)
        return where, np.where(kept % 2, -(kept // 2), kept // 2)

    def _keep(self, part, where, values):
        if len(where):
            found = where.astype(np.int64), values.astype(np.int64)
            self._kept[self.where, part] = found

    def _recall(self, part):
        nothing = np.zeros(0, np.int64)
        return self._kept.get((self.where, part), (nothing, nothing))

    def write(self):
        """All decisions, as whole numbers >= 0."""
        numbers, before = [], 0
        for (block, part), (where, values) in sorted(self._kept.items()):
            steps = np.diff(where, prepend=0)
            pairs = np.stack([steps, values], axis=1).ravel().tolist()
            numbers += [block - before, part, len(where), *pairs]
            before = block
        return numbers


def _parse(numbers):
    kept, block, at = {}, 0, 0
    while at < len(numbers):
        step, part, count = numbers[at : at + 3]
        pairs = np.reshape(numbers[at + 3 : at + 3 + 2 * count], (count, 2))
        block, at = block + step, at + 3 + 2 * count
        kept[block, part] = np.cumsum(pairs[:, 0]), pairs[:, 1].astype(np.int64)
    return kept
