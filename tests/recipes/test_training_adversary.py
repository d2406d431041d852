"""A run against an adversary: two optimizers, averaged, stopped, resumed; no ELBO."""

import io

import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.documents.report import write_report
from recipes.recipe import Recipe, Training
from recipes.runs import callbacks as run_callbacks
from recipes.runs.training import finetune, train

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)


def build_model(beta, seed, dtype):
    return zoo.AdversarialAutoencoder(
        (8, 8, 1),
        2,
        networks="dense",
        hidden_units=(8,),
        discriminator_units=(8,),
        seed=seed,
        dtype=dtype,
    )


RECIPE = Recipe(
    name="tiny_adversary",
    summary="Noise.",
    dataset=np.random.default_rng(0).random((80, 8, 8, 1), dtype="float32"),
    image_shape=(8, 8, 1),
    validation=16,
    binarized=False,
    training=Training(epochs=3, batch_size=16, ema_momentum=0.5),
    build_model=build_model,
    num_importance_samples=2,
)


class Interrupted(Exception):
    """As if the machine had gone."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(preset, what was said) of a run that was interrupted and went on."""
    out, console = tmp_path_factory.mktemp("run"), Console(file=io.StringIO())

    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise Interrupted

    options = {"out": out / "run", "console": console}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(run_callbacks.SeedEveryEpoch, "on_epoch_end", stop)
        train(RECIPE, **options)
    return train(RECIPE, resume=True, **options), console.file


def test_interrupted_run_of_two_optimizers_goes_on(run):
    preset, said = run
    assert "Going on after epoch 1." in said.getvalue()
    assert zoo.preset_info(preset)["training"]["epochs"] == 3
    model = zoo.from_preset(preset)
    assert isinstance(model, zoo.AdversarialAutoencoder)
    before = build_model(1.0, 0, None).discriminator
    for old, new in zip(
        before.get_weights(), model.discriminator.get_weights(), strict=True
    ):
        assert np.isfinite(new).all() and (old.size == 1 or np.any(old != new))


SAID = "No likelihood of this AdversarialAutoencoder is to be reported"


def test_what_is_no_likelihood_is_nowhere_shown_as_one(run, tmp_path):
    preset, said = run
    # Weights are chosen by what is trained.
    assert "epoch 3/3: loss " in said.getvalue()
    assert zoo.preset_info(preset)["metrics"]["diagnosis"][0].startswith(SAID)
    assert SAID in (preset / "README.md").read_text("utf-8")
    write_report(preset, tmp_path / "report.html")
    assert SAID in (tmp_path / "report.html").read_text("utf-8")


def test_finetuning_is_judged_by_reconstructions(run, tmp_path):
    darker, console = 0.3 * RECIPE.dataset, Console(file=io.StringIO())
    options = {"epochs": 3, "learning_rate": 0.02, "console": console}
    preset = finetune(run[0], darker, out=tmp_path / "run", **options)
    gain = zoo.preset_info(preset)["finetuning"]
    after = gain["validation_log_likelihood"]
    assert after > gain["validation_log_likelihood_before"]
    assert "E log p(x|z) of the" in console.file.getvalue()
    card = (preset / "README.md").read_text("utf-8")
    assert "the E log p(x|z) of" in card and f"to {after:,.1f} nats" in card
