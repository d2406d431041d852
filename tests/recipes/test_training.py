"""A recipe from data to preset: what it leaves, and how it goes on after a kill."""

import dataclasses
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from event_files import read_events
from rich.console import Console

import zoo
from recipes.common.published import Published, further_draws, published_of
from recipes.data import binarize, load_images
from recipes.data.forms import load_data
from recipes.documents.published import published_rows
from recipes.recipe import RECIPES, Recipe, Training, get_recipe
from recipes.runs import callbacks as run_callbacks
from recipes.runs import training as recipe_training
from recipes.runs.run import Run, make_optimizer
from recipes.runs.training import finetune, train

once = pytest.mark.one_backend(
    "a run, its end and its going on are tried on every backend"
)

HERE = Path(__file__).resolve().parent
EPOCHS = 4


def draw_images():
    """200 grey images with two latent directions to find."""
    rng = np.random.default_rng(0)
    patterns = rng.random((2, 8, 8, 1))
    chosen = rng.random((200, 2, 1, 1, 1))
    images = (chosen * patterns).mean(axis=1) + 0.02 * rng.random((200, 8, 8, 1))
    return np.clip(images, 0, 1).astype("float32")


def build_model(beta, seed, dtype):
    return zoo.DenseVAE(
        (8, 8, 1), 2, (8,), beta=beta, dynamic_binarization=True, seed=seed, dtype=dtype
    )


def tiny_recipe(**changes):
    training = {
        "epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "warmup_epochs": 1,
        "ema_momentum": 0.9,
        "steps_per_execution": 3,
    }
    return Recipe(
        name="tiny",
        summary="A tiny model on drawn images.",
        dataset=draw_images(),
        image_shape=(8, 8, 1),
        validation=20,
        binarized=True,
        training=Training(**{**training, **changes}),
        build_model=build_model,
        num_importance_samples=5,
        anchors=(
            Published("somebody's model", "12.3", "nll", "tiny images", draws=3),
            Published("a better one", "1.2", "nll", draws=9, differs="smaller"),
        ),
    )


def quiet():
    return Console(file=io.StringIO(), width=200)


def state_of(out):
    """What the checkpoint of a run knows, other than weights."""
    with np.load(out / "checkpoint.npz") as file:
        return json.loads(str(file["state"]))


@dataclasses.dataclass
class Finished:
    """A run from beginning to end, and what happened in it."""

    out: Path
    preset: Path
    events: list
    printed: str


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "new" / "tiny"
    events = []
    console = quiet()

    def load(source, form, **options):
        events.append(("load", options.get("splits", ("train", "validation"))))
        return load_data(source, form, **options)

    fit = recipe_training.Run.fit

    def fit_and_tell(*args, **kwargs):
        model = fit(*args, **kwargs)
        events.append(("fit", args[2]))
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe_training, "load_data", load)
        patch.setattr(recipe_training.Run, "fit", fit_and_tell)
        preset = train(tiny_recipe(), out=out, command="train tiny", console=console)
    return Finished(out, preset, events, console.file.getvalue())


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished.out, tmp_path / "run")


class Interrupted(Exception):
    """As if the machine had gone."""


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run that broke off in its third epoch."""
    out = tmp_path_factory.mktemp("interrupted") / "run"

    def stop(self, epoch, logs=None):
        if epoch == 2:
            raise Interrupted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_callbacks.SeedEveryEpoch, "on_epoch_end", stop)
        with pytest.raises(Interrupted):
            train(tiny_recipe(), out=out, console=quiet())
    return out


def test_run_leaves_checkpoint_logs_and_a_whole_preset(finished):
    assert finished.preset == finished.out / "preset"
    assert sorted(p.name for p in finished.out.iterdir()) == [
        ".lock",
        "checkpoint.npz",
        "logs",
        "preset",
    ]
    assert sorted(p.name for p in finished.preset.iterdir()) == [
        "README.md",
        "config.json",
        "history.json",
        "metadata.json",
        "model.weights.h5",
        "reconstructions.png",
        "samples.png",
        "training.png",
    ]
    for picture in finished.preset.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_logs_show_figures_pictures_and_latents(finished):
    logs = finished.out / "logs"
    every_epoch = list(range(1, EPOCHS + 1))
    scalars = read_events(logs)
    assert list(scalars["elbo/validation"]) == every_epoch
    assert set(read_events(logs / "images")) == {"samples", "reconstructions"}
    bars = read_events(logs / "latents")["kl_per_latent"]
    assert list(bars) == every_epoch
    for step, figures in bars.items():
        logged = scalars["kl/validation"][step]
        assert figures[:, 2].sum() == pytest.approx(logged, rel=1e-3)


def test_metrics_are_those_of_the_preset_on_the_binarized_test_split(finished):
    info = zoo.preset_info(finished.preset)
    metrics = info["metrics"]
    model = zoo.from_preset(finished.preset)
    test = load_images(draw_images(), splits="test").test
    assert metrics["test_images"] == len(test) == 20
    assert metrics["num_importance_samples"] == 5
    json.dumps(metrics, allow_nan=False)
    elbo = model.elbo(binarize(test), seed=0)["elbo"]
    assert metrics["elbo"] == pytest.approx(elbo.mean(), rel=1e-5)
    nll = -model.log_marginal_likelihood(
        binarize(test), num_importance_samples=5, seed=0
    )
    assert metrics["nll"] == pytest.approx(nll.mean(), rel=1e-5)
    assert metrics["nll_standard_error"] == pytest.approx(
        nll.std(ddof=1) / 20**0.5, rel=1e-4
    )
    assert metrics["elbo"] == pytest.approx(
        -metrics["reconstruction"] - metrics["kl"], rel=1e-5
    )


def test_records_say_how_the_run_was_made_and_not_where(finished):
    info = zoo.preset_info(finished.preset)
    assert info["preset"] == "tiny"
    record = info["training"]
    assert record["command"] == "train tiny"
    assert record["seed"] == 0
    assert record["epochs"] == EPOCHS
    assert 2 <= record["best_epoch"] <= EPOCHS
    assert record["backend"] == keras.backend.backend()
    assert record["batch_size"] == 16
    assert record["seconds"] > 0
    assert info["dataset"]["training_images"] == 160
    card = (finished.preset / "README.md").read_text()
    # Each by its protocol; ours is computed by it where it asks for fewer draws.
    metrics = info["metrics"]
    ours = metrics["nll_k3"]
    assert ours >= metrics["nll"] and f"| NLL, K = 3, nats | {ours:.2f} |" in card
    row = f"NLL, K = 3; tiny images, test images | 12.3 | {ours:.2f} |"
    assert f"| somebody's model | {row}" in card
    row = f"NLL, K = 9 | 1.2 | {metrics['nll']:.2f} (K = 5, smaller) |"
    assert f"| a better one | {row}" in card
    assert f"{info['metrics']['nll']:.2f}" in card
    for text in (card, (finished.preset / "metadata.json").read_text()):
        assert str(finished.out) not in text and str(HERE) not in text
        assert socket.gethostname() not in text


def test_training_learns_and_keeps_the_best_weights(finished):
    state = state_of(finished.out)
    history = state["history"]
    assert len(history["val_elbo"]) == EPOCHS == state["epochs_done"]
    assert history["val_elbo"][-1] > history["val_elbo"][0]
    # Of the epochs after warm-up.
    best = int(np.argmax(history["val_elbo"][1:])) + 1
    assert state["best_epoch"] == best
    assert state["best_score"] == pytest.approx(history["val_elbo"][best], rel=1e-6)
    with np.load(finished.out / "checkpoint.npz") as file:
        kept = [file[f"b{i}"] for i in range(state["num_best"])]
    weights = zoo.from_preset(finished.preset).get_weights()
    for one, other in zip(kept, weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for epoch in range(1, EPOCHS + 1):
        assert f"epoch {epoch}/{EPOCHS}: ELBO " in finished.printed


def test_test_split_is_first_opened_after_training(finished):
    kinds = [kind for kind, _ in finished.events]
    assert kinds == ["load", "fit", "load"]
    assert "test" not in finished.events[0][1]
    assert finished.events[2][1] == "test"
    data = finished.events[1][1]
    assert data.test is None
    test = load_images(draw_images(), splits="test").test
    seen = {image.tobytes() for image in [*data.train, *data.validation]}
    assert len(seen) == 180
    assert not seen & {image.tobytes() for image in test}


def test_finished_run_is_not_overwritten(finished):
    before = (finished.out / "checkpoint.npz").read_bytes()
    for resume in (False, True):
        with pytest.raises(FileExistsError, match="holds a finished run: choose"):
            train(tiny_recipe(), out=finished.out, resume=resume, console=quiet())
    assert (finished.out / "checkpoint.npz").read_bytes() == before


@once
def test_trained_run_without_its_preset_is_finished_without_training(
    copied, finished, monkeypatch
):
    # As after a kill during evaluation.
    shutil.rmtree(copied / "preset")

    def fit(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(zoo.VAE, "fit", fit)
    preset = train(tiny_recipe(), out=copied, resume=True, console=quiet())
    one, other = (zoo.from_preset(p).get_weights() for p in (preset, finished.preset))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_unfinished_run_is_neither_overwritten_nor_taken_for_finished(interrupted):
    assert state_of(interrupted)["epochs_done"] == 2
    assert not (interrupted / "preset").exists()
    with pytest.raises(FileExistsError, match="holds an unfinished run: go on with"):
        train(tiny_recipe(), out=interrupted, console=quiet())


@pytest.mark.parametrize(
    "options, changes, name",
    [
        ({"seed": 1}, {}, "seed=0 .now 1."),
        ({"epochs": 9}, {}, "epochs=4 .now 9."),
        ({}, {"batch_size": 32}, "batch_size=16 .now 32."),
        ({}, {"learning_rate": 0.5}, "learning_rate=0.01 .now 0.5."),
    ],
)
@once
def test_resume_with_other_settings_is_refused(interrupted, options, changes, name):
    before = (interrupted / "checkpoint.npz").read_bytes()
    with pytest.raises(ValueError, match=f"other settings.*{name}"):
        train(
            tiny_recipe(**changes),
            out=interrupted,
            resume=True,
            console=quiet(),
            **options,
        )
    assert (interrupted / "checkpoint.npz").read_bytes() == before


KILLED = """
import importlib, os, signal, sys
from pathlib import Path

import keras

from recipes.runs import callbacks
from test_training import quiet, tiny_recipe, train


def kill(self, batch, logs=None):
    if self._epoch == 2 and batch >= 4:
        os.kill(os.getpid(), signal.SIGKILL)


callbacks.ProgressBar.on_train_batch_end = kill
if keras.backend.backend() == "tensorflow":  # as in the process of the tests
    trainer = importlib.import_module("zoo.training.tensorflow").TensorFlowTrainer
    trainer.choose_jit_compile = lambda *_: False
train(tiny_recipe(), out=Path(sys.argv[1]), console=quiet())
"""


def test_killed_run_resumes_to_the_result_of_an_uninterrupted_one(finished, tmp_path):
    out = tmp_path / "killed"
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    process = subprocess.run(
        [sys.executable, "-c", KILLED, out],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr[-3000:]
    assert not (out / "preset").exists()
    assert state_of(out)["epochs_done"] == 2
    console = quiet()
    preset = train(tiny_recipe(), out=out, resume=True, console=console)
    assert "Going on after epoch 2." in console.file.getvalue()

    resumed, whole = state_of(out), state_of(finished.out)
    assert resumed["epochs_done"] == whole["epochs_done"] == EPOCHS
    for name in ("elbo", "val_elbo"):
        assert resumed["history"][name] == whole["history"][name]
    # Three processes, one of them killed, and one model: the seed decides it.
    model, other = zoo.from_preset(preset), zoo.from_preset(finished.preset)
    for weight, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    assert int(model.steps_trained) in {10 * e for e in range(2, EPOCHS + 1)}


@once
def test_two_runs_do_not_share_a_folder(tmp_path):
    out = tmp_path / "run"
    with Run(out, "first", 0, False) as first:
        with pytest.raises(OSError, match="Another run works in .*run': wait for it"):
            train(tiny_recipe(), out=out, console=quiet())
        assert not first.checkpoint_path.exists()
    with Run(out, "second", 0, False):
        pass


@once
def test_a_preset_without_its_card_is_not_finished(finished, tmp_path, monkeypatch):
    out = Path(shutil.copytree(finished.out, tmp_path / "run"))
    shutil.rmtree(out / "preset")

    def fail(preset):
        assert (preset / "samples.png").is_file()
        raise OSError("No space left.")

    monkeypatch.setattr("recipes.runs.kinds.write_card", fail)
    with pytest.raises(OSError, match="No space left"):
        train(tiny_recipe(), out=out, resume=True, console=quiet())
    assert not (out / "preset").exists()
    monkeypatch.undo()
    preset = train(tiny_recipe(), out=out, resume=True, console=quiet())
    assert (preset / "README.md").is_file() and not (out / ".preset").exists()


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
@once
def test_damaged_checkpoint_is_refused(interrupted, tmp_path, damage, place):
    content = bytearray((interrupted / "checkpoint.npz").read_bytes())
    position = int(place * len(content))
    if damage == "flipped":
        content[position] ^= 0x10
    else:
        content = content[:position]
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    model = build_model(1.0, 0, "float32")
    model.compile(make_optimizer(tiny_recipe().training, steps=10))
    model.optimizer.build(model.trainable_variables)
    before = model.get_weights()
    checkpoint = run_callbacks.Checkpoint(path, run_callbacks.KeepBest(1), settings={})
    try:
        checkpoint.read()
        checkpoint.set_model(model)
        checkpoint.on_train_begin()
    except ValueError as error:
        assert "cannot be read" in str(error) and "\n" not in str(error)
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    else:  # a bit that nothing depends on
        assert damage == "flipped"
        assert checkpoint.epochs_done == 2


def test_optimizer_skips_steps_where_a_training_says_so():
    training = dataclasses.replace(tiny_recipe().training, skipped_norm=50.0)
    optimizer = make_optimizer(dataclasses.replace(training, clipnorm=5.0), steps=10)
    assert optimizer.max_norm == 50
    assert optimizer.inner_optimizer.global_clipnorm == 5


@once
def test_unwritable_output_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match="^Cannot write to .*: .*[.]$"):
            train(tiny_recipe(), out=out, console=quiet())


def test_epochs_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="`epochs` must be a whole number >= 1; got 0"):
        train(tiny_recipe(), epochs=0, out=tmp_path / "run", console=quiet())
    assert not (tmp_path / "run").exists()


def test_finetuning_goes_on_from_the_preset(finished, tmp_path):
    console = quiet()
    darker = 0.6 * draw_images()[:100]
    preset = finetune(
        finished.preset,
        darker,
        epochs=3,
        batch_size=10,
        learning_rate=2e-2,
        out=tmp_path / "run",
        console=console,
    )
    info = zoo.preset_info(preset)
    assert info["finetuned_from"] == "tiny"
    assert info["metrics"]["binarized"] is True
    assert info["metrics"]["test_images"] == 10
    before = zoo.from_preset(finished.preset)
    after = zoo.from_preset(preset)
    assert int(after.steps_trained) > int(before.steps_trained)
    # Some steps further, not as many from scratch.
    test = binarize(load_images(darker, splits="test").test)
    elbos = [
        np.mean([m.elbo(test, seed=s)["elbo"].mean() for s in range(5)])
        for m in (build_model(1.0, 0, None), before, after)
    ]
    assert elbos[1] > elbos[0] and elbos[2] > elbos[0] + 0.5 * (elbos[1] - elbos[0])
    # What was gained is said, and kept.
    validation = binarize(load_images(darker).validation)
    gain = info["finetuning"]
    for name, model in (("_before", before), ("", after)):
        elbo = model.elbo(validation, seed=0)["elbo"].mean()
        assert gain[f"validation_elbo{name}"] == pytest.approx(elbo, abs=1e-3)
    assert gain["validation_elbo"] > gain["validation_elbo_before"]
    said = f"{gain['validation_elbo_before']:,.1f} nats before"
    assert said in console.file.getvalue()
    assert "Fine-tuned from tiny: the ELBO of 9" in (preset / "README.md").read_text()


def test_learning_rate_must_be_above_zero(finished):
    with pytest.raises(ValueError, match="`learning_rate` must be .* 0; got -0.1"):
        finetune(finished.preset, draw_images(), learning_rate=-0.1)


@once
def test_finetuning_that_gains_nothing_says_so_and_leaves_no_preset(finished, tmp_path):
    options = {"learning_rate": 10.0, "epochs": 1, "out": tmp_path, "console": quiet()}
    with pytest.raises(ValueError, match="^Nothing was gained, so no preset .* before"):
        finetune(finished.preset, draw_images()[:100], **options)
    assert not (tmp_path / "preset").exists()
    assert state_of(tmp_path)["best_epoch"] == -1
    # What it was made of may not change when it is resumed.
    with pytest.raises(ValueError, match="inverted=False"):
        finetune(
            finished.preset, draw_images()[:100], **options, invert=True, resume=True
        )


@once
def test_too_few_images_to_validate_are_one_sentence(finished, tmp_path):
    options = {"epochs": 1, "learning_rate": 10.0, "console": quiet()}
    with pytest.raises(ValueError, match="^The images of .* at least 3, to tr"):
        finetune(finished.preset, draw_images()[:2], out=tmp_path / "2", **options)
    # One each: enough to train.
    with pytest.raises(ValueError, match="^Nothing was gained, .* the 1 validation"):
        finetune(finished.preset, draw_images()[:3], out=tmp_path / "3", **options)


# KeepBest, on a model that is only weights.


class Weights:
    def __init__(self):
        self.value = None
        self.stop_training = False

    def get_weights(self):
        return [np.array(self.value)]

    def set_weights(self, weights):
        self.value = float(weights[0])


def epochs_until_stop(elbos, **options):
    """Runs KeepBest over validation ELBOs: (epochs run, best epoch, final weights)."""
    model = Weights()
    best = run_callbacks.KeepBest(**options)
    best.set_model(model)
    ran = 0
    for epoch, elbo in enumerate(elbos):
        best.on_epoch_begin(epoch)
        model.value = float(epoch)
        best.on_test_end({"elbo": elbo})
        best.on_epoch_end(epoch, {})
        ran += 1
        if model.stop_training:
            break
    best.on_train_end()
    return ran, best.best_epoch, model.value


@pytest.mark.parametrize(
    "elbos, options, expected",
    [
        # It stops two epochs after the best and puts its weights back.
        ([-9, -5, -6, -7, -1], {"patience": 2}, (4, 1, 1.0)),
        ([-9, -5, -6, -4, -5, -6, -1], {"patience": 2}, (6, 3, 3.0)),
        # Every epoch is better: no stop.
        ([-9, -8, -7, -6], {"patience": 1}, (4, 3, 3.0)),
        # What is found in the warm-up neither counts nor costs patience.
        ([-1, -2, -9, -8, -8.5, -8.6], {"patience": 2, "ready_epoch": 2}, (6, 3, 3.0)),
        ([-1, -2], {"patience": 2, "ready_epoch": 5}, (2, -1, 1.0)),
        # An ELBO that is not a number is never the best.
        ([-5, float("nan"), float("nan")], {"patience": 2}, (3, 0, 0.0)),
    ],
)
def test_keep_best_stops_early_and_puts_the_best_back(elbos, options, expected):
    assert epochs_until_stop(elbos, **options) == expected


@once
def test_early_stopping_ends_a_run_and_its_resume(tmp_path, monkeypatch):
    # A learning rate of 0: no epoch after the first is better but by luck.
    recipe = tiny_recipe(
        epochs=40, patience=2, learning_rate=1e-12, warmup_epochs=0, decay=False
    )
    train(recipe, out=tmp_path / "run", console=quiet())
    state = state_of(tmp_path / "run")
    assert state["stopped"]
    assert state["epochs_done"] == state["best_epoch"] + 1 + 2 < 40
    shutil.rmtree(tmp_path / "run" / "preset")
    console = quiet()
    train(recipe, out=tmp_path / "run", resume=True, console=console)
    assert "The model was trained already." in console.file.getvalue()
    assert state_of(tmp_path / "run") == state


@pytest.mark.parametrize("name", [n for n in RECIPES if n in zoo.list_presets()])
@once
def test_shipped_presets_have_the_published_figures_of_their_recipes(name):
    info = zoo.preset_info(name)
    published = published_of(info)
    assert published == list(get_recipe(name).anchors)
    for row, each in zip(published_rows(info), published, strict=True):
        assert row[0] == each.model and row[2] == each.value
        assert each.data in row[1]
        # A figure of other data, which ours cannot be compared with, has no metric.
        assert each.differs in row[3] and (row[3] != "-") == bool(each.metric)


def test_ours_has_no_more_draws_than_the_published_figure():
    def ours(**protocol):
        published = Published("a", "1", "nll", **protocol).record()
        info = {"metrics": metrics, "anchors": [published]}
        return published_rows(info)[0][3]

    metrics = {"nll": 80.0, "nll_k128": 80.5, "num_importance_samples": 1000}
    assert ours(draws=1000) == "80.00" and ours(draws=128) == "80.50"
    # Ours of fewer draws is the larger bound, and says so.
    assert ours(draws=5000) == "80.00 (K = 1,000)"
    assert ours(draws=None, differs="deeper") == "80.00 (K = 1,000, deeper)"
    assert ours(draws=64) == "-"  # never was computed
    assert ours(split="training") == "-"
    known = [Published("a", "1", "nll", draws=k) for k in (5000, 128, 128, None)]
    assert further_draws([*known, Published("b", "2", "mig")], 1000) == [128]


@once
def test_shipped_flow_is_what_its_recipe_builds():
    from recipes.conv_vae_mnist import build_model

    model = build_model(beta=1.0, seed=0, dtype="float32")
    stored = zoo.from_preset("conv_vae_mnist", load_weights=False)
    assert model.prior.get_config() == stored.prior.get_config()
    assert [w.shape for w in model.weights] == [w.shape for w in stored.weights]
