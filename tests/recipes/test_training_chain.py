"""A recipe that goes on from a preset of its own: trainings in a chain."""

import dataclasses
import io

import keras
import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.common.histories import read_histories
from recipes.recipe import Recipe, Training
from recipes.runs.training import train

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)


def build_model(beta, seed, dtype):
    return zoo.DenseVAE(
        (8, 8, 1), 2, hidden_units=(8,), beta=beta, seed=seed, dtype=dtype
    )


RECIPE = Recipe(
    name="tiny_chain",
    summary="Noise.",
    dataset=np.random.default_rng(0).random((80, 8, 8, 1), dtype="float32"),
    image_shape=(8, 8, 1),
    validation=16,
    binarized=False,
    training=Training(epochs=2, batch_size=16, warmup_epochs=1, ema_momentum=None),
    build_model=build_model,
    num_importance_samples=2,
)


def run(folder, recipe=RECIPE, rate=None, **options):
    if rate is not None:
        training = dataclasses.replace(recipe.training, learning_rate=rate)
        recipe = dataclasses.replace(recipe, training=training)
    console = Console(file=io.StringIO())
    return train(recipe, out=folder, console=console, **options)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return run(tmp_path_factory.mktemp("chain") / "first", command="the first")


def test_chain_begins_with_the_weights_and_records_every_training(first, tmp_path):
    second = run(tmp_path / "second", rate=0.0, start_from=first, command="the second")
    model, before = zoo.from_preset(second), zoo.from_preset(first)
    for new, old in zip(model.trainable_weights, before.trainable_weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (new, old)))
    third = run(tmp_path / "third", rate=0.05, start_from=second, command="the third")

    training = zoo.preset_info(third)["training"]
    assert [each["command"] for each in training["after"]] == [
        "the first",
        "the second",
    ]
    assert training["command"] == "the third" and training["warmup_epochs"] == 0
    history = read_histories(third)["model"]
    assert {len(values) for values in history.values()} == {6}
    assert history["val_elbo"][:2] == read_histories(first)["model"]["val_elbo"]
    # KL counts in full from the start: what is minimized is the negative ELBO.
    np.testing.assert_allclose(history["loss"][2:], np.negative(history["elbo"][2:]))
    assert history["loss"][0] < -history["elbo"][0]
    assert int(zoo.from_preset(third).steps_trained) > int(before.steps_trained)
    card = (third / "README.md").read_text(encoding="utf-8")
    assert "| after | `the first`, 2 epochs, " in card and "; `the second`, 2" in card


def other(seed, dtype, beta):
    return zoo.DenseVAE((8, 8, 1), 3, hidden_units=(8,), beta=beta, seed=seed)


MORE = np.concatenate([RECIPE.dataset, RECIPE.dataset])
REFUSED = {
    "seed": ({"seed": 1}, "trained with seed 0, the run is 1"),
    "images": ({"dataset": MORE}, "trained on so many images: "),
    "model": ({"build_model": other}, "of the recipe's own model, a DenseVAE of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_cannot_go_on_from_is_one_sentence(case, first, tmp_path):
    change, match = REFUSED[case]
    options = {"seed": change["seed"]} if case == "seed" else {}
    recipe = RECIPE if options else dataclasses.replace(RECIPE, **change)
    with pytest.raises(ValueError, match=match) as caught:
        run(tmp_path / "run", recipe, start_from=first, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "preset").exists()


def test_unfinished_run_goes_on_from_the_same_preset_alone(first, tmp_path):
    second = run(tmp_path / "second", rate=0.01, start_from=first)
    (second / "README.md").unlink()
    second.rename(tmp_path / "elsewhere")  # as if it had been killed at the end
    with pytest.raises(ValueError, match="weights"):
        run(
            tmp_path / "second",
            rate=0.01,
            start_from=tmp_path / "elsewhere",
            resume=True,
        )
    run(tmp_path / "second", rate=0.01, start_from=first, resume=True)
