"""Keras callbacks that write for TensorBoard, on any backend and without TensorFlow.

    model.fit(x, validation_data=y, epochs=20, callbacks=[
        TensorBoardScalars("logs"),
        TensorBoardImages("logs", y),
        TensorBoardLatents("logs", y),
    ])

and, meanwhile, `tensorboard --logdir logs`.

Pictures and latents are shown with the weights that validation saw: with averages, if
these callbacks come before `keras.callbacks.SwapEMAWeights`.
"""

from pathlib import Path

import keras
import numpy as np

from recipes.common.contact_sheet import check_channels, contact_sheet_png, in_pairs
from recipes.common.files import make_folder
from recipes.common.latents import the_codes, the_vector
from recipes.documents.examples import example_rows, text_examples
from recipes.documents.preset_pictures import sample_labels
from recipes.documents.texts import markdown_cells, markdown_table
from recipes.runs.event_log import EventLog
from zoo.autoencoder import Autoencoder
from zoo.evaluation.codes import code_counts
from zoo.evaluation.diagnosis import SILENT
from zoo.evaluation.latents import kl_per_latent
from zoo.evaluation.statistics import statistics_of_counts
from zoo.validation import check_images, check_whole_number

# How many there are in a picture, in rows of eight.
SAMPLES, RECONSTRUCTIONS = 64, 32


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes every logged figure, training and validation under one heading.

    Args:
        folder: of the logs.
        prefix: of each figure's name.

    Raises:
        OSError: if the folder cannot be made.

    Example:

    >>> import numpy as np, zoo
    >>> from recipes.runs.tensorboard import TensorBoardScalars
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, verbose=0, callbacks=[TensorBoardScalars("logs")])
    """

    def __init__(self, folder, prefix=""):
        super().__init__()
        self.folder = make_folder(folder)
        self.prefix = prefix
        self._log = None

    def on_train_begin(self, logs=None):
        self._log = EventLog(self.folder)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            split = "validation" if name.startswith("val_") else "train"
            tag = f"{self.prefix}{name.removeprefix('val_')}/{split}"
            self._log.add_scalar(tag, value, epoch + 1)
        self._log.flush()

    def on_train_end(self, logs=None):
        self._log.close()


class Summaries(keras.callbacks.Callback):
    """Base of what shows a model of the zoo, once in so many epochs.

    After the epoch's validation if there is one, or else at its end. Nothing is drawn
    from the model's or the backend's generators: training goes on as if nobody looked.

    Args:
        folder: of its own, for the event file.
        every: epochs from one time to the next; the first and the last are shown, too.
        model: what is shown, where that is not what `fit` trains.

    Raises:
        OSError: if the folder cannot be made.
        ValueError, TypeError: for arguments out of range.
    """

    def __init__(self, folder, every=1, model=None):
        super().__init__()
        self.folder = make_folder(folder)
        self.every = check_whole_number(every, "every", 1)
        self.shown = model
        self._log = None
        self._step = None  # to be shown, the number of an epoch

    def on_train_begin(self, logs=None):
        self.check(self._model_of_the_zoo())
        self._log = EventLog(self.folder)

    def on_epoch_begin(self, epoch, logs=None):
        step = epoch + 1
        due = step % self.every == 0 or step in (1, self.params.get("epochs"))
        self._step = step if due else None

    def on_test_end(self, logs=None):
        if self._step is not None:
            self.write(self._log, self._model_of_the_zoo(), self._step)
            self._log.flush()
        self._step = None

    def on_epoch_end(self, epoch, logs=None):
        self.on_test_end()  # where there is no validation

    def on_train_end(self, logs=None):
        self._log.close()

    def _model_of_the_zoo(self):
        model = self.model if self.shown is None else self.shown
        if not isinstance(model, Autoencoder):
            raise TypeError(
                f"{type(self).__name__} shows models of the zoo; got "
                f"{type(model).__name__}."
            )
        return model

    def check(self, model):
        """Refuses, before training, what `write` could not work on."""
        raise NotImplementedError

    def write(self, log, model, step):
        """Writes what there is to show to a `recipes.runs.event_log.EventLog`."""
        raise NotImplementedError


class TensorBoardImages(Summaries):
    """Shows samples from the prior, and reconstructions beside their originals.

    The same latents and the same images every time, so that one can watch them change.

    Args:
        folder: of the logs; pictures go to `images` in it.
        images: (N, H, W, C), float32 in [0, 1], as the model is to see them, of which
            the first 32 are reconstructed. May be None without reconstructions.
        labels: (N,), for models that take them.
        samples: whether to draw 64 samples with seed 0, or eight of each class. A
            model that cannot sample yet has none.
        reconstructions: whether to reconstruct images, at the posterior mean.
        every: epochs from one picture to the next; the first and the last are shown,
            too.
        model: the model to show, where that is not what `fit` trains: the `zoo.VQVAE`
            whose prior is trained.

    Raises:
        OSError: if the folder cannot be made.
        ValueError, TypeError: for arguments out of range; by `fit`, for images or
            labels that are not what the model takes.

    Example:

    >>> import numpy as np, zoo
    >>> from recipes.runs.tensorboard import TensorBoardImages
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> shown = TensorBoardImages("logs", x, every=5)
    >>> history = model.fit(x, validation_data=x, verbose=0, callbacks=[shown])
    """

    def __init__(
        self,
        folder,
        images,
        labels=None,
        samples=True,
        reconstructions=True,
        every=1,
        *,
        model=None,
    ):
        super().__init__(Path(folder) / "images", every, model)
        self.samples = samples
        self.reconstructions = reconstructions
        if images is None and reconstructions:
            raise ValueError("`images` must be given to be reconstructed; got None.")
        self.images, self.labels = _first(RECONSTRUCTIONS, images, labels)

    def check(self, model):
        check_channels(model.image_shape[-1])
        if self.samples:
            self._labels_to_sample(model)
        if self.reconstructions:
            check_images(self.images, model.image_shape, "images")
            model.check_labels_of_images(self.labels, len(self.images), prior=False)

    def write(self, log, model, step):
        if self.samples and model.can_sample:
            labels = self._labels_to_sample(model)
            count = SAMPLES if labels is None else len(labels)
            samples = model.sample(count, labels, seed=0)
            log.add_picture("samples", contact_sheet_png(samples, columns=8), step)
        if self.reconstructions:
            pairs = in_pairs(self.images, model.reconstruct(self.images, self.labels))
            log.add_picture(
                "reconstructions", contact_sheet_png(pairs, columns=8), step
            )

    def _labels_to_sample(self, model):
        labels = sample_labels(model)
        if labels is None and model.label_dim:  # attributes: those of the images
            given = model.check_labels(self.labels)
            labels = np.resize(given, (SAMPLES, model.label_dim))
        return labels


class TensorBoardTexts(Summaries):
    """Shows samples, reconstructions and interpolations of a model of texts.

    The same latents and the same texts every time, so that one can watch them change.

    Args:
        folder: of the logs; this goes to `texts` in it.
        texts: tokens (N, T), or texts; the first 256 are used.
        labels: (N,), for models that take them.
        every: epochs from one time to the next; the first and the last are shown, too.

    Raises:
        OSError: if the folder cannot be made.
        ValueError, TypeError: for arguments out of range; by `fit`, for texts or labels
            that are not what the model takes.
    """

    def __init__(self, folder, texts, labels=None, every=1):
        super().__init__(Path(folder) / "texts", every)
        self.texts, self.labels = _first(TensorBoardLatents.NUM_IMAGES, texts, labels)

    def check(self, model):
        model.event.check(self.texts, "texts")
        model.check_labels_of_images(self.labels, len(self.texts), prior=False)

    def write(self, log, model, step):
        examples = text_examples(model, model.event.check(self.texts), self.labels)
        for name, headings, rows in example_rows(examples):
            table = markdown_table(headings, markdown_cells(rows))
            log.add_text(name, "\n".join(table), step)


class TensorBoardLatents(Summaries):
    """Shows what each latent tells of images: its KL, or how often each code is used.

    Bars, one a latent, as high as its KL in nats; they are in the histograms. Where the
    prior is learned for all latents together, see
    `zoo.evaluation.latents.kl_per_latent`. Beside them the sum and the number of
    latents in use, those with 0.01 nats or more. Where latents are codes one bar a
    code, of each level of a residual quantizer, and the perplexity and the share of
    codes in use; of several groups of latents the KL of each group.

    Args:
        folder: of the logs; this goes to `latents` in it.
        images: (N, H, W, C), float32 in [0, 1], as the model is to see them, or tokens
            (N, T); the first 256 are used.
        labels: (N,), for models that take them.
        every: epochs from one time to the next; the first and the last are shown, too.

    Raises:
        OSError: if the folder cannot be made.
        ValueError, TypeError: for arguments out of range; by `fit`, for images or
            labels that are not what the model takes.

    Example:

    >>> import numpy as np, zoo
    >>> from recipes.runs.tensorboard import TensorBoardLatents
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> shown = TensorBoardLatents("logs", x)
    >>> history = model.fit(x, validation_data=x, verbose=0, callbacks=[shown])
    """

    NUM_IMAGES = 256  # one batch of compiled functions

    def __init__(self, folder, images, labels=None, every=1):
        super().__init__(Path(folder) / "latents", every)
        self.images, self.labels = _first(self.NUM_IMAGES, images, labels)

    def check(self, model):
        model.event.check(self.images, "images")
        model.check_labels_of_images(self.labels, len(self.images), prior=False)

    def write(self, log, model, step):
        if the_codes(model.latents):
            counts = code_counts(model, self.images)
            for level, row in enumerate(counts):
                name = "codes" if len(counts) == 1 else f"codes/level_{level}"
                log.add_bars(name, row, step)
            figures = statistics_of_counts(counts)
        elif the_vector(model.latents):
            kl = kl_per_latent(model, self.images, self.labels)
            log.add_bars("kl_per_latent", kl, step)
            figures = {"kl": kl.sum(), "latents_in_use": np.sum(kl >= SILENT)}
        else:
            terms = model.elbo(self.images, self.labels, seed=0)
            figures = {k: np.mean(v) for k, v in terms.items() if k.startswith("kl")}
        for name, value in figures.items():
            log.add_scalar(f"latents/{name}", value, step)


def _first(count, images, labels):
    """Copies of the first so many: what the caller does to the others is no matter."""
    return tuple(None if a is None else np.array(a[:count]) for a in (images, labels))
