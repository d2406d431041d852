"""Evaluation of presets: what is kept, compared and written; who judges samples."""

import io
import itertools
import json
import re

import keras
import numpy as np
import pytest
from rich.console import Console

import zoo
from recipes.common.presets import read_preset
from recipes.data import binarize, load_images
from recipes.documents.card import evaluation_lines, model_card
from recipes.documents.metric_rows import metric_rows
from recipes.metrics import classifier
from recipes.metrics.comparable import check_comparable
from recipes.metrics.each_image import image_metrics
from recipes.metrics.evaluation import evaluate_preset
from recipes.metrics.intervals import confidence_intervals
from recipes.metrics.preset_pair import compare_presets, comparison_rows
from recipes.metrics.resumable import ResumableValues
from recipes.metrics.sample_quality import (
    CONTROLS,
    noise_like,
    sample_quality,
    shuffled,
    told_apart,
)
from recipes.metrics.without_labels import without_labels

SHAPE = (12, 12, 1)


def quiet():
    return Console(file=io.StringIO())


def draw(count, seed):
    """Rows, or columns, that are bright, on noise: (images, labels)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.random((count, *SHAPE), dtype="float32") * 0.3
    images[labels == 0, 4:8, :] += 0.7
    images[labels == 1, :, 4:8] += 0.7
    return images, labels


@pytest.fixture(scope="module")
def source():
    """Arrays of images and their classes."""
    (x_train, y_train), (x_test, y_test) = draw(300, 0), draw(60, 1)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Two models of different sizes, with fresh weights."""
    folder = tmp_path_factory.mktemp("presets")
    for name, latents in (("small", 2), ("large", 5)):
        model = zoo.DenseVAE(SHAPE, latents, hidden_units=(8,), seed=latents)
        dataset = {"name": "shapes", "binarized": True}
        model.save_to_preset(
            folder / name, metadata={"preset": name, "dataset": dataset}
        )
    return folder


def evaluate(preset, source, **options):
    options = {"num_importance_samples": 7, "console": quiet(), **options}
    return evaluate_preset(preset, source, **options)


def test_evaluation_says_all_there_is(presets, source):
    metrics = evaluate(presets / "small", source)
    assert metrics["schema_version"] == 1
    json.dumps(metrics, allow_nan=False)
    names = ("elbo", "nll", "kl", "reconstruction", "mse", "psnr", "precision")
    for name in (*names, "recall", "classifier_test_accuracy"):
        low, high = metrics["intervals"][name]
        error = metrics[f"{name}_standard_error"]
        assert low <= metrics[name] <= high
        assert high - low == pytest.approx(2 * 1.96 * error)
    assert metrics["classifier_test_accuracy"] > 0.9
    assert len(metrics["kl_per_latent"]) == 2
    assert "latents" in metrics["diagnosis"][0]
    # Untrained weights draw grey squares, not stripes.
    assert metrics["precision"] < 0.1
    assert metrics["fid"] > 10 * metrics["fid_of_real_images"]
    assert metrics["classifier_training_images"] == 300 - 60
    rows = {row[0]: row[1:] for row in metric_rows(metrics)}
    told = (
        f"FID of samples, in features of this classifier, on {keras.backend.backend()}"
    )
    assert rows[told][1]  # the interval over five seeds
    # As they were stored before, without controls, figures of samples are not drawn.
    former = {"fid": 1.0, "precision": 0.997, "recall": 0.5, "elbo": -1.0}
    former |= {"classifier_test_accuracy": 0.54, "fid_of_training_images": 0.1}
    assert [row[0] for row in metric_rows(former)] == ["ELBO, 1 draw, nats"]


def test_kl_that_all_images_share_is_no_information(tmp_path, source):
    model = zoo.DenseVAE(SHAPE, 3, hidden_units=(4,), seed=0)
    *_, kernel, bias = model.encoder.get_weights()
    shared = np.concatenate([np.full(3, 4.0), np.zeros(3)])
    weights = model.encoder.get_weights()[:-2]
    model.encoder.set_weights([*weights, 0 * kernel, shared.astype(bias.dtype)])
    metrics = evaluate(untrained(tmp_path / "shared", model), source)
    assert metrics["kl"] == pytest.approx(24, rel=1e-3)
    assert metrics["active_units"] == 0
    assert metrics["mutual_information"] == pytest.approx(0, abs=1e-3)
    assert metrics["mutual_information_bound"] == pytest.approx(np.log(60))
    assert metrics["mse_over_mean_image"] > metrics["mse_over_variance"] > 0
    assert metrics["diagnosis"][0].startswith("Posterior collapse: the 24.0 nats")
    rows = {row[0]: row[1] for row in metric_rows(metrics)}
    assert rows["mutual information of image and latents, nats"] in ("0.00", "-0.00")


def test_likelihoods_that_few_draws_decide_are_told(tmp_path, source):
    wrong = untrained(tmp_path / "wrong", dense(zoo.likelihoods.Gaussian(0.01)), False)
    metrics = evaluate(wrong, source, num_importance_samples=60)
    assert 1 <= metrics["nll_ess"] < 2 and "nll_ess" in metrics["intervals"]
    assert "The NLL has not converged: of 60 draws 1." in metrics["diagnosis"][-1]
    rows = {row[0]: row[1] for row in metric_rows(metrics)}
    told = rows["effective draws of those K, a mean over images"]
    assert told == f"{metrics['nll_ess']:.1f}"
    few = evaluate(wrong, source, num_importance_samples=7)
    assert "converged" not in " ".join(few["diagnosis"])


def test_errors_shrink_with_the_number_of_images(presets, source):
    model = zoo.from_preset(presets / "small")
    x = source["x_test"]
    options = {"num_importance_samples": 3, "console": quiet()}
    values = image_metrics(model, x, **options)["elbo"]
    metrics = evaluate(presets / "small", source)
    values = image_metrics(model, binarize(x), **options)["elbo"]
    expected = np.std(values, ddof=1) / np.sqrt(len(x))
    assert metrics["elbo_standard_error"] == pytest.approx(expected, rel=1e-4)


def test_intervals_and_rows_by_hand():
    metrics = {"elbo": -90.0, "elbo_standard_error": 0.5, "kl": 20.0}
    assert confidence_intervals(metrics) == {"elbo": [-90.98, -89.02]}
    assert metric_rows(metrics) == [
        ("ELBO, 1 draw, nats", "-90.00", "-90.98 to -89.02"),
        ("KL, nats", "20.00", ""),
    ]


def test_an_interrupted_evaluation_goes_on(presets, source, tmp_path, monkeypatch):
    whole = evaluate(presets / "small", source)
    kept = tmp_path / "figures.partial.npz"
    scored = []
    original = zoo.VAE.iter_log_marginal_likelihood

    def interrupted(self, *args, **options):
        yield from itertools.islice(original(self, *args, **options), 2)
        raise KeyboardInterrupt

    def counted(self, *args, **options):
        for values in original(self, *args, **options):
            scored.append(len(values))
            yield values

    monkeypatch.setattr(zoo.VAE, "iter_log_marginal_likelihood", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(presets / "small", source, kept=kept)
    assert kept.exists()
    with pytest.raises(ValueError, match="evaluated with K 7, not 8"):
        evaluate(
            presets / "small",
            source,
            kept=kept,
            resume=True,
            num_importance_samples=8,
        )
    monkeypatch.setattr(zoo.VAE, "iter_log_marginal_likelihood", counted)
    resumed = evaluate(presets / "small", source, kept=kept, resume=True)
    assert sum(scored) == 60 - 20
    assert resumed["nll"] == pytest.approx(whole["nll"], rel=1e-6)
    assert not kept.exists()


def test_partial_values_are_kept_whole_or_refused(tmp_path):
    path = tmp_path / "p.npz"
    first = ResumableValues(path, {"seed": 0})
    first.extend([1.0, 2.0])
    first.save()
    np.testing.assert_array_equal(
        ResumableValues(path, {"seed": 0}, resume=True).values, [1.0, 2.0]
    )
    # Without --resume from the start, whatever lies there.
    assert len(ResumableValues(path, {"seed": 0}).values) == 0
    with pytest.raises(ValueError, match="evaluated with seed 0, not 1"):
        ResumableValues(path, {"seed": 1}, resume=True)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="is damaged"):
        ResumableValues(path, {"seed": 0}, resume=True)


def test_two_presets_are_compared_image_by_image(presets, source):
    pair = [presets / "small", presets / "large"]
    options = {"num_importance_samples": 5, "console": quiet()}
    compared = compare_presets(pair, source, **options)
    assert compared["presets"] == ["small", "large"]
    x = binarize(source["x_test"])
    first, second = (zoo.from_preset(p).elbo(x, seed=0)["elbo"] for p in pair)
    found = compared["figures"]["elbo"]
    assert found["values"] == pytest.approx([first.mean(), second.mean()], rel=1e-5)
    assert found["difference"] == pytest.approx(np.mean(second - first), rel=1e-4)
    error = np.std(second - first, ddof=1) / np.sqrt(len(x))
    assert found["standard_error"] == pytest.approx(error, rel=1e-3)
    same = compare_presets([pair[0]] * 2, source, **options)["figures"]["nll"]
    assert (same["difference"], same["standard_error"]) == (0, 0)


def test_presets_of_other_images_are_not_compared(presets, source):
    with pytest.raises(ValueError, match="image_shape is .* of the one, .* other"):
        compare_presets([presets / "small", "dense_vae_digits"], source)


def untrained(folder, model, binarized=True):
    dataset = {"name": "shapes", "binarized": binarized}
    metadata = {"preset": folder.name, "dataset": dataset}
    model.save_to_preset(folder, metadata=metadata)
    return folder


def dense(likelihood):
    return zoo.DenseVAE(SHAPE, 2, hidden_units=(4,), likelihood=likelihood, seed=0)


def labelled(**labels):
    return zoo.ConditionalVAE(SHAPE, 2, hidden_units=(4,), seed=0, **labels)


@pytest.mark.parametrize(
    ("model", "binarized", "said"),
    [
        (lambda: dense("gaussian"), True, "probability of binary pixels .* density of"),
        (lambda: dense("categorical"), True, "binary pixels .* 256 levels"),
        (lambda: dense("bernoulli"), False, "binarized is True of .* False of"),
        (lambda: labelled(num_classes=2), True, r"p\(x\) of .*, p\(x\|y\) with 2 cl"),
        (lambda: labelled(num_attributes=3), True, r"p\(x\|y\) with 3 attributes"),
    ],
)
def test_incomparable_presets_are_refused(
    presets, source, model, binarized, said, tmp_path, monkeypatch
):
    other = untrained(tmp_path / "other", model(), binarized)
    monkeypatch.setattr(zoo, "from_preset", None)  # before weights are read
    with pytest.raises(ValueError, match=f"^small and other cannot .*{said}") as error:
        compare_presets([presets / "small", other], source)
    assert str(error.value).count(". ") == 0


def test_levels_are_compared_whatever_gives_their_probabilities(tmp_path):
    pair = [
        read_preset(untrained(tmp_path / name, dense(name), binarized=False))
        for name in ("categorical", "discretized_logistic_mixture")
    ]
    check_comparable(*pair)
    gaussian = zoo.DenseVAE(
        (28, 28, 1), 2, hidden_units=(4,), likelihood="gaussian", seed=0
    )
    gaussian = untrained(tmp_path / "gaussian", gaussian, binarized=False)
    with pytest.raises(ValueError, match="likelihood is a density .* of 256 levels"):
        check_comparable(read_preset(gaussian), read_preset("vq_vae_mnist"))
    # Of classes that only the prior of codes sees, too.
    prior = zoo.CodePrior(8, (3, 3), width=8, num_layers=1, num_heads=2, num_classes=2)
    codes = zoo.VQVAE(SHAPE, 8, 4, filters=(4, 4), prior=prior)
    codes = read_preset(untrained(tmp_path / "codes", codes))
    small = read_preset(untrained(tmp_path / "small", dense("bernoulli")))
    with pytest.raises(ValueError, match=r"p\(x\|y\) with 2 classes y of the other"):
        check_comparable(small, codes)


def test_what_is_given_the_label_says_so(tmp_path, source):
    preset = untrained(tmp_path / "given", labelled(num_classes=2))
    options = {"num_importance_samples": 2, "console": quiet()}
    rows = comparison_rows(compare_presets([preset, preset], source, **options))
    names = [row[0] for row in rows]
    assert names[0] == "ELBO given the label, 1 draw, nats"
    assert "NLL given the label, importance-weighted, nats" in names
    assert "KL, nats" in names
    metrics = {"elbo": -9.0, "nll": 8.0, "nll_bits_per_dim": 1.0}
    given = [row[0] for row in metric_rows(metrics, given=True)]
    assert all("given the label" in name for name in given) and len(given) == 3


class Copycat:
    """A model whose samples are given images, in another order for each seed."""

    def __init__(self, images, **facts):
        self.images = images
        vars(self).update(facts)

    def iter_sample(self, count, labels=None, seed=None):
        order = np.random.default_rng(seed).permutation(len(self.images))
        yield self.images[order[: count // 2]]
        yield self.images[order[count // 2 : count]]

    def sample(self, count, labels=None, seed=None):
        return self.images[labels]


@pytest.fixture
def few_epochs(monkeypatch):
    """Enough for images as easy as these."""
    monkeypatch.setattr(classifier, "EPOCHS", 3)


@pytest.mark.parametrize("kind", ["real", "one class", "noise"])
def test_samples_are_judged(source, few_epochs, kind):
    data = load_images(source, splits=("train", "test"), validation=0)
    images, labels = draw(400, 2)
    samples = {
        "real": images,
        "one class": images[labels == 0],
        "noise": np.random.default_rng(0).random(images.shape, dtype="float32"),
    }[kind]
    found = sample_quality(Copycat(samples), data, takes_labels=False)
    assert found["samples_compared"] == 60 and found["sample_notes"] == []
    for control in CONTROLS:
        assert found[f"precision_of_{control}"] < 0.1
        assert found[f"fid_of_{control}"] > 10 * found["fid_of_real_images"]
    if kind == "real":
        for name in ("precision", "recall"):
            difference = found[name] - found[f"{name}_of_real_images"]
            assert abs(difference) < 0.2 and found[f"{name}_standard_error"] > 0
        assert found["fid"] < 10 * found["fid_of_real_images"]
    elif kind == "one class":
        assert found["precision"] > 0.6 and found["recall"] < 0.7
    else:
        assert found["precision"] < 0.1


def test_samples_that_show_their_label_stand_beside_controls(source, few_epochs):
    data = load_images(source, splits=("train", "test"), validation=0)
    first = [np.flatnonzero(source["y_test"] == label)[0] for label in (0, 1)]
    model = Copycat(source["x_test"][[*first, *range(58)]], num_classes=2)
    found = sample_quality(model, data, takes_labels=True)
    assert found["sample_label_accuracy"] == 1
    assert found["sample_label_accuracy_of_noise"] == pytest.approx(0.5, abs=0.2)
    real = found["sample_label_accuracy_of_real_images"]
    assert real == found["classifier_test_accuracy"]


def test_a_classifier_is_trained_once_for_all_presets_of_a_data_set(source, few_epochs):
    data = load_images(source, splits=("train", "test"), validation=0)
    held_out = data.test, data.test_labels
    first = classifier.trained_classifier(data, held_out)
    assert classifier.trained_classifier(data, held_out) is first
    other = data.test[:30], data.test_labels[:30]
    assert classifier.trained_classifier(data, other) is not first
    again = classifier.trained_classifier(data, held_out)
    for one, same in zip(
        first.network.get_weights(), again.network.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, same, atol=1e-5)


@pytest.mark.parametrize(
    ("reached", "trained"), [(0.99, [2]), (0.9, [2, 5]), (0.5, [2])]
)
def test_a_classifier_is_trained_longer_where_that_helps(
    source, monkeypatch, reached, trained
):
    epochs = []
    monkeypatch.setattr(classifier, "EPOCHS", 2)
    monkeypatch.setattr(classifier, "MORE_EPOCHS", 5)
    monkeypatch.setattr(classifier.Classifier, "accuracy", lambda *args: reached)
    monkeypatch.setattr(
        classifier.Classifier,
        "fit",
        lambda _, x, y, number, **_k: epochs.append(number),
    )
    data = load_images(source, splits=("train", "test"), validation=0)
    held_out = data.test[:20] + reached, data.test_labels[:20]
    classifier.trained_classifier(data, held_out)
    assert epochs == trained


def test_classes_that_training_has_not_are_not_asked_for(source):
    others = np.asarray(source["y_test"]) + 10
    data = load_images(
        {**source, "y_test": others}, splits=("train", "test"), validation=0
    )
    found = sample_quality(Copycat(None), data, takes_labels=False)
    assert list(found) == ["sample_notes"]
    assert "of other classes than those of training" in found["sample_notes"][0]


def test_classifiers_that_guess_judge_nothing(source, monkeypatch):
    monkeypatch.setattr(classifier, "EPOCHS", 1)
    labels = np.random.default_rng(0).integers(0, 2, 300)
    data = load_images(
        {**source, "y_train": labels}, splits=("train", "test"), validation=0
    )
    found = sample_quality(Copycat(None), data, takes_labels=False)
    assert {"fid", "precision", "recall"}.isdisjoint(found)
    (note,) = found["sample_notes"]
    assert re.match(r"Samples are not judged: .* gets \d\d\.\d% .* must get 85%", note)


def test_figures_that_controls_reach_are_left_out():
    real, noise = {"fid": 1.0, "precision": 0.85}, {"fid": 90.0, "precision": 0.999}
    found = {"real_images": real, "noise": noise, "shuffled_pixels": noise}
    drawn = [{"fid": 20.0 + each, "precision": 0.99} for each in range(5)]
    kept, notes = told_apart(drawn, found)
    assert kept["fid"] == 22 and kept["fid_of_noise"] == 90
    assert kept["fid_standard_error"] == pytest.approx(np.sqrt(2.5 / 5))
    assert not any(name.startswith("precision") for name in kept)
    assert notes == [
        "Precision is not shown, as it does not tell good from bad here: 0.85 of real "
        "images, 0.999 of noise and 0.999 of shuffled pixels."
    ]
    # Nor does one whose seeds are further apart than real images and noise are.
    drawn = [{"fid": each} for each in (0.0, 90.0)]
    assert told_apart(drawn, found)[0] == {}


def test_controls_have_the_pixels_of_real_images():
    images = np.random.default_rng(0).random((50, 8, 8, 3), dtype="float32") / 2
    moved = shuffled(images, np.random.default_rng(1))
    assert moved.shape == images.shape and not np.array_equal(moved, images)
    # Whole pixels change places.
    assert {tuple(p) for p in moved[0].reshape(-1, 3)} == {
        tuple(p) for p in images[0].reshape(-1, 3)
    }
    noise = noise_like(images, np.random.default_rng(1))
    assert noise.mean() == pytest.approx(images.mean(), abs=0.02)
    assert noise.min() >= 0 and noise.max() <= 1


class Mixture:
    """p(x|y) of one pixel, in closed form: log-likelihoods are exact."""

    num_classes = 3

    def __init__(self, log_p):
        self.log_p, self.asked = log_p, []

    def log_marginal_likelihood(self, x, labels, k, batch_size, seed):
        self.asked.append((len(x), k))
        return self.log_p[x[:, 0, 0, 0].astype(int), labels]


def test_likelihood_without_the_label_is_that_of_the_mixture():
    rng = np.random.default_rng(0)
    log_p = np.log(rng.random((7, 3))) - 500
    x, labels = np.arange(7.0).reshape(7, 1, 1, 1), rng.integers(0, 3, 7)
    model = Mixture(log_p)
    own = log_p[np.arange(7), labels]
    found = without_labels(model, x, labels, own, 60, batch_size=4)
    exact = np.log(np.mean(np.exp(log_p + 500), axis=1)) - 500
    np.testing.assert_allclose(found["nll_without_label"], -exact)
    np.testing.assert_allclose(found["elbo_without_label"], exact)
    # One draw of each label for the ELBO; of the others together as many as of its own.
    assert {k for _, k in model.asked} == {1, 20}
    assert sum(count for count, k in model.asked if k == 20) == 2 * 7


def test_what_is_given_the_label_is_told_without_it(tmp_path, source):
    preset = untrained(tmp_path / "given", labelled(num_classes=2))
    metrics = evaluate(preset, source, num_importance_samples=40)
    assert metrics["draws_of_other_labels"] == 20
    x, seed = binarize(source["x_test"]), {"seed": 0}
    each = zoo.from_preset(preset).class_log_likelihoods(x, 40, **seed)
    exact = np.logaddexp.reduce(each, axis=1) - np.log(2)
    assert metrics["nll_without_label"] == pytest.approx(-exact.mean(), abs=0.05)
    assert metrics["nll_without_label"] <= metrics["nll"] + np.log(2) + 1e-6
    assert -metrics["elbo_without_label"] >= metrics["nll_without_label"]
    rows = [row[0] for row in metric_rows(metrics, given=True)]
    assert "NLL given the label, importance-weighted, K = 40, nats" in rows
    assert "NLL without the label, K = 40 of its own, 20 of others" in rows


def test_a_card_says_that_samples_were_judged_on_another_backend():
    metrics = {
        "command": "vae-zoo evaluate p",
        "versions": {"tensorflow": "2"},
        "hardware": "a machine",
        "seed": 0,
        "seconds": 1.0,
    }
    assert "apart" not in " ".join(evaluation_lines(metrics))
    for backend, apart in (("jax", True), ("tensorflow", False)):
        lines = evaluation_lines({**metrics, "classifier_backend": backend})
        assert ("computed apart, on jax" in " ".join(lines)) is apart


@pytest.mark.parametrize(
    "path", ["parameters", "training", "dataset.binarized", "metrics.seconds"]
)
def test_a_card_says_what_was_not_recorded(path):
    info = json.loads(json.dumps(zoo.preset_info("dense_vae_digits")))
    assert "# dense_vae_digits" in model_card(info, ".")
    *outside, name = path.split(".")
    entry = info[outside[0]] if outside else info
    del entry[name]
    with pytest.raises(ValueError, match=f"A card says `{path}`, which the metadata"):
        model_card(info, ".")


def test_a_figure_that_is_gone_has_no_interval():
    metrics = {"fid_standard_error": 0.5, "elbo": -9.0, "elbo_standard_error": 1.0}
    assert list(confidence_intervals(metrics)) == ["elbo"]
