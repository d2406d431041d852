"""The examples of CONTRIBUTING.md, exported: the same samples, whatever draws them."""

import guide
import keras
import numpy as np
import pytest

import export

SAMPLE = """
import importlib, sys
import numpy as np

module, preset, out = sys.argv[1:]
importlib.import_module(module)
import zoo
np.save(out, zoo.from_preset(preset).sample(5, seed=3))
"""
BACKENDS = dict(zip(guide.MODELS, ("jax", "torch") * len(guide.MODELS), strict=False))


def moved(model):
    """The model with weights that are not those of its start."""
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.3 * rng.standard_normal(weight.shape))
    return model


@pytest.mark.parametrize("heading", guide.MODELS)
def test_example_samples_alike_everywhere(heading, tmp_path, run_python):
    keras.utils.set_random_seed(0)  # some examples have weights of no seed
    model = moved(guide.model_of(heading, tmp_path))
    export.export_model(model, tmp_path / "exported")
    sampler = export.Sampler(tmp_path / "exported")
    sampled = sampler.sample(5, seed=3)
    assert sampled.std(axis=0).max() > 1e-3
    np.testing.assert_allclose(sampled, model.sample(5, seed=3), atol=1e-5)
    np.testing.assert_allclose(
        sampler.sample(2, seed=3, first=3), sampled[3:], atol=1e-6
    )
    sampler.verify()

    # And its preset, on another backend.
    model.save_to_preset(tmp_path / "preset")
    folder = guide.folder_of(heading)
    run_python(
        f"import sys\nsys.path.insert(0, {str(folder)!r})\n{SAMPLE}",
        guide.module_name(heading),
        tmp_path / "preset",
        tmp_path / "elsewhere.npy",
        KERAS_BACKEND=BACKENDS[heading],
    )
    elsewhere = np.load(tmp_path / "elsewhere.npy")
    np.testing.assert_allclose(elsewhere, sampled, atol=1e-5)


def test_recipe_of_the_guide_makes_a_model_that_exports(tmp_path):
    recipe = guide.module_of(guide.RECIPE, tmp_path).RECIPE
    model = recipe.build_model(beta=1.0, seed=0, dtype=None)
    export.export_model(model, tmp_path / "exported")
    sampled = export.Sampler(tmp_path / "exported").sample(5, seed=3)
    np.testing.assert_allclose(sampled, model.sample(5, seed=3), atol=1e-5)
