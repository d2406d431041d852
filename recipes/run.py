"""One run in one folder, from first step to preset; can be killed and resumed."""

import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from recipes import callbacks as run_callbacks
from recipes.backend import versions
from recipes.data import binarize
from recipes.evaluation import evaluate_model, labels_for
from recipes.provenance import hardware
from recipes.report import write_pictures_and_card


def steps_per_epoch(images, training):
    """Batches an epoch, the last, smaller one included."""
    return int(np.ceil(len(images) / training.batch_size))


class Run:
    """A folder with `checkpoint.npz`, `logs/` and, at the end, `preset/`.

    Args:
        folder: made if there is none.
        name: of the preset, and what a resumed run is checked against.
        seed: order of batches.
        resume: go on with what the folder holds.
        console: `rich.console.Console` for progress.

    Raises:
        FileExistsError: if the folder holds a run already and `resume` is False, or a
            finished one.
        OSError: if the folder cannot be made.
    """

    def __init__(self, folder, name, seed, resume, console=None):
        self.folder = Path(folder)
        self.name = name
        self.seed = seed
        self.console = console or Console()
        self.checkpoint_path = self.folder / "checkpoint.npz"
        if (self.folder / "preset").exists():
            raise FileExistsError(
                f"{str(self.folder)!r} holds a finished run: choose another --out, or "
                "remove it first."
            )
        if self.checkpoint_path.exists() and not resume:
            raise FileExistsError(
                f"{str(self.folder)!r} holds an unfinished run: go on with --resume, "
                "choose another --out, or remove it first."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"Cannot write to {str(self.folder)!r}: {error.strerror}."
            ) from error

    def fit(self, model, data, training):
        """Trains `model` on `data.train`; leaves it with its best weights.

        Args:
            model: a `zoo.VAE`.
            data: `recipes.data.ImageData`.
            training: `recipes.recipe.Training`.
        """
        steps = steps_per_epoch(data.train, training)
        self._compile(model, training, steps)
        best = run_callbacks.KeepBest(
            training.patience, ready_epoch=int(training.warmup_epochs)
        )
        checkpoint = run_callbacks.Checkpoint(
            self.checkpoint_path,
            best,
            settings={
                "recipe": self.name,
                "seed": self.seed,
                "images": len(data.train),
                **dataclasses.asdict(training),
            },
        )
        self.training, self.checkpoint = training, checkpoint
        if checkpoint.path.exists():
            stopped = checkpoint.restore(model)
            if stopped or checkpoint.epochs_done >= training.epochs:
                self.console.print("The run was finished already.")
                best.set_model(model)
                best.on_train_end()
                return
            self.console.print(f"Going on after epoch {checkpoint.epochs_done}.")

        validation = data.validation
        if model.dynamic_binarization:
            # Once, so that epochs are compared on the same images.
            validation = binarize(validation)
        labels = labels_for(model, data, "train")
        first_epoch = checkpoint.epochs_done
        model.fit(
            data.train,
            labels,
            batch_size=training.batch_size,
            epochs=training.epochs,
            initial_epoch=first_epoch,
            validation_data=validation
            if labels is None
            else (validation, data.validation_labels),
            validation_batch_size=min(500, len(validation)),
            verbose=0,
            callbacks=[
                run_callbacks.SeedEveryEpoch(self.seed),
                best,
                *([keras.callbacks.SwapEMAWeights()] if training.ema_momentum else []),
                keras.callbacks.TerminateOnNaN(),
                run_callbacks.TensorBoardScalars(self.folder / "logs"),
                run_callbacks.ProgressBar(self.console, training.epochs, first_epoch),
                # Last, so that it keeps what the others decided.
                checkpoint,
            ],
        )

    @staticmethod
    def _compile(model, training, steps):
        learning_rate = training.learning_rate
        if training.decay:
            learning_rate = keras.optimizers.schedules.CosineDecay(
                learning_rate, decay_steps=training.epochs * steps
            )
        average = {}
        if training.ema_momentum:
            average = {"use_ema": True, "ema_momentum": training.ema_momentum}
        on_torch = keras.backend.backend() == "torch"  # which runs step by step
        model.compile(
            keras.optimizers.Adam(learning_rate, **average),
            steps_per_execution=1
            if on_torch
            else max(1, min(training.steps_per_execution, steps)),
        )

    def record(self, command, dtype):
        """How the run was made, as JSON values."""
        return {
            "command": command or " ".join(sys.argv),
            "seed": self.seed,
            "seconds": round(self.checkpoint.seconds, 1),
            "backend": keras.backend.backend(),
            "dtype": dtype,
            "hardware": hardware(),
            "versions": versions(keras.backend.backend()),
            **dataclasses.asdict(self.training),
            "epochs": self.checkpoint.epochs_done,
            "best_epoch": self.checkpoint.best.best_epoch + 1,
        }

    def finish(self, model, data, *, binarized, metadata, **evaluation):
        """Evaluates, draws and saves: returns the folder of the preset.

        Args:
            model: a `zoo.VAE`.
            data: `recipes.data.ImageData` with a test split.
            binarized: whether the test images are binarized first.
            metadata: of the preset, beside its metrics.
            evaluation: further options of `evaluate_model`.
        """
        test, labels = data.test, labels_for(model, data, "test")
        metrics = evaluate_model(
            model,
            test,
            labels,
            binarized=binarized,
            console=self.console,
            **evaluation,
        )
        preset = self.folder / "preset"
        model.save_to_preset(
            preset, metadata={**metadata, "preset": self.name, "metrics": metrics}
        )
        images = binarize(test[:64]) if binarized else test[:64]
        shown = None if labels is None else labels[:64]
        write_pictures_and_card(preset, model, images, shown, self.checkpoint.history)
        self.console.print(f"Preset: {preset}")
        return preset
