"""A model's functions of NumPy arrays: compiled once, run in batches."""

import keras
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
            self._model.build_remaining()
            self._compiled[name] = self._model.compile_inference(function)
        return self._compiled[name]

    def gradient(self, name, function):
        """The compiled form of `function` (N,) and its gradient, likewise.

        It returns what the function does of arrays whose first axes are N, and the
        gradient of its sum with respect to the first of them, of NumPy arrays.
        """
        if name not in self._compiled:
            self._model.build_remaining()
            self._compiled[name] = self._model.compile_gradient(function)
        return self._compiled[name]

    def batched(self, name, function, *arrays, at_most=BATCH):
        """Applies `function` to rows of arrays in batches of one shape.

        Arrays that are None are left out.

        Args:
            name: that the compiled form is remembered under.
            function: of tensors, to tensors.
            arrays: with as many rows each.
            at_most: rows in one call.

        Returns:
            what `function` returns, of NumPy arrays.
        """
        parts = list(self.iter_batched(name, function, *arrays, at_most=at_most))
        return keras.tree.map_structure(lambda *rows: np.concatenate(rows), *parts)

    def iter_batched(self, name, function, *arrays, at_most=BATCH):
        """Iterates over what `batched` returns, batch by batch; of no rows, an empty
        one.

        Arrays may be anything with a length and slices that are arrays.
        """
        compiled = self.get(name, function)
        given = [array for array in arrays if array is not None]
        return run_batches(compiled, given, at_most)


def run_batches(compiled, arrays, at_most=BATCH):
    """Iterates over what a function of arrays gives of their rows, batch by batch."""
    rows = len(arrays[0])
    # Padding to powers of two keeps the shapes to compile for few.
    size = min(at_most, 1 << max(0, rows - 1).bit_length())
    for start in range(0, max(1, rows), size):
        batch = [pad_rows(array[start : start + size], size) for array in arrays]
        count = min(size, rows - start)
        yield keras.tree.map_structure(lambda a, n=count: a[:n], compiled(*batch))


def pad_rows(array, size, axis=0):
    """`array` with zeros appended along `axis` up to `size`, so that shapes repeat."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, size - array.shape[axis])
    return np.pad(array, widths)
