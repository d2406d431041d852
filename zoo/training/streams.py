"""Streams of batches, each of which is checked before a step sees it."""

import importlib
import itertools
import sys

import keras

from zoo.class_names import is_text
from zoo.training.placeholders import placeholder_labels, without_placeholder


class BatchCheck:
    """Checks batches for one model, and completes them for Keras.

    Args:
        model: a model of the zoo.
        check_labels: function of labels and their number.
        argument: what the stream was given as, for errors.
        errors: list that every refusal is added to. What Keras makes of an exception
            in a stream differs by backend: `plain_error` finds the first one here.
        least: images that a batch must have.
    """

    def __init__(self, model, check_labels, argument, errors, least=1):
        self.event = model.event
        self.check_labels = check_labels
        self.argument = argument
        self.errors = errors
        self.least = least
        self.remark_on = model.remark_on

    def __call__(self, batch):
        """The batch as a tuple that every backend takes.

        Raises:
            ValueError, TypeError: one sentence that says what was given and is wanted.
        """
        try:
            check_no_dictionary(batch, self.argument)
            batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
            images = self.event.check(images, self.argument)
            if len(images) < self.least:
                raise ValueError(
                    f"`{self.argument}` must give batches of at least {self.least} "
                    f"{self.event.noun}, which the loss compares or devices share; got "
                    f"a batch of {len(images)}: leave a smaller last one out "
                    "(drop_remainder, drop_last), or choose another size."
                )
            if is_text(labels):
                raise TypeError(
                    f"`{self.argument}` must give numbers as labels, which batches "
                    "take alone; got names."
                )
            if self.check_labels is not None:
                self.check_labels(without_placeholder(labels), len(images))
            if self.remark_on is not None:  # of the first batch alone
                self.remark_on(images)
                self.remark_on = None
        except (TypeError, ValueError) as error:
            self.errors.append(error)
            raise
        if len(batch) == 3:
            batch = batch[0], placeholder_labels(labels, weights), weights
        return batch

    def __getstate__(self):
        # To another process go no models: labels are left to the step.
        alone = {"check_labels": None, "errors": [], "remark_on": None}
        return {**vars(self), **alone}


def check_no_dictionary(batch, argument):
    """Refuses batches as TFDS gives them, whose pixels want scaling, too.

    Raises:
        TypeError: for a dictionary.
    """
    if isinstance(batch, dict):
        names = ", ".join(map(repr, batch))
        raise TypeError(
            f"`{argument}` must give images, (images, labels) or (images, labels, "
            f"weights); got a dictionary of {names}: map it first, as in "
            "data.map(lambda batch: (batch['image'] / 255, batch['label']))."
        )


def opened(data, check):
    """The batches of `data`, each checked as it comes and the first one at once.

    Args:
        data: PyDataset, iterator, tf.data.Dataset or torch DataLoader.
        check: a `BatchCheck`.

    Returns:
        A stream of a kind that Keras knows, with no batch lost.

    Raises:
        ValueError, TypeError: of the first batch, or if there is none.
    """
    if getattr(data, "num_workers", 0):
        # A DataLoader's processes, started for one batch and left alone, may fail.
        empty = hasattr(data.dataset, "__len__") and len(data) == 0
    else:
        batch, data = _first_batch(data)
        empty = batch is None
        if not empty:
            check(batch)
    if empty:
        raise ValueError(f"`{check.argument}` must hold at least one batch; got none.")
    return _checked(data, check)


def _first_batch(data):
    """(first batch or None, an equivalent of `data` that still holds that batch)."""
    if isinstance(data, keras.utils.PyDataset):
        return (None if data.num_batches == 0 else data[0]), data
    if hasattr(data, "__next__"):
        batch = next(data, None)
        return batch, (data if batch is None else itertools.chain([batch], data))
    # A tf.data.Dataset or a torch DataLoader: iterating it anew loses nothing.
    return next(iter(data), None), data


def _checked(data, check):
    """`data` with each batch checked; what is unknown is returned as it is."""
    if isinstance(data, keras.utils.PyDataset):
        return CheckedDataset(data, check)
    if hasattr(data, "__next__"):
        # Keras takes generators by their type.
        return (check(batch) for batch in data)
    if _is_a(data, "tensorflow", lambda tf: tf.data.Dataset):
        return _loader("tensorflow").checked(data, check)
    if _is_a(data, "torch", lambda torch: torch.utils.data.DataLoader):
        return _loader("torch").checked(data, check)
    return data


def _loader(backend):
    """The module of a backend's own kind of stream."""
    return importlib.import_module(f"zoo.training.loaders.{backend}")


def _is_a(data, package, kind):
    """Whether `data` is of a class of a package that may not have been imported."""
    module = sys.modules.get(package)
    return module is not None and isinstance(data, kind(module))


class CheckedDataset(keras.utils.PyDataset):
    """A PyDataset whose batches are checked and complete."""

    def __init__(self, data, check):
        super().__init__(
            workers=data.workers,
            use_multiprocessing=data.use_multiprocessing,
            max_queue_size=data.max_queue_size,
        )
        self.data = data
        self.check = check

    def __getitem__(self, index):
        return self.check(self.data[index])

    @property
    def num_batches(self):
        return self.data.num_batches

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()
