"""DataLoaders of PyTorch."""

from functools import partial
from typing import Any

import keras
import numpy as np
import torch

from zoo.training.inputs import RESIDENT_BYTES


def checked(loader, check):
    """A DataLoader that yields the checked batches of another."""

    def as_tensor(part):
        return None if part is None else torch.as_tensor(part)

    class CheckedLoader(torch.utils.data.DataLoader):
        def __init__(self):
            # What Keras asks for: the number of batches, and their size.
            self.__dict__.update(vars(loader))

        def __iter__(self):
            return (tuple(map(as_tensor, check(batch))) for batch in loader)

        def __len__(self):
            return len(loader)

    return CheckedLoader()


def batches(arrays, batch_size, shuffle=True, least=1):
    """Batches of arrays.

    Args:
        arrays: an array (N, ...), or tuples of such and None.
        batch_size: the last batch may be smaller.
        shuffle: whether torch's global generator draws an order every epoch.
        least: images that a batch must have, as the last one has: `fit` sees to it.

    Returns:
        `TensorBatches`; None if the arrays do not fit on the device, or are of a kind
        that PyTorch does not know.
    """
    parts = keras.tree.flatten(arrays)
    parts = [part for part in parts if part is not None]
    del least
    if not all(isinstance(p, np.ndarray) and p.dtype in _KNOWN for p in parts):
        return None
    device = keras.ops.zeros(()).device
    # Such as are in memory already, and may be written to, are taken as they are.
    copied = [p for p in parts if device.type != "cpu" or not p.flags.writeable]
    if sum(part.nbytes for part in copied) > RESIDENT_BYTES:
        return None

    def on_device(array):
        if array is None:
            return None
        dtype = keras.config.floatx() if array.dtype.kind == "f" else array.dtype
        array = np.require(array, dtype, "W")
        return torch.from_numpy(array).to(device)

    tensors = keras.tree.map_structure(on_device, arrays)
    return TensorBatches(tensors, len(parts[0]), batch_size, shuffle)


_KNOWN = tuple(map(np.dtype, ("float32", "float64", "uint8", "int32", "int64", "bool")))


class TensorBatches(torch.utils.data.DataLoader):
    """Batches of tensors, in the order that Keras would go through arrays.

    A batch is one gathering of rows on the device, where Keras passes on lists of
    numbers, and copies rows there.
    """

    def __init__(self, tensors, count, batch_size, shuffle):
        rows: Any = range(count)
        super().__init__(rows, batch_size, shuffle)
        self.tensors = tensors

    def __iter__(self):
        # What a DataLoader draws as it starts, so that a seed gives the same order.
        torch.empty((), dtype=torch.int64).random_()
        return self._batches()

    def _batches(self):
        first = keras.tree.flatten(self.tensors)[0]
        order = torch.as_tensor(list(self.sampler), device=first.device)
        for rows in order.split(self.batch_size):
            yield keras.tree.map_structure(partial(_rows, rows=rows), self.tensors)


def _rows(tensor, rows):
    return None if tensor is None else tensor.index_select(0, rows)
