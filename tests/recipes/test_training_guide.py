"""The recipe of CONTRIBUTING.md, from its data to a preset."""

import dataclasses

import guide
import numpy as np
import pytest

import zoo
from recipes.runs.training import train

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)


def test_recipe_of_the_guide_trains(tmp_path):
    recipe = guide.module_of(guide.RECIPE, tmp_path).RECIPE
    recipe = dataclasses.replace(recipe, num_importance_samples=2)
    preset = train(recipe, epochs=1, out=tmp_path / "run")
    info = zoo.preset_info(preset)
    assert info["preset"] == recipe.name
    assert -700 < info["metrics"]["elbo"] < 0
    images = zoo.from_preset(preset).sample(3, seed=0)
    assert images.shape == (3, 28, 28, 1)
    assert np.isfinite(images).all()
