"""Recipes of models whose latents are several groups: trained, scored, shown."""

import io

import keras
import numpy as np
import pytest
from event_files import read_events
from keras import ops
from rich.console import Console

import zoo
from recipes import plots
from recipes.commands import tables
from recipes.common.latents import in_words, latents_of
from recipes.documents.report import write_report
from recipes.metrics.evaluation import evaluate_preset
from recipes.recipe import Recipe, Training
from recipes.runs.training import finetune, train
from zoo.autoencoder import Autoencoder
from zoo.distributions import DiagonalNormal
from zoo.generation import scaled
from zoo.latents import LatentSpec
from zoo.objectives import ELBOTerms, LatentGroup

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)

SHAPE = (8, 8, 1)
NAMES = ("top", "bottom")


@keras.saving.register_keras_serializable(package="tests")
class Ladder(Autoencoder):
    """Two latents at the top, and two below them: p(bottom|top) = N(top, 1)."""

    def __init__(self, image_shape, beta=1.0, seed=None, dtype=None, name="ladder"):
        encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(8)])
        decoder = keras.Sequential(
            [keras.layers.Dense(64), keras.layers.Reshape(SHAPE)]
        )
        super().__init__(
            encoder, decoder, image_shape, beta=beta, seed=seed, dtype=dtype, name=name
        )
        self.complete()

    @property
    def latents(self):
        return tuple(LatentSpec(name, (2,)) for name in NAMES)

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        parameters = ops.cast(self.encoder(x, training=training), "float32")
        if noise is None:
            shape = (num_draws, ops.shape(x)[0], 4)
            noise = keras.random.normal(shape, seed=self.seed_generator)
        z, groups, above = {}, [], ops.zeros_like(noise[..., :2])
        for i, spec in enumerate(self.latents):
            part = slice(2 * i, 2 * i + 2)
            posterior = DiagonalNormal.from_parameters(parameters[:, 4 * i : 4 * i + 4])
            z[spec.name] = posterior.from_noise(noise[..., part])
            prior = DiagonalNormal(above, ops.zeros_like(above))
            groups.append(LatentGroup(spec, posterior, prior, z[spec.name]))
            above = z[spec.name]
        return ELBOTerms(self.log_likelihood(x, z, labels, training), tuple(groups))

    def decode_parameters(self, z, labels=None, training=False):
        return self.decoder(
            ops.concatenate([z[name] for name in NAMES], -1), training=training
        )

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        noise = scaled(noise, temperature)
        return {"top": noise[:, :2], "bottom": noise[:, :2] + noise[:, 2:]}

    def get_config(self):
        names = ("image_shape", "seed", "dtype", "name")
        return {name: self.base_config()[name] for name in names}


def draw_images(count, seed):
    return np.random.default_rng(seed).random((count, *SHAPE), dtype="float32")


SOURCE = {"x_train": draw_images(96, 0), "x_test": draw_images(24, 1)}
RECIPE = Recipe(
    name="ladder",
    summary="Two levels.",
    dataset=SOURCE,
    image_shape=SHAPE,
    validation=24,
    binarized=False,
    training=Training(epochs=2, batch_size=24),
    build_model=lambda beta, seed, dtype: Ladder(SHAPE, beta, seed, dtype),
    num_importance_samples=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "out"
    train(RECIPE, out=out, console=Console(file=io.StringIO()))
    return out


@pytest.fixture(scope="module")
def subject(run):
    return plots.open_subject(run, data=SOURCE)


def test_each_group_is_scored_and_logged(run):
    info = zoo.preset_info(run / "preset")
    metrics = info["metrics"]
    each = [metrics[f"kl_{name}"] for name in NAMES]
    assert sum(each) == pytest.approx(metrics["kl"], rel=1e-4)
    assert "active_units" not in metrics
    sentence = metrics["diagnosis"][-1]  # after one on what they are worth
    assert f"of KL an image: top {each[0]:.1f}, bottom {each[1]:.1f}" in sentence
    logged = read_events(run / "logs" / "latents")
    assert {f"latents/kl_{name}" for name in NAMES} <= set(logged)


def test_documents_tell_of_each_group(run, tmp_path):
    assert in_words(latents_of(zoo.preset_info(run / "preset"))) == "2 groups of 2"
    card = (run / "preset" / "README.md").read_text("utf-8")
    assert "KL of top, nats" in card and "KL of bottom, nats" in card
    for name in ("samples.png", "reconstructions.png", "training.png"):
        assert (run / "preset" / name).is_file()
    console = Console(file=io.StringIO(), width=200)
    tables.print_details(console, plots.open_subject(run).preset)
    assert "2 groups of 2" in console.file.getvalue()
    missing = write_report(run, tmp_path / "report.html", data=SOURCE)
    assert any("2 groups of latents, top, bottom" in reason for reason in missing)
    assert "KL of top, nats" in (tmp_path / "report.html").read_text("utf-8")


def test_plots_are_those_that_need_no_single_group(subject):
    assert plots.kinds_for(subject) == ["samples", "reconstructions", "training"]
    for kind in ("samples", "reconstructions"):
        assert plots.render(kind, subject)[:4] == b"\x89PNG"
    for kind in ("traversal", "units", "codebook"):
        with pytest.raises(ValueError, match="has 2 groups of latents, top, bottom"):
            plots.render(kind, subject)
    with pytest.raises(ValueError, match="are no row of numbers to change a part of"):
        plots.render("levels", subject)


def test_evaluated_and_fine_tuned_again(run, tmp_path):
    preset, quiet = run / "preset", Console(file=io.StringIO())
    options = {"num_importance_samples": 2, "console": quiet}
    metrics = evaluate_preset(preset, SOURCE, **options)
    stored = zoo.preset_info(preset)["metrics"]
    assert metrics["kl_top"] == pytest.approx(stored["kl_top"], rel=1e-4)
    other = {name: 0.5 * images for name, images in SOURCE.items()}
    options = {"epochs": 3, "learning_rate": 2e-2, "console": quiet}
    tuned = finetune(preset, other, out=tmp_path / "out", **options)
    assert zoo.preset_info(tuned)["metrics"]["kl_top"] > 0
