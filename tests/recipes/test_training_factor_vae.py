"""A run of a model with two optimizers: trained, averaged, stopped and resumed."""

import io

import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.recipe import Recipe, Training
from recipes.runs import callbacks as run_callbacks
from recipes.runs.training import train


def build_model(beta, seed, dtype):
    return zoo.FactorVAE(
        (8, 8, 1),
        2,
        networks="dense",
        hidden_units=(8,),
        discriminator_units=(8,),
        beta=beta,
        seed=seed,
        dtype=dtype,
    )


RECIPE = Recipe(
    name="tiny_factor_vae",
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


def test_interrupted_run_of_two_optimizers_goes_on(tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        if epoch == 1:
            raise Interrupted

    options = {"out": tmp_path / "run", "console": Console(file=io.StringIO())}
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(run_callbacks.SeedEveryEpoch, "on_epoch_end", stop)
        train(RECIPE, **options)
    preset = train(RECIPE, resume=True, **options)
    assert "Going on after epoch 1." in options["console"].file.getvalue()
    assert zoo.preset_info(preset)["training"]["epochs"] == 3
    model = zoo.from_preset(preset)
    assert isinstance(model, zoo.FactorVAE)
    before = build_model(1.0, 0, None).discriminator
    for old, new in zip(
        before.get_weights(), model.discriminator.get_weights(), strict=True
    ):
        assert np.isfinite(new).all() and (old.size == 1 or np.any(old != new))
