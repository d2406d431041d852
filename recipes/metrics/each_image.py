"""What can be said of each test image, or text, by itself: the ELBO, log p(x), ..."""

import itertools
from typing import Any, NamedTuple

import numpy as np
from rich.progress import track

from recipes.common.interrupt import between_steps
from recipes.common.progress import working
from recipes.metrics.resumable import ResumableValues
from zoo.inference import BATCH

# Images scored between two steps of the progress bar: few, so that most of a compiled
# call goes into draws and little into encoding the same images again.
IMAGES_PER_STEP = 10

# Squared errors are counted as no smaller: a PSNR of at most 100 dB.
LEAST_ERROR = 1e-10


class Part(NamedTuple):
    """Images that are scored together, their labels or None, and a seed of noise."""

    x: Any
    labels: Any
    seed: int


def image_metrics(
    model,
    test,
    labels=None,
    *,
    num_importance_samples,
    further=(),
    seed=0,
    console,
    finished=None,
):
    """What can be said of each test image by itself.

    Args:
        model: a model of the zoo.
        test: images (N, H, W, C), float32 in [0, 1], binarized already if need be.
        labels: (N,), for models that take them; all figures are then given y.
        num_importance_samples: K of the importance-weighted NLL.
        further: other K, to be compared with published figures of theirs.
        seed: fixes the noise of the estimates.
        console: `rich.console.Console` for progress.
        finished: `ResumableValues`, log-likelihoods to go on with, or None.

    Returns:
        dict of arrays (N,): "elbo", "reconstruction", "kl" and "nll" in nats, of
        several groups of latents "kl_<group>"; "nll_ess", the effective number of the
        K draws; "nll_k<K>" of each further K; "mse", the squared error a pixel; "psnr"
        in dB.

    Raises:
        ValueError: if the ELBO is not finite.
        OSError: if what is finished cannot be kept.
    """
    values = likelihoods(
        model,
        [Part(test, labels, seed)],
        num_importance_samples=num_importance_samples,
        further=further,
        console=console,
        finished=finished,
    )
    with working("Reconstructions", console):
        mse = np.concatenate(list(_squared_errors(model, test, labels)))
    return {
        **values,
        "mse": mse,
        "psnr": -10 * np.log10(np.maximum(mse, LEAST_ERROR)),
    }


def likelihoods(
    model, parts, *, num_importance_samples, further=(), console, finished=None
):
    """Those of `image_metrics` that any model has, of images or texts.

    Args:
        model, num_importance_samples, further, console, finished: as there.
        parts: list of `Part`, all images one after another.

    Returns:
        dict of arrays (N,): "elbo", "reconstruction", "kl", "nll", "nll_ess", and those
        of several groups and of further K.

    Raises:
        As `image_metrics`.
    """
    with working("ELBO", console):
        each = [model.elbo(x, labels, seed=seed) for x, labels, seed in parts]
    terms = {name: np.concatenate([part[name] for part in each]) for name in each[0]}
    if not np.all(np.isfinite(terms["elbo"])):
        raise ValueError(
            f"The model's ELBO on the test {model.event.noun} is not finite: its "
            "weights are broken."
        )
    finished = finished or ResumableValues(None, {})
    try:
        with between_steps() as steps:
            for values in track(
                _log_likelihoods(
                    model, parts, num_importance_samples, len(finished.values)
                ),
                description=f"IW-{num_importance_samples} likelihood",
                total=_steps(parts, len(finished.values)),
                console=console,
            ):
                finished.extend(values)
                steps.check()
    finally:  # interrupted or not
        finished.save()
    others = {}
    for k in further:
        with working(f"IW-{k} likelihood", console):
            others[f"nll_k{k}"] = -np.concatenate(
                [
                    model.log_marginal_likelihood(
                        x, labels, k, batch_size=IMAGES_PER_STEP, seed=seed
                    )
                    for x, labels, seed in parts
                ]
            )
    return {
        "elbo": terms["elbo"],
        "reconstruction": -terms["log_likelihood"],
        **{name: nats for name, nats in terms.items() if name.startswith("kl")},
        "nll": -finished.values[:, 0],
        "nll_ess": finished.values[:, 1],
        **others,
    }


def _left(parts, done):
    """(part, how many of its images are done already) of those that are not."""
    for part in parts:
        skip, done = min(done, len(part.x)), max(0, done - len(part.x))
        if skip < len(part.x):
            yield part, skip


def _steps(parts, done):
    return sum(
        -(-(len(part.x) - skip) // IMAGES_PER_STEP) for part, skip in _left(parts, done)
    )


def _log_likelihoods(model, parts, k, done):
    """Yields log p(x) and effective draws of images that are not done yet."""
    for (x, labels, seed), skip in _left(parts, done):
        yield from model.iter_log_marginal_likelihood(
            x,
            labels,
            k,
            batch_size=IMAGES_PER_STEP,
            seed=seed,
            skip=skip,
            with_ess=True,
        )


def blocks(images):
    """Some images at a time: what is computed of them takes as much memory again."""
    for start in range(0, len(images), BATCH):
        yield images[start : start + BATCH]


def _squared_errors(model, test, labels):
    """Yields the mean squared error a pixel of each reconstruction, block by block."""
    beside = itertools.repeat(None) if labels is None else blocks(labels)
    for images, known in zip(blocks(test), beside, strict=False):
        error = np.square(model.reconstruct(images, known) - images)
        yield np.mean(error, axis=(1, 2, 3), dtype=np.float64)
