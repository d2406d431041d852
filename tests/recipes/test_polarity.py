"""Images that are the negatives of those a preset knows, and what is said of them."""

import io

import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.data import load_images
from recipes.metrics.evaluation import evaluate_preset
from recipes.metrics.polarity import polarity_sentence
from recipes.metrics.preset_pair import compare_presets
from recipes.plots.subjects.opening import open_subject
from recipes.runs.training import finetune

SHAPE = (12, 12, 1)


def bright(share, count=60):
    """Images whose mean is about `share`: bright rows on a dark ground."""
    images = np.zeros((count, *SHAPE), "float32")
    images[:, : round(12 * share)] = 1
    return images


class Sampler:
    """A model of which only the mean of its samples matters."""

    can_sample, label_dim, num_classes = True, 0, None

    def __init__(self, mean):
        self.mean = mean

    def sample(self, count, labels, seed):
        return np.full((count, *SHAPE), self.mean, "float32")


@pytest.mark.parametrize(
    "mean, own, negative",
    [
        (0.9, 0.13, True),
        (0.1, 0.9, True),
        (0.7, 0.3, True),
        (0.3, 0.13, False),
        (0.5, 0.13, False),
        (0.6, 0.45, False),
        (0.95, 0.9, False),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_negatives_are_told_by_their_mean(mean, own, negative, known):
    info = {"dataset": {"mean": own}} if known else {}
    images = np.full((5, *SHAPE), mean, "float32")
    said = polarity_sentence(Sampler(None if known else own), info, images)
    assert bool(said) is negative
    if said:
        assert f"mean of {mean:.2f}" in said and f"against {own:.2f}: try --inv" in said
        assert "try without" in polarity_sentence(Sampler(own), info, images, True)


def test_a_model_without_samples_says_nothing():
    model = Sampler(0.1)
    model.can_sample = False
    assert polarity_sentence(model, {}, np.full((5, *SHAPE), 0.9)) is None


@pytest.mark.parametrize("name", ["conditional_vae_mnist", "dense_vae_mnist"])
def test_shipped_presets_tell_drawings_in_black_on_white(name):
    model, info = zoo.from_preset(name), zoo.preset_info(name)
    digits = load_images("digits", splits="test", image_shape=(28, 28, 1)).test
    assert polarity_sentence(model, info, digits) is None
    assert "look like negatives" in polarity_sentence(model, info, 1 - digits)


def test_attributes_cannot_be_made_up():
    model = Sampler(0.1)
    model.label_dim = 3
    assert polarity_sentence(model, {}, np.full((5, *SHAPE), 0.9)) is None


def test_fine_tuning_and_evaluation_say_it_and_invert(tmp_path):
    model = zoo.DenseVAE(SHAPE, 2, hidden_units=(8,), seed=0)
    dataset = {"name": "shapes", "binarized": False, "mean": 0.25}
    preset = tmp_path / "tiny"
    model.save_to_preset(preset, metadata={"preset": "tiny", "dataset": dataset})

    def told(call, *given, **options):
        console = Console(file=io.StringIO(), width=500)
        made = call(*given, console=console, **options)
        return made, "look like negatives" in console.file.getvalue()

    drawings = bright(0.75)
    options = {"epochs": 1, "learning_rate": 2e-2}
    tuned, said = told(finetune, preset, drawings, out=tmp_path / "a", **options)
    assert said
    dataset = zoo.preset_info(tuned)["dataset"]
    assert dataset["mean"] == 0.75 and "inverted" not in dataset
    options |= {"out": tmp_path / "b", "invert": True}
    tuned, said = told(finetune, preset, drawings, **options)
    assert not said
    dataset = zoo.preset_info(tuned)["dataset"]
    assert dataset["mean"] == 0.25 and dataset["inverted"] is True
    options = {"num_importance_samples": 2}
    plain, said = told(evaluate_preset, preset, drawings, **options)
    assert said
    inverted, said = told(evaluate_preset, preset, drawings, invert=True, **options)
    assert not said
    negatives, _ = told(evaluate_preset, preset, 1 - drawings, **options)
    assert inverted["elbo"] == pytest.approx(negatives["elbo"], rel=1e-5)
    assert plain["elbo"] != pytest.approx(negatives["elbo"], rel=1e-5)
    pair = (preset, preset)
    compared, said = told(compare_presets, pair, drawings, **options)
    assert said and compared["figures"]["elbo"]["values"] == [plain["elbo"]] * 2
    compared, said = told(compare_presets, pair, drawings, invert=True, **options)
    assert not said
    assert compared["figures"]["elbo"]["values"] == [inverted["elbo"]] * 2


def test_a_preset_of_negatives_is_looked_at_with_negatives(tmp_path, monkeypatch):
    for module in ("recipes.data.open", "recipes.metrics.evaluation"):
        monkeypatch.setattr(f"{module}.named_data_set", lambda name, *_: name)
    np.savez(tmp_path / "images.npz", images=bright(0.75))
    name = str(tmp_path / "images.npz")
    dataset = {"name": name, "binarized": False, "inverted": True}
    model = zoo.DenseVAE(SHAPE, 2, hidden_units=(8,), seed=0)
    preset = tmp_path / "tiny"
    model.save_to_preset(preset, metadata={"preset": "tiny", "dataset": dataset})
    console = Console(file=io.StringIO())
    options = {"num_importance_samples": 2, "console": console}
    own = evaluate_preset(preset, **options)
    given = evaluate_preset(preset, name, invert=True, **options)
    assert own["elbo"] == given["elbo"]
    shown = open_subject(preset).load_images().images
    test = load_images(name, splits="test", invert=True).test
    np.testing.assert_array_equal(shown, test)
    # Given by hand, and not twice.
    subject = open_subject(preset, data=name, invert=True)
    np.testing.assert_array_equal(subject.load_images().images, test)
    subject = open_subject(preset, data=name)
    np.testing.assert_array_equal(subject.load_images().images, 1 - test)
