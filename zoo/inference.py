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

    def batched(self, name, function, array):
        """Applies `function` to rows of `array` in batches of one shape."""
        compiled = self.get(name, function)
        # Padding to powers of two keeps the shapes to compile for few.
        size = min(BATCH, 1 << max(0, len(array) - 1).bit_length())
        outputs = []
        for start in range(0, max(1, len(array)), size):
            batch = array[start : start + size]
            padding = [(0, size - len(batch))] + [(0, 0)] * (array.ndim - 1)
            outputs.append(compiled(np.pad(batch, padding))[: len(batch)])
        return np.concatenate(outputs)
