"""Data that are read when a batch of them is wanted: from a disk, changed at random.

What counts as such is told by `zoo.validation.is_rows`.
"""

import keras
import numpy as np

from zoo import validation
from zoo.training.streams import CheckedDataset


class RowBatches(keras.utils.PyDataset):
    """Batches of rows, in the order in which `fit` would go through an array of them.

    Args:
        rows: images (N, H, W, C), or data of another event. Where they have
            `draw(indices, rng)`, that is asked instead, with a `numpy.random.Generator`
            that epoch and batch decide; where `arrange(order, batch_size)`, that for
            another order.
        labels, weights: arrays (N, ...) that go with them, or None.
        batch_size: the last batch may be smaller.
        draw_order: function of a number of images that draws an order of them; None
            leaves them as they are.
    """

    def __init__(self, rows, labels, weights, batch_size, draw_order):
        super().__init__()
        self.rows, self.labels, self.weights = rows, labels, weights
        self.batch_size = batch_size
        self.draw_order = draw_order
        self._order = np.arange(len(rows))
        self._epoch_seed = 0
        self._is_new = False

    @property
    def num_batches(self):
        return -(-len(self.rows) // self.batch_size)

    def on_epoch_begin(self):
        self._is_new = True

    def __getitem__(self, index):
        if self._is_new:
            # With the first batch, as Keras orders arrays: after the same other draws.
            self._is_new = False
            if self.draw_order is not None:
                self._order = self.draw_order(len(self.rows))
                if hasattr(self.rows, "arrange"):
                    self._order = self.rows.arrange(self._order, self.batch_size)
            if hasattr(self.rows, "draw"):
                self._epoch_seed = int(np.random.randint(2**31))
        start = index * self.batch_size
        chosen = self._order[start : start + self.batch_size]
        if hasattr(self.rows, "draw"):
            rng = np.random.default_rng((self._epoch_seed, index))
            images = self.rows.draw(chosen, rng)
        else:
            images = self.rows[chosen]
        beside = [self.labels, self.weights]
        while beside and beside[-1] is None:
            beside.pop()
        return (images, *(None if part is None else part[chosen] for part in beside))


def rows_behind(x):
    """The `RowBatches` that a stream gives, checked as it comes or not; else None."""
    x = x.data if isinstance(x, CheckedDataset) else x
    return x if isinstance(x, RowBatches) else None


def as_batches(model, rows, labels, weights, batch_size, shuffle, argument="x"):
    """Rows of images with what goes with them as `RowBatches`.

    Args:
        model: a model of the zoo.
        rows, labels, weights: see `RowBatches`.
        batch_size: None for 32.
        shuffle: whether to draw an order every epoch.
        argument: the argument's name, for errors.

    Raises:
        ValueError, TypeError: one sentence that says what was given and is wanted.
    """
    model.event.check_shape_and_dtype(rows.shape, rows.dtype, argument)
    labels = model.check_labels_to_fit(labels, len(rows))
    weights = None if weights is None else np.asarray(weights)
    if weights is not None and len(weights) != len(rows):
        raise ValueError(
            f"`sample_weight` must be one for each of {len(rows)} "
            f"{model.event.noun}; got {len(weights)}."
        )
    draw_order = model.draw_order if shuffle else None
    return RowBatches(rows, labels, weights, int(batch_size or 32), draw_order)


def validation_batches(model, validation_data, batch_size):
    """`validation_data` of `fit`, with rows of images as `RowBatches` in their order.

    Raises:
        ValueError, TypeError: as `as_batches`.
    """
    given = validation_data
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not 1 <= len(given) <= 3 or not validation.is_rows(given[0]):
        return validation_data
    rows, labels, weights = (*given, None, None)[:3]
    return as_batches(
        model, rows, labels, weights, batch_size, False, "validation_data"
    )
