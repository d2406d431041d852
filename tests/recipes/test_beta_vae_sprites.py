"""beta_vae_sprites and its family: from a few sprites to scores of disentanglement."""

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import zoo
from recipes import beta_vae_family, beta_vae_sprites
from recipes.commands import study as comparisons
from recipes.commands.cli import app
from recipes.commands.study import measure
from recipes.data import FactorGrid, load_images
from recipes.data.sprites import FACTOR_NAMES, SpritesGrid
from recipes.documents.readme import STUDIES, study_section
from recipes.metrics import disentanglement
from recipes.metrics.disentanglement import factor_grid
from recipes.metrics.evaluation import evaluate_preset
from recipes.recipe import get_recipe
from recipes.runs import training as recipe_training

pytest.importorskip("tensorflow_datasets")

SMALL = {"num_train": 40, "num_test": 20}
SCORES = (
    "mig",
    "factor_vae_score",
    "beta_vae_score",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
)


class Corner(FactorGrid):
    """48 of the sprites: a grid whose scores take no time."""

    def __init__(self):
        super().__init__(FACTOR_NAMES, (3, 2, 2, 2, 2))

    def images(self, factors):
        return SpritesGrid().images(self._checked(factors) * [1, 5, 7, 20, 20])


def quiet():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(autouse=True)
def few(tmp_path_factory, monkeypatch):
    """As if there were 80 sprites, 20 of them to test, and few scored on."""
    from recipes.data import sprites_builder

    indices = np.random.default_rng(0).permutation(SpritesGrid().num_images)[:80]
    splits = {"train": indices[20:], "test": indices[:20]}
    monkeypatch.setattr(sprites_builder, "_split_indices", lambda: splits)
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder / "tfds"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(disentanglement, "SIZES", SMALL)
    monkeypatch.setattr(disentanglement, "load_factor_grid", lambda *a, **k: Corner())
    tiny = {"networks": "dense", "hidden_units": (4,)}
    monkeypatch.setattr(beta_vae_sprites, "NETWORKS", tiny)
    monkeypatch.setattr(beta_vae_sprites, "TRAINING_IMAGES", 50)
    small = dataclasses.replace(beta_vae_sprites.RECIPE, validation=10)
    monkeypatch.setattr(beta_vae_sprites, "RECIPE", small)


def test_recipe_leads_to_a_scored_preset(tmp_path):
    recipe = get_recipe("beta_vae_sprites")
    out = tmp_path / "run"
    preset = recipe_training.train(recipe, epochs=1, out=out, console=quiet())
    assert "mig" not in zoo.preset_info(preset)["metrics"]  # minutes: not in training

    result = CliRunner().invoke(app, ["evaluate", str(preset), "--save"])
    assert result.exit_code == 0, result.output
    metrics = zoo.preset_info(preset)["metrics"]
    assert metrics["test_images"] == 20 and metrics["disentanglement_seconds"] > 0
    card = (preset / "README.md").read_text()
    for name in SCORES:
        assert 0 <= metrics[name] <= 1
        assert f"| {metrics[name]:.3f} |" in card
    each = metrics["mig_per_factor"]
    assert metrics["mig"] == pytest.approx(np.mean(list(each.values())))
    assert set(each) == set(FACTOR_NAMES)
    for name, gap in each.items():
        assert f"| MIG of {name} | {gap:.3f} |" in card
    assert "latents of a deviation below 0.05" in card
    assert "MIG, of posterior means on the grid of factors" in card
    assert "MIG, of posterior means" in result.output
    assert zoo.preset_info(preset)["metrics"] == metrics


def test_members_of_the_family_are_what_the_table_says():
    for member in beta_vae_family.members(epochs=2):
        model = member.recipe.build_model(beta=1.0, seed=0, dtype=None)
        assert model.latent_dim == 10 and model.image_shape == (64, 64, 1)
        assert model.decoder.stack.hidden[0].units == 4  # one network for all
        assert member.recipe.summary == f"{member.title}: {member.setting}."
        for number in ("beta", "gamma", "lambda_od", "lambda_d"):
            value = getattr(model, number, getattr(model.objective, number, None))
            if isinstance(value, float) and f"{number} " in member.setting:
                assert f"{number} {value:g}" in member.setting


def test_family_keeps_what_is_finished(tmp_path, monkeypatch):
    _, member, *_ = beta_vae_family.members(epochs=2)
    options = {"seed": 0, "command": "the command", "console": quiet()}
    row = measure(member, tmp_path, **options)
    assert row["setting"] == "beta 4" and row["training"]["epochs"] == 2
    assert row["training"]["command"] == "the command"
    # The test split is not looked at where settings are chosen.
    assert row["metrics"]["validation_images"] == 10
    assert "test_images" not in row["metrics"] and "precision" not in row["metrics"]
    columns = STUDIES["beta_vae_family"]
    assert {key for key, _ in columns.values()} <= set(row["metrics"])

    def train(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(recipe_training, "train", train)
    again = measure(member, tmp_path, **options)
    assert again == row and json.loads(json.dumps(row)) == row
    _, other, *_ = beta_vae_family.members(epochs=3)
    with pytest.raises(ValueError, match="holds another run.*2 epochs: choose another"):
        measure(other, tmp_path, **options)


def test_family_command_writes_all_rows(tmp_path, monkeypatch):
    def made(member, out, seed, data_dir, command, console, scored_on):
        assert member.recipe.training.epochs == 7 and scored_on == "validation"
        return {"name": member.recipe.name, "seed": seed, "command": command}

    monkeypatch.setattr(comparisons, "measure", made)
    monkeypatch.setattr(comparisons, "PACKAGE", tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    options = {"backend": None, "data_dir": None, "seed": 3, "num_seeds": 2}
    beta_vae_family.main(epochs=7, out=out, save=False, **options)
    name = "beta_vae_family.json"
    assert not (tmp_path / name).exists() and (out / name).exists()
    beta_vae_family.main(epochs=7, out=out, save=True, **options)
    rows = json.loads((tmp_path / name).read_text())
    assert [(row["name"], row["seed"]) for row in rows] == [
        (member, seed) for seed in (3, 4) for member in beta_vae_family.MEMBERS
    ]
    assert rows[0]["command"].startswith("python -m recipes.beta_vae_family")


def test_comparison_averages_seeds():
    def row(name, seed, value):
        training = {"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "seed": seed}
        training |= {"seconds": 60, "backend": "jax", "hardware": "2 cores"}
        words = {"title": name.upper(), "setting": "beta 1"}
        metrics = {"mig": value, "validation_images": 2000}
        return {"name": name, **words, "metrics": metrics, "training": training}

    rows = [row("a", 0, 0.25), row("b", 0, 1), row("a", 1, 0.75), row("b", 1, 1)]
    lines = study_section(rows, {"MIG": ("mig", "{:.3f}")}).splitlines()
    header, _, first, second, _, caption = lines
    assert header == "| model | setting | MIG | trained |" and "2 seeds" in caption
    assert caption.endswith("Figures are of 2,000 validation images.")
    assert first == "| A | beta 1 | 0.500 | 60 s |"
    assert second == "| B | beta 1 | 1.000 | 60 s |"


def test_grid_is_none_where_scores_make_no_sense():
    data = load_images("sprites", splits="test")
    model = zoo.DenseVAE((64, 64, 1), 2, (4,), seed=0)
    grid = factor_grid(model, data, "sprites")
    assert grid.num_images == 48
    negatives = factor_grid(model, data, "sprites", invert=True)
    assert negatives.factor_names == grid.factor_names
    chosen = grid.sample(5)
    np.testing.assert_array_equal(negatives.images(chosen), 1 - grid.images(chosen))
    assert factor_grid(zoo.DenseVAE((64, 64, 1), 1, (4,)), data, "sprites") is None
    plain = dataclasses.replace(data, factor_names=None)
    assert factor_grid(model, plain, "sprites") is None
    classes = zoo.ConditionalVAE((64, 64, 1), 2, num_classes=3, hidden_units=(4,))
    assert factor_grid(classes, data, "sprites") is None
    console = quiet()
    smaller = zoo.DenseVAE((32, 32, 1), 2, (4,), seed=0)
    assert factor_grid(smaller, data, "sprites", console=console) is None
    assert "not scored: the model takes images (32, 32, 1)" in console.file.getvalue()


def test_images_of_another_size_are_scored_without_factors(tmp_path):
    model = zoo.DenseVAE((32, 32, 1), 2, (4,), seed=0)
    dataset = {"name": "sprites", "binarized": False}
    model.save_to_preset(tmp_path / "small", metadata={"dataset": dataset})
    metrics = evaluate_preset(tmp_path / "small", console=quiet())
    assert metrics["test_images"] == 20 and "mig" not in metrics
