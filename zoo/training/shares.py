"""The shares that devices and processes have in a batch, with `keras.distribution`.

Keras on JAX wants batches that its devices divide evenly, and of several processes each
to bring its own part of a batch. Here all of them go through the same images in the
same order, each brings its part, and images that fill a batch up are taken out again
within the step: a step computes what one device would.
"""

from typing import Any

import keras
import numpy as np

from zoo.training.inputs import is_array
from zoo.training.rows import rows_behind


class SharedBatches(keras.utils.PyDataset):
    """Batches filled up so that devices divide them, of each this process's part.

    Args:
        batches: `zoo.training.rows.RowBatches`, or such that are checked as they come.
        devices: how many share a batch.
        process, processes: which process this is, of how many.

    Attributes:
        sizes: {size of a batch as it is filled up: how many of its images count}.
    """

    def __init__(self, batches, devices, process=0, processes=1):
        super().__init__()
        self.batches, self.process, self.processes = batches, process, processes
        held: Any = rows_behind(batches)
        count, size = len(held.rows), held.batch_size
        self.sizes, self._filled = {}, {}
        for real in (min(size, count), count % size):
            if real and real not in self._filled:
                filled = -(-real // devices) * devices
                if filled in self.sizes:  # which must tell what is real
                    filled += devices
                self._filled[real], self.sizes[filled] = filled, real

    @property
    def num_batches(self):
        return self.batches.num_batches

    def on_epoch_begin(self):
        self.batches.on_epoch_begin()

    def __getitem__(self, index):
        parts = self.batches[index]
        filled = self._filled[len(parts[0])]
        here = filled // self.processes
        rows = np.arange(self.process * here, (self.process + 1) * here)
        return tuple(
            None if part is None else part[np.minimum(rows, len(part) - 1)]
            for part in parts
        )


class Shares:
    """Mixed into `ELBOTrainer`: arrays become batches that devices share."""

    def in_shares(self, x, y, sample_weight, batch_size, step, shuffle=False):
        """What Keras is to go through: all, as it is, where no devices share batches.

        Args:
            x, y, sample_weight, batch_size: as for `fit`.
            step: what is done with a batch: "train", "test" or "predict".
            shuffle: whether to draw an order every epoch.
        """
        return x, y, sample_weight

    def shared_options(self, options, validation_data):
        """Arguments of Keras' `fit`, and its validation data, in shares."""
        size, shuffle = options["batch_size"], options.get("shuffle", True)
        x, y, weight = options["x"], options["y"], options["sample_weight"]
        x, y, weight = self.in_shares(x, y, weight, size, "train", shuffle)
        if x is not options["x"]:
            options = {**options, "x": x, "y": y, "sample_weight": weight}
            options |= {"batch_size": None, "shuffle": False}
        if validation_data is not None:
            first, y, weight = keras.utils.unpack_x_y_sample_weight(validation_data)
            size = options.get("validation_batch_size") or size
            size = size or _size_of_steps(first, options.get("validation_steps"))
            options = {**options, "validation_batch_size": size}
            x, *_ = self.in_shares(first, y, weight, size, "test")
            validation_data = validation_data if x is first else x
        return options, validation_data

    def in_shares_to_predict(self, x, labels, batch_size, steps):
        """What `predict` gives Keras, and in batches of what size, in shares."""
        batch_size = batch_size or _size_of_steps(x, steps)
        shared, *_ = self.in_shares(x, labels, None, batch_size, "predict")
        if shared is not x:
            return shared, None
        return x if labels is None else (x, labels), batch_size

    def shared_evaluation(self, x, y, sample_weight, options):
        """What `evaluate` gives Keras of its arguments, in shares."""
        size = options.get("batch_size") or _size_of_steps(x, options.get("steps"))
        first, weight = x, sample_weight
        x, y, weight = self.in_shares(x, y, weight, size, "test")
        if x is not first:
            options = {k: v for k, v in options.items() if k != "batch_size"}
        return {"x": x, "y": y, "sample_weight": weight, **options}


def _size_of_steps(x, steps):
    """Images in each of so many batches of all, as Keras has it; None for its own."""
    return -(-len(x) // steps) if steps and is_array(x) else None


def without_filling(data, sizes):
    """A batch without the images that only fill it up; in a step, where shapes are.

    Args:
        data: a tensor, or tuples of such and None.
        sizes: of `SharedBatches`, or None.
    """
    images = keras.tree.flatten(data)[0]
    real = (sizes or {}).get(images.shape[0], images.shape[0])
    if real == images.shape[0]:
        return data
    return keras.tree.map_structure(lambda t: None if t is None else t[:real], data)
