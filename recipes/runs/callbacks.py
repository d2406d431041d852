"""Keras callbacks of the recipes: keep the best weights, survive a kill, show progress.

Validation in `fit` runs on the averaged weights (`keras.callbacks.SwapEMAWeights`), so
`KeepBest` must come before that callback, while the averages are still in place.
"""

import json
import os
import time
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

# What reading a damaged checkpoint raises.
DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


class SeedEveryEpoch(keras.callbacks.Callback):
    """Makes the order of an epoch's batches depend on seed and epoch alone."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        keras.utils.set_random_seed((self.seed * 100_003 + epoch) % 2**32)


class StopBetweenSteps(keras.callbacks.Callback):
    """Ends training where Ctrl-C was pressed: after a step, or after all of an epoch.

    Args:
        steps: `recipes.common.interrupt.between_steps`.
    """

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.steps.check()

    def on_epoch_end(self, epoch, logs=None):
        self.steps.check()


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best validation metric, and stops early.

    Args:
        patience: epochs without a better one before training stops.
        ready_epoch: no weights are kept and no patience runs before this epoch: the
            ELBO of a warm-up is not yet the one that is optimized.
        metric: "elbo", the larger the better, or another, the smaller the better.
    """

    def __init__(self, patience, ready_epoch=0, metric="elbo"):
        super().__init__()
        self.patience = patience
        self.ready_epoch = ready_epoch
        self.metric = metric
        self.best_score = -np.inf
        self.best_epoch = -1
        self.best_weights = None
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_test_end(self, logs=None):
        if self._epoch >= self.ready_epoch:
            self.keep(logs[self.metric], self.model, self._epoch)

    def keep(self, value, model, epoch=-1):
        """Keeps the weights of a model if `value` of the metric is the best so far."""
        score = float(value) * (1 if self.metric == "elbo" else -1)
        if score > self.best_score:
            self.best_score = score
            self.best_epoch = epoch
            self.best_weights = model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        if epoch - max(self.best_epoch, self.ready_epoch) >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class Checkpoint(keras.callbacks.Callback):
    """Writes all that a run needs to go on after every epoch: one file, replaced whole.

    Model, optimizer (with its averages and step count), noise generators, the best
    weights so far, the history, the time spent. What `read` found in such a file is put
    in place when training begins.

    Args:
        path: the file.
        best: the run's `KeepBest`.
        settings: JSON values that must be the same when the run is resumed.
        writes: whether this process writes the file.
    """

    def __init__(self, path, best, settings, writes=True):
        super().__init__()
        self.writes = writes
        self.path = Path(path)
        self.best = best
        self.settings = settings
        self.history = {}
        self.epochs_done = 0
        self.seconds = 0.0
        self.stopped = False
        self._values = None

    def _variables(self):
        return [*self.model.variables, *self.model.optimizer.variables]

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.monotonic() - self._start
        self.epochs_done = epoch + 1
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if not self.writes:
            return
        values = self._variables()
        arrays = {f"v{i}": np.asarray(to_numpy(v)) for i, v in enumerate(values)}
        best = self.best.best_weights or []
        arrays |= {f"b{i}": value for i, value in enumerate(best)}
        state = {
            "settings": self.settings,
            "epochs_done": self.epochs_done,
            "history": self.history,
            "seconds": self.seconds,
            "best_score": self.best.best_score,
            "best_epoch": self.best.best_epoch,
            "num_values": len(values),
            "num_best": len(best),
            "stopped": bool(self.model.stop_training),
        }
        temporary = self.path.with_suffix(".partial")
        with open(temporary, "wb") as file:
            np.savez(file, state=np.array(json.dumps(state)), **arrays)
        os.replace(temporary, self.path)

    def read(self, file=None):
        """Reads the file: how far its run came, and what goes on from there.

        Args:
            file: an open one in its place, where another machine has it.

        Raises:
            ValueError: if it was written with other settings, or is damaged.
        """
        try:
            with np.load(file or self.path, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                values = [file[f"v{i}"] for i in range(state["num_values"])]
                best = [file[f"b{i}"] for i in range(state["num_best"])]
        except DAMAGED as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read ({error}): remove "
                "it to start anew."
            ) from error
        changed = sorted(
            name
            for name in self.settings
            if state["settings"].get(name) != self.settings[name]
        )
        if changed:
            raise ValueError(
                f"The run in {str(self.path.parent)!r} was started with other settings "
                + ", ".join(
                    f"{n}={state['settings'].get(n)!r} (now {self.settings[n]!r})"
                    for n in changed
                )
                + ": resume with those, or choose another --out."
            )
        self.epochs_done = state["epochs_done"]
        self.history = state["history"]
        self.seconds = state["seconds"]
        self.stopped = state["stopped"]
        self.best.best_score = state["best_score"]
        self.best.best_epoch = state["best_epoch"]
        self.best.best_weights = best or None
        self._values = values

    def on_train_begin(self, logs=None):
        if self._values is not None:
            # Keras on TensorFlow would build it in the first step only.
            if not self.model.optimizer.built:
                self.model.optimizer.build(self.model.trainable_variables)
            for variable, value in zip(self._variables(), self._values, strict=True):
                variable.assign(value)
            self._values = None


def to_numpy(variable):
    """A variable's value as a NumPy array; of replicas, which are the same, one's."""
    return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))


class ProgressBar(keras.callbacks.Callback):
    """One bar for the whole run, with the last figures and the time left.

    Args:
        console: `rich.console.Console`.
        epochs, first_epoch: where the run ends and where it begins.
        metric: what is logged and shown, such as "elbo" or "loss".
        label: what that is called.
    """

    def __init__(self, console, epochs, first_epoch=0, metric="elbo", label="ELBO"):
        super().__init__()
        self.epochs = epochs
        self.metric, self.label = metric, label
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            TextColumn("left"),
            TextColumn("{task.fields[figures]}"),
            console=console,
        )
        self.first_epoch = first_epoch

    def on_train_begin(self, logs=None):
        self._steps = self.params.get("steps") or 1
        self._task = self.progress.add_task(
            "train",
            total=(self.epochs - self.first_epoch) * self._steps,
            epoch=self.first_epoch + 1,
            epochs=self.epochs,
            figures="",
        )
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self.progress.update(self._task, epoch=epoch + 1)

    def on_train_batch_end(self, batch, logs=None):
        done = (self._epoch - self.first_epoch) * self._steps + batch + 1
        self.progress.update(self._task, completed=done)

    def on_epoch_end(self, epoch, logs=None):
        digits = 3 if self.metric == "loss" else 2
        figures = f"{self.label} {logs[self.metric]:.{digits}f}"
        if f"val_{self.metric}" in logs:
            figures += f", validation {logs[f'val_{self.metric}']:.{digits}f}"
        done = (epoch + 1 - self.first_epoch) * self._steps
        self.progress.update(self._task, completed=done, figures=figures)
        if not self.progress.console.is_terminal:
            self.progress.console.print(f"epoch {epoch + 1}/{self.epochs}: {figures}")

    def on_train_end(self, logs=None):
        self.progress.stop()
