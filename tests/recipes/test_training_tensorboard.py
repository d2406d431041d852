"""What training writes for TensorBoard: read back, and compared with the model."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from event_files import assert_same_picture, pixels, read_events

import zoo
from recipes.common.contact_sheet import contact_sheet_png, in_pairs
from recipes.runs.tensorboard import (
    TensorBoardImages,
    TensorBoardLatents,
    TensorBoardScalars,
)

once = pytest.mark.one_backend(
    "what a callback sees is tried on every backend with the model of one vector"
)

BACKEND = keras.backend.backend()
ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(0).random((48, 8, 8, 1), dtype="float32")
VALIDATION = np.random.default_rng(1).random((40, 8, 8, 1), dtype="float32")


def make_dense(kind=zoo.DenseVAE, **options):
    return kind((8, 8, 1), 3, hidden_units=(8,), seed=0, **options)


def fit(model, *callbacks, labels=None, validate=True, epochs=5, average=False):
    """Trains as the recipes do; all orders and noise are fixed."""
    keras.utils.set_random_seed(0)
    if average:
        optimizer = keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9)
        callbacks = [*callbacks, keras.callbacks.SwapEMAWeights()]
    else:
        optimizer = keras.optimizers.Adam(1e-2)
    # XLA would take TensorFlow seconds a model.
    model.compile(optimizer, jit_compile=BACKEND == "jax")
    validation = None
    if validate:
        validation = VALIDATION
        if labels is not None:
            validation = (VALIDATION, labels[: len(VALIDATION)])
    model.fit(
        X,
        labels,
        validation_data=validation,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
    )


class WeightsSeen(keras.callbacks.Callback):
    """Keeps the weights that validation saw, by the number of the epoch."""

    def __init__(self):
        super().__init__()
        self.weights = {}

    def on_test_end(self, logs=None):
        self.weights[len(self.weights) + 1] = self.model.get_weights()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(model with the averages of each epoch, their weights, the folder of the logs)"""
    logs = tmp_path_factory.mktemp("run") / "logs"
    seen = WeightsSeen()
    fit(
        make_dense(),
        seen,
        TensorBoardImages(logs, VALIDATION, every=2),
        TensorBoardLatents(logs, VALIDATION),
        TensorBoardScalars(logs, prefix="tiny_"),
        average=True,
    )
    return make_dense(), seen.weights, logs


def test_pictures_are_those_of_the_averages_of_their_epochs(trained):
    model, weights, logs = trained
    pictures = read_events(logs / "images")
    assert set(pictures) == {"samples", "reconstructions"}
    for shown in pictures.values():
        assert list(shown) == [1, 2, 4, 5]  # every second, the first and the last
    for step in (1, 5):
        model.set_weights(weights[step])
        samples = contact_sheet_png(model.sample(64, seed=0), columns=8)
        assert_same_picture(pictures["samples"][step], samples)
        pairs = in_pairs(VALIDATION[:32], model.reconstruct(VALIDATION[:32]))
        assert_same_picture(
            pictures["reconstructions"][step], contact_sheet_png(pairs, 8)
        )
    differences = pixels(pictures["samples"][1]) - pixels(pictures["samples"][5])
    assert np.abs(differences).max() > 1


def test_bars_are_the_kl_of_each_latent_and_sum_to_the_closed_form(trained):
    model, weights, logs = trained
    events = read_events(logs / "latents")
    assert set(events) == {"kl_per_latent", "latents/kl", "latents/latents_in_use"}
    assert list(events["kl_per_latent"]) == [1, 2, 3, 4, 5]
    for step, bars in events["kl_per_latent"].items():
        left, right, kl = bars.T
        assert left.tolist() == [0, 1, 2] and right.tolist() == [1, 2, 3]
        model.set_weights(weights[step])
        posterior = model.encode(VALIDATION)
        closed = keras.ops.convert_to_numpy(posterior.kl()).mean()
        assert kl.sum() == pytest.approx(closed, rel=1e-4)
        assert events["latents/kl"][step] == pytest.approx(closed, rel=1e-4)
        assert events["latents/latents_in_use"][step] == np.sum(kl >= 0.01)


def test_scalars_are_what_fit_logs(trained):
    events = read_events(trained[2])
    for name in ("loss", "elbo", "reconstruction", "kl", "active_units"):
        for split in ("train", "validation"):
            assert list(events[f"tiny_{name}/{split}"]) == [1, 2, 3, 4, 5]


def test_training_goes_on_as_if_nobody_looked(tmp_path):
    states = []
    for looked in (True, False):
        model = make_dense(dynamic_binarization=True)
        callbacks = []
        if looked:
            callbacks = [
                TensorBoardImages(tmp_path, VALIDATION),
                TensorBoardLatents(tmp_path, VALIDATION),
                TensorBoardScalars(tmp_path),
            ]
        fit(model, *callbacks, epochs=3, average=True)
        variables = [*model.variables, *model.optimizer.variables]
        states.append([keras.ops.convert_to_numpy(v.value) for v in variables])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing here")
def test_nothing_is_compiled_after_the_first_epoch(tmp_path):
    calls = []

    class Counted(zoo.DenseVAE):
        def decode_parameters(self, *arguments, **options):
            calls.append(None)
            return super().decode_parameters(*arguments, **options)

        def encode_parameters(self, *arguments, **options):
            calls.append(None)
            return super().encode_parameters(*arguments, **options)

    class CallsByEpoch(keras.callbacks.Callback):
        counts = []

        def on_epoch_end(self, epoch, logs=None):
            self.counts.append(len(calls))

    counted = CallsByEpoch()
    fit(
        make_dense(Counted),
        TensorBoardImages(tmp_path, VALIDATION),
        TensorBoardLatents(tmp_path, VALIDATION),
        counted,
        epochs=3,
    )
    assert len(set(counted.counts[1:])) == 1 and counted.counts[0] > 0


@once
def test_without_validation_it_is_shown_at_the_end_of_an_epoch(tmp_path):
    model = make_dense()
    images = TensorBoardImages(tmp_path, VALIDATION, reconstructions=False)
    fit(model, images, validate=False, epochs=2)
    pictures = read_events(tmp_path / "images")
    assert set(pictures) == {"samples"} and list(pictures["samples"]) == [1, 2]
    assert_same_picture(
        pictures["samples"][2], contact_sheet_png(model.sample(64, seed=0), columns=8)
    )
    # Again, in the same folder.
    fit(model, images, validate=False, epochs=1)
    assert len(list((tmp_path / "images").iterdir())) == 2


@once
def test_conditional_model_shows_each_class(tmp_path):
    labels = np.arange(48) % 3
    model = make_dense(zoo.ConditionalVAE, num_classes=3, prior="label_normal")
    shown = (VALIDATION, labels[:40])
    fit(
        model,
        TensorBoardImages(tmp_path, *shown, every=5),
        TensorBoardLatents(tmp_path, *shown, every=5),
        labels=labels,
        epochs=2,
    )
    pictures = read_events(tmp_path / "images")
    samples = model.sample(24, np.repeat(np.arange(3), 8), seed=0)
    assert_same_picture(pictures["samples"][2], contact_sheet_png(samples, 8))
    bars = read_events(tmp_path / "latents")["kl_per_latent"][2]
    kl = model.elbo(*shown, seed=0)["kl"].mean()
    assert bars[:, 2].sum() == pytest.approx(kl, rel=1e-3)


@once
def test_conditional_model_of_attributes_shows_those_of_the_images(tmp_path):
    model = make_dense(zoo.ConditionalVAE, num_attributes=2)
    labels = np.random.default_rng(0).random((48, 2), dtype="float32")
    images = TensorBoardImages(tmp_path, VALIDATION, labels[:40])
    fit(model, images, labels=labels, validate=False, epochs=1)
    given = np.resize(labels[:32], (64, 2))
    samples = contact_sheet_png(model.sample(64, given, seed=0), 8)
    assert_same_picture(read_events(tmp_path / "images")["samples"][1], samples)


@once
def test_learned_prior_shows_each_latent_against_its_own_moments(tmp_path):
    model = make_dense(prior="flow")
    latents = TensorBoardLatents(tmp_path, VALIDATION)
    fit(model, latents, validate=False, epochs=1)
    events = read_events(tmp_path / "latents")
    kl = zoo.evaluation.latents.kl_per_latent(model, VALIDATION)
    np.testing.assert_allclose(events["kl_per_latent"][1][:, 2], kl, rtol=1e-4)
    assert (kl >= 0).all()


@once
def test_codes_are_counted_and_not_drawn_without_a_prior(tmp_path):
    levels = 2
    model = zoo.VQVAE(
        (8, 8, 1),
        codebook_size=6,
        code_dim=2,
        quantizer=zoo.quantizers.ResidualQuantizer(6, 2, depth=levels, seed=0),
        filters=(4, 8),
        blocks_per_stage=0,
        seed=0,
    )
    fit(
        model,
        TensorBoardImages(tmp_path, VALIDATION),
        TensorBoardLatents(tmp_path, VALIDATION),
        epochs=1,
    )
    assert set(read_events(tmp_path / "images")) == {"reconstructions"}
    events = read_events(tmp_path / "latents")
    codes = keras.ops.convert_to_numpy(model.encode(VALIDATION).codes)
    codes = codes.reshape(-1, levels)
    for level in range(levels):
        expected = np.bincount(codes[:, level], minlength=6)
        np.testing.assert_array_equal(events[f"codes/level_{level}"][1][:, 2], expected)
    usage = np.mean([len(set(codes[:, level])) / 6 for level in range(levels)])
    assert events["latents/codebook_usage"][1] == pytest.approx(usage)


@once
def test_mistakes_are_told_in_a_sentence_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for kind in (TensorBoardScalars, TensorBoardImages, TensorBoardLatents):
        given = () if kind is TensorBoardScalars else (VALIDATION,)
        with pytest.raises(OSError, match="^Cannot write to .*file.*: .*[.]$"):
            kind(tmp_path / "file", *given)
    with pytest.raises(ValueError, match="`every` must be a whole number >= 1; got 0"):
        TensorBoardLatents(tmp_path, VALIDATION, every=0)
    with pytest.raises(ValueError, match="`images` must be given"):
        TensorBoardImages(tmp_path, None)

    def refused(error, words, model, callback, labels=None):
        before = model.get_weights()
        with pytest.raises(error, match=words):
            fit(model, callback, labels=labels, validate=False, epochs=1)
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)

    wrong = np.zeros((4, 9, 9, 1), "float32")
    for kind in (TensorBoardImages, TensorBoardLatents):
        refused(ValueError, "`images`.*9", make_dense(), kind(tmp_path, wrong))
        conditional = make_dense(zoo.ConditionalVAE, num_classes=3)
        shown = kind(tmp_path, VALIDATION)
        refused(ValueError, "labels", conditional, shown, np.arange(48) % 3)
    shown = TensorBoardLatents(tmp_path, VALIDATION)
    other = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Dense(1)])
    with pytest.raises(TypeError, match="shows models of the zoo; got Sequential"):
        shown.set_model(other)
        shown.on_train_begin()


WITHOUT_TENSORFLOW = """
import sys

sys.modules["tensorflow"] = None  # any import of it fails
from recipes.runs.event_log import EventLog

log = EventLog("logs")
log.add_scalar("elbo", -90.5, step=3)
log.close()
"""


@once
def test_event_file_needs_no_tensorflow(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert read_events(tmp_path / "logs")["elbo"][3] == -90.5
