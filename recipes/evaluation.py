"""Figures of a preset on the test split, with all that is needed to get them again."""

import time

import numpy as np
from rich.console import Console
from rich.progress import track

import zoo
from recipes.data import binarize, load_images
from recipes.disentanglement import disentanglement_metrics, factor_grid
from recipes.label_accuracy import label_accuracy
from zoo.evaluation.codes import code_statistics
from zoo.evaluation.likelihood import active_units

# Images scored between two steps of the progress bar: few, so that most of a compiled
# call goes into draws and little into encoding the same images again.
IMAGES_PER_STEP = 10


def labels_for(model, data, split):
    """The labels of a split if the model takes labels, else None.

    Raises:
        ValueError: if it does and there are none.
    """
    if not model.label_dim:
        return None
    labels = getattr(data, f"{split}_labels")
    if labels is None:
        raise ValueError(
            f"{type(model).__name__} needs labels beside the images, and {data.name} "
            "has none: give images in one sub-folder a class, or an .npz with labels."
        )
    return labels


def evaluate_model(
    model,
    test,
    labels=None,
    *,
    binarized,
    num_importance_samples=100,
    seed=0,
    console=None,
):
    """Scores a model on test images.

    Args:
        model: a `zoo.VAE`.
        test: images (N, H, W, C), float32 in [0, 1].
        labels: (N,), for models that take them; all figures are then given y.
        binarized: binarize them once, with `numpy.random.default_rng(0)`, before.
        num_importance_samples: K of the importance-weighted NLL.
        seed: fixes the noise of the estimates.
        console: `rich.console.Console` for progress.

    Returns:
        dict of JSON values: figures in nats a test image, their standard errors over
        images, and the settings they were got with.
    """
    start = time.monotonic()
    if binarized:
        test = binarize(test)
    terms = model.elbo(test, labels, seed=seed)
    batches = model.iter_log_marginal_likelihood(
        test, labels, num_importance_samples, batch_size=IMAGES_PER_STEP, seed=seed
    )
    log_likelihood = np.concatenate(
        list(
            track(
                batches,
                description=f"IW-{num_importance_samples} likelihood",
                total=-(-len(test) // IMAGES_PER_STEP),
                console=console or Console(),
            )
        )
    )
    metrics = {
        "elbo": float(np.mean(terms["elbo"])),
        "elbo_standard_error": _standard_error(terms["elbo"]),
        "reconstruction": float(-np.mean(terms["log_likelihood"])),
        "kl": float(np.mean(terms["kl"])),
        "nll": float(-np.mean(log_likelihood)),
        "nll_standard_error": _standard_error(log_likelihood),
        "num_importance_samples": num_importance_samples,
        **_reconstruction(model, test, labels),
        **_latents(model, test, labels),
        "test_images": len(test),
        "binarized": binarized,
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
    }
    if model.likelihood.discretized:
        per_nat = 1 / (np.prod(model.image_shape) * np.log(2))
        for name in ("elbo", "nll"):
            bits = abs(metrics[name]) * per_nat
            metrics[f"{name}_bits_per_dim"] = float(bits)
    if not all(np.isfinite(v) for v in metrics.values()):
        raise ValueError(
            "The model's ELBO on the test images is not finite: its weights are broken."
        )
    return metrics


def evaluate_preset(
    preset,
    source=None,
    *,
    data_dir=None,
    num_importance_samples=None,
    seed=0,
    console=None,
):
    """Scores a preset on a test split, the one it was made for unless told otherwise.

    Args:
        preset: name or folder.
        source: what `recipes.data.load_images` takes; None is the preset's own data.
        data_dir: folder of prepared TFDS data sets.
        num_importance_samples: K; None is the K of the figures stored with the preset.
        seed, console: as in `evaluate_model`.

    Returns:
        The dict of `evaluate_model`; of a model of classes, with that of
        `recipes.label_accuracy.label_accuracy`; on data of known factors, with that of
        `recipes.disentanglement.disentanglement_metrics`.

    Raises:
        ValueError, OSError: if the preset or the data are not usable.
    """
    info = zoo.preset_info(preset)
    source = source if source is not None else info.get("dataset", {}).get("name")
    if source is None:
        raise ValueError(
            f"The preset {str(preset)!r} does not say which data it was trained on: "
            "give some with --data."
        )
    k = num_importance_samples or info.get("metrics", {}).get(
        "num_importance_samples", 100
    )
    model = zoo.from_preset(preset)
    of_classes = bool(getattr(model, "num_classes", None))
    data = load_images(
        source,
        image_shape=info["image_shape"],
        data_dir=data_dir,
        # Training images for the classifier alone that reads conditional samples.
        splits=("train", "test") if of_classes else "test",
    )
    grid = factor_grid(model, data, source, data_dir=data_dir, console=console)
    metrics = evaluate_model(
        model,
        data.test,
        labels_for(model, data, "test"),
        binarized=bool(info.get("dataset", {}).get("binarized")),
        num_importance_samples=k,
        seed=seed,
        console=console,
    )
    if of_classes:
        metrics |= label_accuracy(model, data, seed=seed, console=console)
    if grid is not None:
        metrics |= disentanglement_metrics(model, grid, seed=seed, console=console)
    return metrics


def _reconstruction(model, test, labels):
    """How far reconstructions are from the images, and bits of exact pixels."""
    error = np.mean(np.square(model.reconstruct(test, labels) - test), dtype=np.float64)
    return {
        "mse": float(error),
        "mse_over_variance": float(error / np.var(test, dtype=np.float64)),
    }


def _latents(model, test, labels):
    """How much of the latents is used."""
    if isinstance(model, zoo.VQVAE):
        certain = not model.quantizer.stochastic
        return {**code_statistics(model, test, labels), "exact_codes": certain}
    return {"active_units": active_units(model, test, labels)}


def _standard_error(values):
    if len(values) < 2:
        return 0.0
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
