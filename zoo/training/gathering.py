"""What `fit` logs on PyTorch, gathered on the device and read now and then.

There each of a dozen small operations that metrics take runs by itself, and a log that
is read waits for the device: together a sixth of a step of a small dense model. So the
numbers of some steps are kept as they come, and added to the metrics at once; whoever
reads the metrics finds all of them there.
"""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib

import keras
from keras import ops

from zoo.training.skipping import skipping
from zoo.training.steps import watches_steps

# Steps between two readings of logs: what a progress bar shows is as old at most.
STEPS = 32


class Gathered:
    """What waits for the metrics of one loop of Keras."""

    def __init__(self):
        self.waiting = {}  # {(metric's id, number of values): (metric, [a step's])}
        self.logs, self.steps_since = None, 0

    def add(self, metric, values):
        """Keeps a step's values for a metric, without a way back to the weights."""
        values = [v if isinstance(v, int) else ops.stop_gradient(v) for v in values]
        _, kept = self.waiting.setdefault((id(metric), len(values)), (metric, []))
        kept.append(values)

    def empty(self):
        """Gives the metrics what waits for them."""
        waiting, self.waiting = self.waiting, {}
        for metric, kept in waiting.values():
            columns = zip(*kept, strict=True)
            metric.update_state(*(_end_to_end(column) for column in columns))

    def logs_of_step(self, read):
        """What `read()` gives, or gave some steps ago."""
        self.steps_since += 1
        if self.logs is None or self.steps_since >= STEPS:
            self.logs = keras.tree.map_structure(float, read())
            self.steps_since = 0
        return self.logs


class GatheredMetrics:
    """Mixed into a trainer whose steps run in Python."""

    _recorded = None  # see `metrics_given_to`
    _gathered = None  # a `Gathered` in `fit` and `evaluate`, unless someone watches

    @contextlib.contextmanager
    def logs_read_rarely(self, callbacks, rarely=True):
        """Around a loop of Keras: gathers metrics, unless a callback watches steps."""
        before = self._gathered
        # Without `compile` there is nothing to ask, and Keras says so.
        watched = not self.compiled or self.run_eagerly or watches_steps(callbacks)
        watched = watched or skipping(self.optimizer)  # whose log is of the last step
        self._gathered = Gathered() if rarely and not watched else None
        try:
            yield
        finally:
            self._gathered = before

    def update_metric(self, metric, *values):
        """See `BatchLoss.update_metric`; values of one length can wait."""
        values = [value for value in values if value is not None]
        if self._recorded is not None:
            self._recorded(metric, values)
            return
        lengths = {tuple(getattr(value, "shape", ()))[:1] for value in values}
        if self._gathered is None or len(lengths) > 1:
            metric.update_state(*values)
        else:
            self._gathered.add(metric, values)

    @contextlib.contextmanager
    def metrics_given_to(self, recorded):
        """Within, a function of a metric and its values is called in its place."""
        self._recorded = recorded
        try:
            yield
        finally:
            self._recorded = None

    def get_metrics_result(self):
        if self._gathered is not None:
            self._gathered.empty()
        return super().get_metrics_result()

    def reset_metrics(self):
        if self._gathered is not None:
            self._gathered = Gathered()
        super().reset_metrics()

    def logs_of_step(self, read):
        """The logs that `read()` gives, or while they are read rarely, gave before."""
        return read() if self._gathered is None else self._gathered.logs_of_step(read)

    def with_own_callbacks(self, callbacks):
        """See `StepsPerExecution`: nothing is done in another thread."""
        if isinstance(callbacks, keras.callbacks.CallbackList):
            return callbacks
        return [*keras.tree.flatten(callbacks or []), _InThisThread()]

    def evaluate(self, x=None, y=None, sample_weight=None, **kwargs):
        """See `ELBOTrainer.evaluate`."""
        if "_use_cached_eval_dataset" in kwargs:  # `fit` has looked at callbacks
            return super().evaluate(x, y, sample_weight=sample_weight, **kwargs)
        callbacks = kwargs.pop("callbacks", None)
        own = self.with_own_callbacks(callbacks)
        with self.logs_read_rarely(callbacks):
            return super().evaluate(
                x, y, sample_weight=sample_weight, callbacks=own, **kwargs
            )

    def train_on_batch(self, *args, **kwargs):
        """See `ELBOTrainer.train_on_batch`."""
        with self.logs_read_rarely(None, False):
            return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        """See `ELBOTrainer.test_on_batch`."""
        with self.logs_read_rarely(None, False):
            return super().test_on_batch(*args, **kwargs)


class _InThisThread(keras.callbacks.Callback):
    """Has Keras call callbacks itself: another thread takes Python from the steps."""

    def on_train_batch_end(self, batch, logs=None):
        pass

    def on_test_batch_end(self, batch, logs=None):
        pass


def _end_to_end(values):
    if isinstance(values[0], int):
        return ops.convert_to_tensor(values, "float32")
    return ops.concatenate(values) if len(values[0].shape) else ops.stack(values)
