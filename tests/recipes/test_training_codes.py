"""Recipes of models with codes: the model first, then the prior over its codes."""

import io

import numpy as np
import pytest
from event_files import assert_same_picture, read_events
from rich.console import Console

import zoo
from recipes.common.contact_sheet import contact_sheet_png
from recipes.documents.metric_rows import metric_rows
from recipes.metrics.evaluation import evaluate_preset
from recipes.recipe import Recipe, Training
from recipes.runs import callbacks as run_callbacks
from recipes.runs.training import finetune, train

pytestmark = pytest.mark.one_backend(
    "runs of recipes are tried on every backend by test_training"
)


def draw_images(count, seed):
    """Two bright squares, on the diagonal or off it, of 16 levels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 3, (count, 8, 8, 1)) / 15
    off = rng.integers(0, 2, count)
    for image, is_off in zip(images, off, strict=True):
        image[:4, 4 * is_off :][:, :4] += 0.8
        image[4:, 4 * (1 - is_off) :][:, :4] += 0.8
    return images.astype("float32")


SOURCE = {"x_train": draw_images(240, 0), "x_test": draw_images(40, 1)}


def build_model(beta, seed, dtype):
    return zoo.VQVAE(
        (8, 8, 1),
        codebook_size=4,
        code_dim=2,
        filters=(4, 8),
        blocks_per_stage=0,
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(1, num_levels=16),
        prior=zoo.CodePrior(4, (2, 2), width=8, num_layers=1, num_heads=1, seed=seed),
        beta=beta,
        seed=seed,
        dtype=dtype,
    )


RECIPE = Recipe(
    name="tiny_codes",
    summary="Two squares.",
    dataset=SOURCE,
    image_shape=(8, 8, 1),
    validation=24,
    binarized=False,
    training=Training(epochs=12, batch_size=16, learning_rate=2e-2, ema_momentum=None),
    prior_training=Training(
        epochs=6, batch_size=16, learning_rate=2e-2, ema_momentum=0.9
    ),
    build_model=build_model,
    num_importance_samples=1,
)


def run(out, **options):
    console = Console(file=io.StringIO(), width=200)
    return train(RECIPE, out=out, console=console, **options), console


class Interrupted(Exception):
    """As if the machine had gone."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that broke off while the prior trained, and was resumed."""
    out = tmp_path_factory.mktemp("run") / "out"

    begin = run_callbacks.ProgressBar.on_epoch_begin

    def stop(self, epoch, logs=None):
        if epoch == 3 and self.label == "nats a code":
            raise Interrupted
        begin(self, epoch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_callbacks.ProgressBar, "on_epoch_begin", stop)
        with pytest.raises(Interrupted):
            run(out)
    assert (out / "prior_checkpoint.npz").is_file()
    preset, console = run(out, resume=True)
    return preset, console.file.getvalue()


def test_resumed_run_trains_the_prior_alone_and_to_its_end(finished):
    preset, printed = finished
    assert "The model was trained already." in printed
    assert "Going on after epoch 3." in printed
    record = zoo.preset_info(preset)["training"]
    assert record["epochs"] == 12 and record["prior"]["epochs"] == 6
    assert record["prior"]["seconds"] > 0


def test_resumed_run_gives_the_model_of_an_uninterrupted_one(finished, tmp_path):
    whole, _ = run(tmp_path / "whole")
    weights = [zoo.from_preset(p).get_weights() for p in (finished[0], whole)]
    for weight, same in zip(*weights, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_nothing_is_said_of_draws_that_are_all_the_same(finished):
    metrics = evaluate_preset(finished[0], SOURCE, num_importance_samples=60)
    assert metrics["exact_codes"] and metrics["num_importance_samples"] == 60
    assert metrics["diagnosis"]
    assert not any("converged" in sentence for sentence in metrics["diagnosis"])


def test_figures_are_those_of_model_and_prior(finished):
    preset, _ = finished
    model = zoo.from_preset(preset)
    metrics = zoo.preset_info(preset)["metrics"]
    x = SOURCE["x_test"]
    terms = model.elbo(x, seed=0)
    assert metrics["elbo"] == pytest.approx(terms["elbo"].mean(), rel=1e-4)
    assert metrics["kl"] == pytest.approx(4 * metrics["prior_nats_per_code"], rel=1e-4)
    # The prior has learned that the squares lie in one of two ways.
    assert metrics["prior_nats_per_code"] < 0.75 * np.log(4)
    bits = -metrics["elbo"] / (64 * np.log(2))
    assert metrics["elbo_bits_per_dim"] == pytest.approx(bits)
    mse = np.mean((model.reconstruct(x) - x) ** 2)
    assert metrics["mse"] == pytest.approx(mse, rel=1e-4)
    assert metrics["mse_over_variance"] == pytest.approx(mse / x.var(), rel=1e-4)
    codes = np.asarray(model.encode(x).codes)
    share = np.bincount(codes.ravel(), minlength=4) / codes.size
    assert metrics["codebook_usage"] == np.mean(share > 0)
    entropy = -np.sum(share[share > 0] * np.log(share[share > 0]))
    assert metrics["code_entropy"] == pytest.approx(entropy)
    assert metrics["perplexity"] == pytest.approx(np.exp(entropy))


def test_card_tells_of_codes(finished):
    card = (finished[0] / "README.md").read_text()
    assert "64 codes drawn from the prior" in card
    assert "ELBO, bits/dim" in card and "perplexity of the codes" in card
    assert "active units" not in card and "importance-weighted" not in card
    assert (finished[0] / "samples.png").is_file()


def test_logs_show_samples_as_the_prior_learns(finished):
    preset, _ = finished
    logs = preset.parent / "logs"
    assert set(read_events(logs / "images")) == {"reconstructions"}
    codes = read_events(logs / "latents")["codes"][1]
    assert codes[:, 2].sum() == 24 * 4  # of the images for validation
    pictures = read_events(logs / "prior" / "images")
    # Of both parts of the run, the one that broke off and the one that went on.
    assert list(pictures["samples"]) == [1, 2, 3, 4, 5, 6]
    samples = zoo.from_preset(preset).sample(64, seed=0)
    best = zoo.preset_info(preset)["training"]["prior"]["best_epoch"]
    assert_same_picture(
        pictures["samples"][best], contact_sheet_png(samples, columns=8)
    )


def test_evaluation_again_gives_the_same_figures(finished):
    stored = zoo.preset_info(finished[0])["metrics"]
    again = evaluate_preset(
        finished[0], SOURCE, console=Console(file=io.StringIO(), width=200)
    )
    for name in stored.keys() - {"seconds", "diagnosis"}:
        assert again[name] == pytest.approx(stored[name], rel=1e-4), name
    assert again["diagnosis"] == stored["diagnosis"]


def test_fine_tuning_trains_the_prior_on_the_new_codes(finished, tmp_path):
    preset, _ = finished
    flipped = {name: images[:, :, ::-1] for name, images in SOURCE.items()}
    tuned = finetune(
        preset,
        {name: 1 - images for name, images in flipped.items()},
        epochs=4,
        out=tmp_path / "tuned",
        console=Console(file=io.StringIO(), width=200),
    )
    info = zoo.preset_info(tuned)
    assert info["training"]["prior"]["epochs"] == 4
    assert info["metrics"]["prior_nats_per_code"] < np.log(4)


def test_likelihood_with_uniform_codes_stands_beside_that_of_the_prior(finished):
    metrics = zoo.preset_info(finished[0])["metrics"]
    # Four codes of four an image, of equal frequency: 4 ln 4 nats.
    expected = -metrics["reconstruction"] - 4 * np.log(4)
    assert metrics["elbo_uniform_codes"] == pytest.approx(expected)
    assert metrics["elbo_uniform_codes"] < metrics["elbo"]
    bits = -expected / (64 * np.log(2))
    assert metrics["elbo_uniform_codes_bits_per_dim"] == pytest.approx(bits)
    rows = {row[0]: row[1] for row in metric_rows(metrics)}
    assert rows["bits/dim of the ELBO, were the codes uniform"] == f"{bits:.3f}"
