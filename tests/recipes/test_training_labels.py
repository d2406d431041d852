"""Recipes of conditional models: labels from data to preset, and who reads samples."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import zoo
from recipes.common.presets import read_preset
from recipes.data import binarize, load_images
from recipes.documents.readme import presets_section
from recipes.metrics.classifier import SHIFT, Classifier, shift_images
from recipes.metrics.evaluation import evaluate_preset
from recipes.metrics.preset_pair import compare_presets
from recipes.metrics.sample_quality import label_accuracy
from recipes.plots.subjects.opening import open_subject
from recipes.recipe import Recipe, Training
from recipes.runs.gain import Gain
from recipes.runs.training import finetune, train

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)

SIZE = 12


def draw_classes(count, seed):
    """Bright rows, columns or blocks: (images, labels)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = np.full((count, SIZE, SIZE, 1), 0.05, "float32")
    images[labels == 0, 4:8, :] = 0.95
    images[labels == 1, :, 4:8] = 0.95
    images[labels == 2, 4:8, 4:8] = 0.95
    return images, labels


@pytest.fixture(scope="module")
def source():
    x_train, y_train = draw_classes(240, seed=0)
    x_test, y_test = draw_classes(60, seed=1)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def build_model(beta, seed, dtype):
    return zoo.ConditionalVAE(
        (SIZE, SIZE, 1),
        2,
        num_classes=3,
        class_names=("row", "column", "block"),
        hidden_units=(32,),
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
    )


@pytest.fixture(scope="module")
def preset(source, tmp_path_factory):
    recipe = Recipe(
        name="tiny_conditional",
        summary="Rows, columns and blocks.",
        dataset=source,
        image_shape=(SIZE, SIZE, 1),
        validation=24,
        binarized=True,
        training=Training(
            epochs=25, batch_size=16, learning_rate=2e-2, ema_momentum=0.9
        ),
        build_model=build_model,
        num_importance_samples=5,
    )
    out = tmp_path_factory.mktemp("run") / "out"
    return train(recipe, out=out, console=Console(file=io.StringIO()))


def test_preset_draws_what_is_asked_for(preset):
    model = zoo.from_preset(preset)
    means = np.stack([model.sample(20, y, seed=0).mean(axis=0) for y in range(3)])
    for label, rows in enumerate(((6, 1), (1, 6), (6, 6))):
        assert means[label][rows] > 0.7  # bright where the class is, and ...
        assert means[label][0, 0] < 0.3  # ... dark in the corner
    assert means[2][6, 1] < 0.4
    card = (preset / "README.md").read_text()
    assert "labels=2" in card and "a row for each label" in card
    assert "given the label" in card
    metrics = zoo.preset_info(preset)["metrics"]
    without = metrics["nll_without_label"]
    # The images of a class are told apart at once: about ln 3 nats more.
    assert without == pytest.approx(metrics["nll"] + np.log(3), abs=0.1)
    assert f"| {without:.2f} |" in card and "p(x) is the mean of p(x|y)" in card
    both = f"{metrics['nll']:.2f} given y, {without:.2f} without"
    assert both in presets_section([read_preset(preset)])


def in_folders(folder, names):
    """Pictures of the classes, one folder each: of names that are sorted otherwise."""
    images, labels = draw_classes(60, seed=0)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / names[label]).mkdir(parents=True, exist_ok=True)
        pixels = (255 * image[:, :, 0]).astype(np.uint8)
        Image.fromarray(pixels).save(folder / names[label] / f"{number}.png")
    return folder


def test_classes_of_training_are_the_models_by_name(tmp_path):
    recipe = Recipe(
        name="tiny",
        summary="Rows, columns and blocks.",
        dataset=str(in_folders(tmp_path / "known", ("row", "column", "block"))),
        image_shape=(SIZE, SIZE, 1),
        validation=6,
        binarized=False,
        training=Training(epochs=1, batch_size=16),
        build_model=build_model,
        num_importance_samples=1,
    )
    console = Console(file=io.StringIO(), width=200)
    preset = train(recipe, out=tmp_path / "run", console=console)
    assert "'block' to 2 'block'" in console.file.getvalue()
    evaluate_preset(preset, recipe.dataset, console=Console(file=io.StringIO()))
    unknown = str(in_folders(tmp_path / "unknown", ("row", "column", "disc")))
    recipe = dataclasses.replace(recipe, dataset=unknown)
    with pytest.raises(ValueError, match="model knows by name, row, column, block"):
        train(recipe, out=tmp_path / "other", console=console)
    assert not (tmp_path / "other" / "preset").exists()


def test_evaluation_gives_figures_given_the_label(preset, source):
    metrics = evaluate_preset(preset, source, console=Console(file=io.StringIO()))
    model = zoo.from_preset(preset)
    data = load_images(source, splits="test")
    elbo = model.elbo(binarize(data.test), data.test_labels, seed=0)["elbo"]
    assert metrics["elbo"] == pytest.approx(elbo.mean(), rel=1e-5)
    assert metrics["classifier_test_accuracy"] > 0.95
    assert metrics["sample_label_accuracy"] > 0.95
    assert metrics["samples_per_class"] == 100


def test_samples_of_the_wrong_label_are_noticed(preset, source):
    model = zoo.from_preset(preset)
    data = load_images(source, splits=("train", "test"))

    class Confused:
        num_classes = 3

        def sample(self, num_samples, labels, seed):
            # Two in three are of another class.
            shifted = (labels + np.arange(num_samples) % 3) % 3
            return model.sample(num_samples, shifted, seed=seed)

    classifier = Classifier(data.train.shape[1:], 3)
    classifier.fit(data.train, data.train_labels, epochs=4)
    found = label_accuracy(Confused(), classifier, samples_per_class=30)
    assert found == pytest.approx(1 / 3, abs=0.1)


def test_finetuning_goes_on_with_labels(preset, source, tmp_path):
    console = Console(file=io.StringIO())
    options = {"epochs": 2, "out": tmp_path / "run", "console": console}
    darker = {k: 0.7 * v if k[0] == "x" else v for k, v in source.items()}
    made = finetune(preset, darker, **options)
    assert zoo.from_preset(made).num_classes == 3


def write_folder(folder, source, names):
    """The images of `source` as files: train and test, a folder a class."""
    for split in ("train", "test"):
        pairs = zip(source[f"x_{split}"], source[f"y_{split}"], strict=True)
        for i, (image, label) in enumerate(pairs):
            place = folder / split / names[label]
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.rint(255 * image[..., 0]).astype(np.uint8)
            Image.fromarray(pixels).save(place / f"{i}.png")
    return folder


def test_classes_are_matched_by_name(preset, source, tmp_path, monkeypatch):
    # In the alphabet's order block and column come before row.
    folder = write_folder(tmp_path / "images", source, ("Row", "COLUMN", "block"))
    printed = io.StringIO()
    monkeypatch.setattr(Gain, "check", lambda self: None)  # of the same images: none
    options = {"epochs": 1, "out": tmp_path / "run"}
    made = finetune(preset, folder, console=Console(file=printed), **options)
    said = "'COLUMN' to 1 'column', 'Row' to 0 'row', 'block' to 2 'block'"
    assert said in " ".join(printed.getvalue().split())
    quiet = Console(file=io.StringIO())
    own = evaluate_preset(preset, source, console=quiet)
    metrics = evaluate_preset(made, folder, console=quiet)
    assert metrics["sample_label_accuracy"] > 0.95
    assert abs(metrics["elbo"] - own["elbo"]) < 5
    pair = compare_presets([preset, made], folder, console=quiet)
    assert pair["figures"]["elbo"]["values"][0] == pytest.approx(own["elbo"], abs=5)
    images = open_subject(preset, data=str(folder)).load_images()
    assert images.class_names == ("row", "column", "block")
    assert (images.images[images.labels == 1][:, 0, 5, 0] > 0.5).mean() > 0.8


def test_other_classes_are_refused(preset, source, tmp_path):
    folder = write_folder(tmp_path / "images", source, ("row", "column", "cross"))
    quiet = Console(file=io.StringIO())
    with pytest.raises(ValueError, match="row, column, block, .* column, cross, row"):
        finetune(preset, folder, out=tmp_path / "run", console=quiet)
    with pytest.raises(ValueError, match="row, column, block, .* column, cross, row"):
        evaluate_preset(preset, folder, console=quiet)


def test_data_without_labels_are_refused(preset, source, tmp_path):
    with pytest.raises(ValueError, match="needs labels beside the images"):
        finetune(
            preset,
            source["x_train"],
            out=tmp_path / "run",
            console=Console(file=io.StringIO()),
        )


def test_shifts_move_images_and_lose_nothing_inside():
    rng = np.random.default_rng(0)
    images = np.zeros((500, SIZE, SIZE, 2), "float32")
    images[:, 5, 6] = (1.0, 2.0)
    moved = shift_images(images, rng)
    assert moved.shape == images.shape
    np.testing.assert_array_equal(moved.sum(axis=(1, 2)), images.sum(axis=(1, 2)))
    where = np.argwhere(moved[..., 1] == 2.0)[:, 1:] - (5, 6)
    assert {tuple(w) for w in where} == {
        (down, across)
        for down in range(-SHIFT, SHIFT + 1)
        for across in range(-SHIFT, SHIFT + 1)
    }
