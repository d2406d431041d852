"""A model's functions of NumPy arrays: compiled once, run in batches."""

import numpy as np

# Rows in one compiled call of `batched`.
BATCH = 256


class InferenceFunctions:
    """The compiled forms of one model's functions."""

    def __init__(self, model):
        self._model = model
        self._compiled = {}

    def get(self, name, function):
        """The compiled form of `function`, remembered under `name`."""
        if name not in self._compiled:
            self._compiled[name] = self._model.compile_inference(function)
        return self._compiled[name]

    def batched(self, name, function, *arrays):
        """Applies `function` to rows of arrays in batches of one shape.

        Arrays that are None are left out.
        """
        return np.concatenate(list(self.iter_batched(name, function, *arrays)))

    def iter_batched(self, name, function, *arrays):
        """Yields what `batched` returns, batch by batch; of no rows, an empty one."""
        compiled = self.get(name, function)
        arrays = [array for array in arrays if array is not None]
        rows = len(arrays[0])
        # Padding to powers of two keeps the shapes to compile for few.
        size = min(BATCH, 1 << max(0, rows - 1).bit_length())
        for start in range(0, max(1, rows), size):
            batch = [pad_rows(array[start : start + size], size) for array in arrays]
            yield compiled(*batch)[: rows - start]


def pad_rows(array, size, axis=0):
    """`array` with zeros appended along `axis` up to `size`, so that shapes repeat."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, size - array.shape[axis])
    return np.pad(array, widths)
