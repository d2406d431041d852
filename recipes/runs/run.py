"""One run in one folder, from first step to preset; can be killed and resumed."""

import dataclasses
import io
import json
import sys
import zlib
from functools import partial
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock, Timeout

import zoo
from recipes.common.backend import versions
from recipes.common.console import Terminal
from recipes.common.devices import of_first
from recipes.common.files import make_folder
from recipes.common.interrupt import between_steps
from recipes.common.progress import working
from recipes.common.provenance import hardware
from recipes.data import binarize
from recipes.data.classes import labels_for
from recipes.data.rows import changes_of
from recipes.recipe import Training
from recipes.runs import callbacks as run_callbacks
from recipes.runs.kinds import kind_of
from recipes.runs.tensorboard import (
    TensorBoardImages,
    TensorBoardLatents,
    TensorBoardScalars,
)
from zoo.training import SkippingOptimizer
from zoo.unfinished import remove

# How often a run shows pictures and latents in its logs, no more. Of the 20 seconds of
# the smallest recipe this takes 2.4 %, mostly to compile; of others next to nothing.
SHOWN = 10


def steps_per_epoch(images, training):
    """Batches an epoch, the last, smaller one included."""
    return int(np.ceil(len(images) / training.batch_size))


@dataclasses.dataclass(frozen=True)
class Phase:
    """What was trained in a run: its hyperparameters and where it came to.

    Attributes:
        training: `recipes.recipe.Training`.
        checkpoint: `recipes.runs.callbacks.Checkpoint`.
    """

    training: Training
    checkpoint: run_callbacks.Checkpoint

    def record(self):
        """What was done, as JSON values."""
        return {
            **dataclasses.asdict(self.training),
            "seconds": round(self.checkpoint.seconds, 1),
            "epochs": self.checkpoint.epochs_done,
            "best_epoch": self.checkpoint.best.best_epoch + 1,
        }


def _epochs_between(training):
    """Epochs from one picture in the logs to the next."""
    return -(-training.epochs // SHOWN)


def make_optimizer(training, steps):
    """Adam as `recipes.recipe.Training` describes it; `steps` are those of an epoch."""
    learning_rate, total = training.learning_rate, training.epochs * steps
    warmup = round(training.rate_warmup * total)
    if training.decay:
        rising = {"warmup_target": learning_rate, "warmup_steps": warmup}
        learning_rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else learning_rate,
            decay_steps=total - warmup,
            **(rising if warmup else {}),
        )
    average = {}
    if training.ema_momentum:
        average = {"use_ema": True, "ema_momentum": training.ema_momentum}
    optimizer = keras.optimizers.Adam(
        learning_rate, global_clipnorm=training.clipnorm, **average
    )
    if training.skipped_norm is None:
        return optimizer
    return SkippingOptimizer(optimizer, training.skipped_norm)


class Run:
    """A folder with `checkpoint.npz`, `logs/` and, at the end, `preset/`.

    The prior of a `zoo.VQVAE` has a `prior_checkpoint.npz` of its own. `with` it no
    other run works in the folder.

    Args:
        folder: made if there is none.
        name: of the preset, and what a resumed run is checked against.
        seed: order of batches.
        resume: go on with what the folder holds.
        console: `rich.console.Console` for progress.
        settings: JSON values that must be the same when the run is resumed.
        start: `recipes.runs.start.Start`, where it goes on from a preset of its recipe.
        machines: `recipes.common.machines.Machines` that train it, or None. The first
            has the folder: no other looks at one or writes.

    Raises:
        FileExistsError: if the folder holds a run already and `resume` is False, or a
            finished one.
        OSError: if the folder cannot be made.
    """

    def __init__(
        self,
        folder,
        name,
        seed,
        resume,
        console=None,
        settings=None,
        start=None,
        machines=None,
    ):
        self.folder = Path(folder)
        self.machines = machines
        self.writes = machines is None or machines.is_first
        self.name = name
        self.seed = seed
        self.console = console or Terminal()
        self.start = start
        self.settings = settings or ({"weights": start.digest} if start else {})
        self.phases = {}
        self.logs = self.folder / "logs"
        self.checkpoint_path = self.folder / "checkpoint.npz"
        # Of the operating system: it ends with the process, however that ends.
        self._lock = FileLock(self.folder / ".lock") if self.writes else None
        if not self.writes:
            return
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
        make_folder(self.folder)

    def __enter__(self):
        try:
            if self._lock:
                self._lock.acquire(timeout=0)
        except Timeout:
            raise BlockingIOError(
                f"Another run works in {str(self.folder)!r}: wait for it, or choose "
                "another --out."
            ) from None
        return self

    def __exit__(self, *error):
        if self._lock:
            self._lock.release()

    def fit_encoder(self, model, data, training):
        """Trains an autoencoder whose encoder another model is to begin with."""
        self.console.print("Training an autoencoder, for its encoder.", style="dim")
        self.fit(model, data, training, trained="encoder")

    def fit(self, model, data, training, keep_start=False, trained=None):
        """Trains `model` on `data.train`; leaves it with its best weights.

        Args:
            model: a `zoo.VAE` or `zoo.VQVAE`.
            data: `recipes.data.ImageData`, or `recipes.data.texts.TextData`.
            training: `recipes.recipe.Training`.
            keep_start: whether the weights that it starts with may be the best.
            trained: what `_train` is to call it; None to tell by the model.
        """
        kind = kind_of(model)
        if data.train is None or data.validation is None:
            count = 0 if data.train is None else len(data.train)
            raise ValueError(
                f"The {data.noun} of {data.name} must be at least 3, to train, to "
                f"validate and to test, received so few that {count} are left to train "
                "on and none to validate."
            )
        labels, validation_labels = (
            labels_for(model, data, split) for split in ("train", "validation")
        )
        steps = -(-model.epoch_length(len(data.train), labels) // training.batch_size)
        # Which run step by step: Keras on PyTorch, and replicas of TensorFlow.
        one_by_one = getattr(model, "num_replicas", 1) > 1
        one_by_one = one_by_one or keras.backend.backend() == "torch"
        model.compile(
            make_optimizer(training, steps),
            steps_per_execution=1
            if one_by_one
            else max(1, min(training.steps_per_execution, steps)),
        )
        validation = data.validation
        if model.dynamic_binarization:
            # Once, so that epochs are compared on the same images.
            validation = binarize(validation)

        def train(**options):
            model.fit(
                data.train,
                labels,
                validation_data=validation
                if labels is None
                else (validation, validation_labels),
                **options,
            )

        def score(metric):
            logs = model.evaluate(
                validation,
                validation_labels,
                batch_size=kind.validation_batch(data, training),
                verbose=0,
                return_dict=True,
            )
            return logs[metric]

        own = "model" if model.trains_elbo else "autoencoder"
        # A prior over codes is trained later, and a trained one knows other codes: nats
        # of its KL would say nothing of the model.
        if isinstance(getattr(model, "prior", None), zoo.CodePrior):
            own = "codes"
        shown = (self.logs, validation, validation_labels)
        every = _epochs_between(training)
        self._train(
            trained or own,
            train,
            model,
            data,
            training,
            lambda: kind.summaries(*shown, every=every),
            lambda: TensorBoardLatents(*shown, every=every),
            score_start=score if keep_start else None,
            validation_batch=kind.validation_batch(data, training),
        )

    def fit_prior(self, model, data, training):
        """Trains the prior of a `zoo.VQVAE`, as `fit` the model; then it is frozen."""
        steps = steps_per_epoch(data.train, training)
        labels = labels_for(model, data, "train")
        self.console.print("Encoding the images to train the prior.", style="dim")

        def train(**options):
            model.fit_prior(
                data.train,
                labels,
                validation_data=(
                    data.validation,
                    labels_for(model, data, "validation"),
                ),
                optimizer=make_optimizer(training, steps),
                **options,
            )

        def samples():
            return TensorBoardImages(
                self.logs / "prior",
                None,
                reconstructions=False,
                every=_epochs_between(training),
                model=model,
            )

        self._train("prior", train, model.prior, data, training, samples)

    def _train(
        self,
        kind,
        train,
        model,
        data,
        training,
        *summaries,
        score_start=None,
        validation_batch=None,
    ):
        """Calls `train` with the options of `fit`, unless it was finished already.

        Args:
            kind: "model", "autoencoder" for one that is not trained by its ELBO,
                "codes" for one whose prior is trained later, "prior", or "encoder" for
                an autoencoder that is trained before, for its encoder.
            train: function of options of `fit`.
            model: what it trains, to be given the best weights.
            data, training: as in `fit`.
            summaries: functions that make callbacks of `recipes.runs.tensorboard`.
            score_start: function of a metric's name to its value for the weights to
                start with, where those may be the best; or None.
            validation_batch: how many are scored at a time; None is that of images.
        """
        name, metric, label, prefix = {
            "model": ("model", "elbo", "ELBO", ""),
            "autoencoder": ("model", "loss", "loss", ""),
            "codes": ("model", "reconstruction", "reconstruction", ""),
            "prior": ("prior", "loss", "nats a code", "prior_"),
            "encoder": ("encoder", "loss", "loss", "encoder_"),
        }[kind]
        best = run_callbacks.KeepBest(
            training.patience, int(training.warmup_epochs), metric
        )
        checkpoint = run_callbacks.Checkpoint(
            self.folder / f"{prefix}checkpoint.npz",
            best,
            settings={
                "recipe": self.name,
                "seed": self.seed,
                data.noun: len(data.train),
                **self.settings,
                "augment": changes_of(data.train),
                **dataclasses.asdict(training),
            },
            writes=self.writes,
        )
        self.phases[name] = Phase(training, checkpoint)
        self._check_same(checkpoint.settings, data.train)
        if self._find(checkpoint):
            if checkpoint.stopped or checkpoint.epochs_done >= training.epochs:
                self.console.print(f"The {name} was trained already.")
                if best.best_weights is not None:
                    model.set_weights(best.best_weights)
                return
            self.console.print(f"Going on after epoch {checkpoint.epochs_done}.")
        elif score_start:
            best.keep(score_start(metric), model)
        first_epoch = checkpoint.epochs_done
        average = [keras.callbacks.SwapEMAWeights()] if training.ema_momentum else []
        scalars = partial(TensorBoardScalars, self.logs, prefix)
        with between_steps() as steps:
            train(
                batch_size=training.batch_size,
                epochs=training.epochs,
                initial_epoch=first_epoch,
                validation_batch_size=validation_batch
                or min(500, len(data.validation)),
                verbose=0,
                callbacks=[
                    run_callbacks.SeedEveryEpoch(self.seed),
                    best,
                    *(make() for make in summaries if self.writes),
                    *average,
                    keras.callbacks.TerminateOnNaN(),
                    *(make() for make in [scalars] if self.writes),
                    run_callbacks.ProgressBar(
                        self.console, training.epochs, first_epoch, metric, label
                    ),
                    # After all others, so that it keeps what they decided.
                    checkpoint,
                    run_callbacks.StopBetweenSteps(steps),
                ],
            )

    def _find(self, checkpoint):
        """Reads a checkpoint that the run's folder holds; whether there is one."""
        path = checkpoint.path
        if self.machines is None:
            if path.exists():
                checkpoint.read()
            return path.exists()
        held = path.read_bytes() if self.writes and path.exists() else b""
        held = of_first(held, self.machines)
        if held:
            checkpoint.read(io.BytesIO(held))
        return bool(held)

    def _check_same(self, settings, images):
        """Refuses to train with machines that were told otherwise.

        Raises:
            ValueError: naming what is not as on the first machine.
        """
        if self.machines is None:
            return
        some = np.ascontiguousarray(images[:64])
        own = {**settings, "first data": zlib.crc32(some.tobytes())}
        own = json.loads(json.dumps(own))
        wanted = json.loads(of_first(json.dumps(own).encode(), self.machines))
        if changed := sorted(name for name in own if own[name] != wanted.get(name)):
            raise ValueError(
                "All machines must be given the same options, data and seed: of "
                f"{self.machines.addresses[0]} differ "
                + ", ".join(f"{n}={own[n]!r} ({wanted.get(n)!r})" for n in changed)
                + "."
            )

    def record(self, command, dtype):
        """How the run was made, as JSON values."""
        record = {
            "command": command or " ".join(sys.argv),
            "seed": self.seed,
            "backend": keras.backend.backend(),
            "dtype": dtype,
            "hardware": hardware(),
            "versions": versions(keras.backend.backend()),
            **self.phases["model"].record(),
        }
        for other in ("encoder", "prior"):
            if other in self.phases:
                record[other] = self.phases[other].record()
        return self.start.extend(record) if self.start else record

    def finish(self, model, data, *, binarized, metadata, **evaluation):
        """Evaluates, draws and saves: returns the folder of the preset.

        Args:
            model: a `zoo.VAE`.
            data: `recipes.data.ImageData` or `TextData`, with a test split.
            binarized: whether the test images are binarized first.
            metadata: of the preset, beside its metrics.
            evaluation: further options of `evaluate_model`, or of `evaluate_texts`.
        """
        kind = kind_of(model)
        metrics = kind.evaluate(
            model, data, binarized, console=self.console, **evaluation
        )
        # It gets its name when card and pictures are in it: a run that is killed before
        # is not finished, and what it leaves is swept by the next.
        preset, unfinished = self.folder / "preset", self.folder / ".preset"
        remove(unfinished)
        model.save_to_preset(
            unfinished, metadata={**metadata, "preset": self.name, "metrics": metrics}
        )
        histories = {
            name: phase.checkpoint.history
            for name, phase in self.phases.items()
            if name != "encoder"  # of another objective
        }
        if self.start:
            histories = self.start.extend_histories(histories)
        with working("Writing the model card", self.console):
            kind.write(unfinished, model, data, binarized, histories)
        unfinished.rename(preset)
        self.console.print(f"Preset: {preset}", soft_wrap=True)
        return preset
