"""Figures of a preset on the test split, with all that is needed to get them again."""

import time

import keras
import numpy as np

import zoo
from recipes.common.console import Terminal
from recipes.common.events import noun_of
from recipes.common.latents import the_codes
from recipes.common.presets import read_preset
from recipes.common.progress import working
from recipes.common.published import TRAINING, further_draws, published_of
from recipes.data import binarize
from recipes.data.classes import known_classes, labels_for
from recipes.data.forms import Texts, form_of, load_data
from recipes.data.open import named_data_set
from recipes.data.reading import print_report, reading_data
from recipes.metrics.disentanglement import disentanglement_metrics, factor_grid
from recipes.metrics.each_image import (
    IMAGES_PER_STEP,
    LEAST_ERROR,
    blocks,
    image_metrics,
)
from recipes.metrics.intervals import (
    SCHEMA_VERSION,
    confidence_intervals,
    standard_error,
)
from recipes.metrics.polarity import print_polarity
from recipes.metrics.resumable import ResumableValues
from recipes.metrics.sample_quality import sample_quality
from recipes.metrics.texts import evaluate_texts
from recipes.metrics.use_of_latents import convergence, use_of_latents
from recipes.metrics.without_labels import draws_of_others, without_labels


def evaluate_model(
    model,
    test,
    labels=None,
    *,
    binarized,
    num_importance_samples=100,
    further=(),
    seed=0,
    console=None,
    finished=None,
    split="test",
):
    """Scores a model on test images.

    Args:
        model, labels, num_importance_samples, further, seed, finished: as in
            `image_metrics`.
        test: images (N, H, W, C), float32 in [0, 1].
        binarized: binarize them once, with `numpy.random.default_rng(0)`, before.
        console: `rich.console.Console` for progress.
        split: what the images are, "test" or "validation".

    Returns:
        dict of JSON values: the figures of `image_metrics` averaged over images, with
        their standard errors; of models of classes those of `without_labels` beside
        them; bits a dimension for discretized likelihoods; what the latents or codes
        are used for, "diagnosis" in words; and the settings.

    Raises:
        ValueError, OSError: as `image_metrics`.
    """
    start = time.monotonic()
    console = console or Terminal()
    if binarized:
        test = binarize(test)
    values = image_metrics(
        model,
        test,
        labels,
        num_importance_samples=num_importance_samples,
        further=further,
        seed=seed,
        console=console,
        finished=finished,
    )
    metrics = {"schema_version": SCHEMA_VERSION}
    if labels is not None and getattr(model, "num_classes", None):
        values |= without_labels(
            model,
            test,
            labels,
            -values["nll"],
            num_importance_samples,
            batch_size=IMAGES_PER_STEP,
            seed=seed,
            console=console,
        )
        metrics["draws_of_other_labels"] = draws_of_others(
            num_importance_samples, model.num_classes
        )
    if labels is not None and hasattr(model, "predict_proba"):
        told = model.predict_proba(test).argmax(axis=1)
        values["label_error_percent"] = 100.0 * (told != labels)
    if the_codes(model.latents) and _certain(model, test, labels):
        metrics["exact_codes"] = True
        # The same likelihood with independent codes of one frequency, as published
        # bounds of VQ-VAEs have it.
        spec = the_codes(model.latents)
        uniform = spec.size * np.log(spec.codebook_size)
        values["elbo_uniform_codes"] = -values["reconstruction"] - uniform
    if model.likelihood.discretized:
        nats_per_bit = np.prod(model.image_shape) * np.log(2)
        for name in [name for name in values if name.startswith(("elbo", "nll"))]:
            if name != "nll_ess":
                nats = values[name] if name.startswith("nll") else -values[name]
                values[f"{name}_bits_per_dim"] = nats / nats_per_bit
    for name, each in values.items():
        metrics[name] = float(np.mean(each, dtype=np.float64))
        metrics[f"{name}_standard_error"] = standard_error(each)
    # Around the mean of each pixel: smaller, the error of one image for all.
    for name, mean in (
        ("mse_over_variance", np.mean(test, dtype=np.float64)),
        ("mse_over_mean_image", np.mean(test, axis=0, dtype=np.float64)),
    ):
        parts = [np.mean(np.square(x - mean)) * len(x) for x in blocks(test)]
        variance = sum(parts) / len(test)
        metrics[name] = float(metrics["mse"] / max(variance, LEAST_ERROR))
    with working("Use of the latents", console):
        latents = use_of_latents(model, test, labels, metrics)
    if not metrics.get("exact_codes"):  # of which every draw is the same
        latents["diagnosis"] += convergence(metrics["nll_ess"], num_importance_samples)
    if model.remark_on_likelihood:
        latents["diagnosis"].insert(0, model.remark_on_likelihood)
    return metrics | {
        **latents,
        "num_importance_samples": num_importance_samples,
        f"{split}_images": len(test),
        "binarized": binarized,
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
    }


def evaluate_preset(
    preset,
    source=None,
    *,
    data_dir=None,
    num_importance_samples=None,
    seed=0,
    console=None,
    kept=None,
    resume=False,
    invert=False,
    **reading,
):
    """Scores a preset on a test split, the one it was made for unless told otherwise.

    Args:
        preset: name or folder.
        source: what `recipes.data.load_images` takes, or of a model of texts
            `recipes.data.texts.load_texts`; None is the preset's own data.
        data_dir: folder of prepared TFDS data sets.
        num_importance_samples: K; None is the K of the figures stored with the preset.
        seed, console: as in `evaluate_model`.
        kept: file for the likelihoods of images that are done, or None.
        resume: go on with what that file has.
        invert: as in `recipes.data.load_images`; the preset's own data are inverted if
            they were when it was trained.
        reading: further options of `recipes.data.forms.load_data`.

    Returns:
        The dict of `evaluate_model`, or of `evaluate_texts`, and "intervals", of 95 %;
        its "nll_k<K>" are of the smaller K of the published NLLs that the preset names;
        where the images have
        classes, with that of `sample_quality`; on data of known factors, with that of
        `disentanglement_metrics`.

    Raises:
        ValueError, OSError: if the preset or the data are not usable.
    """
    start = time.monotonic()
    info = zoo.preset_info(preset)
    other = source is not None
    source = data_source(info, source, data_dir)
    k = num_importance_samples or stored_k(info)
    options = {
        "data_dir": data_dir,
        "invert": invert or (not other and is_inverted(info)),
        **reading,
    }
    form = form_of(read_preset(preset).config)
    texts = isinstance(form, Texts)
    with reading_data(console, texts):
        model = zoo.from_preset(preset)
        data = load_data(source, form, splits="test", **options)
        data = known_classes(model, data)
    if other:
        print_report(data.report, console or Terminal())
        if not texts:
            print_polarity(model, info, data.test, invert, console or Terminal())
    finished = ResumableValues(
        kept,
        {
            "figures": ["log p(x)", "effective sample size"],
            "weights": info.get("sha256", {}).get("model.weights.h5"),
            "data": data.name,
            model.event.noun: len(data.test),
            "K": k,
            "seed": seed,
            **({"inverted": True} if options["invert"] else {}),
            "backend": keras.backend.backend(),
        },
        resume,
    )
    scoring = {
        "num_importance_samples": k,
        "further": further_draws(published_of(info), k),
        "seed": seed,
        "console": console,
        "finished": finished,
    }
    if texts:
        metrics = evaluate_texts(model, data, **scoring)
        finished.remove()
        return metrics | {"intervals": confidence_intervals(metrics)}
    grid = factor_grid(
        model,
        data,
        source,
        data_dir=data_dir,
        invert=options["invert"],
        console=console,
    )
    labels = labels_for(model, data, "test")
    metrics = evaluate_model(
        model,
        data.test,
        labels,
        binarized=bool(info.get("dataset", {}).get("binarized")),
        **scoring,
    )
    if data.test_labels is not None and model.can_sample:
        # Training images are for the classifier alone: not in memory before.
        with reading_data(console):
            data = load_data(
                source, form, splits=("train", "test"), validation=0, **options
            )
            data = known_classes(model, data)
        metrics |= _of_training_images(model, data, info)
        metrics |= sample_quality(
            model, data, takes_labels=labels is not None, seed=seed, console=console
        )
    if grid is not None:
        metrics |= disentanglement_metrics(model, grid, seed=seed, console=console)
    finished.remove()
    return metrics | {
        "intervals": confidence_intervals(metrics),
        "seconds": round(time.monotonic() - start, 1),
    }


def _of_training_images(model, data, info):
    """What a preset's published figures of the images of a training stand beside."""
    asked = {each.metric for each in published_of(info) if each.split == TRAINING}
    name = "mse_over_variance"
    if name not in asked:
        return {}
    images = data.train
    if info.get("dataset", {}).get("binarized"):
        images = binarize(images)
    labels = labels_for(model, data, "train")
    error = np.square(model.reconstruct(images, labels) - images)
    mean = np.mean(error, dtype=np.float64)
    return {f"{TRAINING}_{name}": float(mean / np.var(images, dtype=np.float64))}


def data_source(info, source=None, data_dir=None):
    """The data to score a preset on: those given, or its own.

    Args:
        info: `zoo.preset_info` of it.
        source: what `recipes.data.load_images` takes, or None.
        data_dir: folder of prepared TFDS data sets.

    Raises:
        ValueError: if none are given and it does not say which its own are, or names
            something else than a data set.
    """
    if source is not None:
        return source
    own = info.get("dataset", {}).get("name")
    if own is None:
        raise ValueError(
            f"The preset {info['preset']!r} does not say which data it was trained on: "
            "give some with --data."
        )
    return named_data_set(own, data_dir, noun_of(info))


def is_inverted(info):
    """Whether a preset's own data were inverted to train it."""
    return bool(info.get("dataset", {}).get("inverted"))


def stored_k(info):
    """The K of the figures that are stored with a preset."""
    return info.get("metrics", {}).get("num_importance_samples", 100)


def _certain(model, test, labels):
    """Whether an image has one possibility of codes, and no distribution over them."""
    first = None if labels is None else labels[:1]
    return model.encode(test[:1], first).log_probs is None
