"""Figures of a model of texts on test texts."""

import time

import numpy as np

from recipes.common.console import Terminal
from recipes.common.progress import working
from recipes.data.classes import labels_for
from recipes.metrics.each_image import Part, likelihoods
from recipes.metrics.intervals import SCHEMA_VERSION, standard_error
from recipes.metrics.self_bleu import ORDER, self_bleu
from recipes.metrics.use_of_latents import convergence, use_of_latents
from zoo.training.text_rows import TextRows
from zoo.vocabulary import END

# Samples, and real texts, that self-BLEU is taken of.
COMPARED = 1_000


def evaluate_texts(
    model,
    data,
    split="test",
    *,
    num_importance_samples=100,
    further=(),
    seed=0,
    console=None,
    finished=None,
):
    """Scores a model on texts, all of a split.

    Of a text -log p(x) is in nats, its end included. A perplexity is exp of all nats
    over all words, or tokens, where each end counts as one; bits a character count it
    as a character.

    Args:
        model: a model of texts.
        data: `recipes.data.texts.TextData` in the model's vocabulary.
        split: "test" or "validation".
        num_importance_samples, further, seed, console, finished: as in
            `recipes.metrics.each_image.image_metrics`.

    Returns:
        dict of JSON values: "elbo", "nll", "kl", ... averaged over texts, with their
        standard errors; "perplexity_per_word", "perplexity_per_token",
        "bits_per_character"; "unknown_words", a share, and "texts_left_out"; what the
        latents are used for, "diagnosis" in words; "self_bleu" and its controls; and
        the settings.

    Raises:
        ValueError, OSError: as `text_metrics`.
    """
    start = time.monotonic()
    console = console or Terminal()
    tokens, labels = getattr(data, split), labels_for(model, data, split)
    values = text_metrics(
        model,
        tokens,
        labels,
        num_importance_samples=num_importance_samples,
        further=further,
        seed=seed,
        console=console,
        finished=finished,
    )
    metrics = {"schema_version": SCHEMA_VERSION}
    for name, each in values.items():
        metrics[name] = float(np.mean(each, dtype=np.float64))
        metrics[f"{name}_standard_error"] = standard_error(each)
    metrics |= per_unit(values["nll"], tokens, data.lengths[split])
    words = data.words[split]
    metrics["unknown_words"] = data.unknown[split] / max(words, 1)
    with working("Use of the latents", console):
        metrics |= use_of_latents(model, tokens, labels, metrics)
    metrics["diagnosis"] += convergence(metrics["nll_ess"], num_importance_samples)
    if model.can_sample:
        with working("Samples", console):
            metrics |= likeness(model, tokens, labels, seed)
    return metrics | {
        "num_importance_samples": num_importance_samples,
        f"{split}_texts": len(tokens),
        "texts_left_out": data.left_out[split],
        "words": words,
        "binarized": False,
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
    }


def text_metrics(model, tokens, labels=None, *, seed=0, **scoring):
    """What can be said of each text by itself.

    Args:
        model: a model of texts.
        tokens: int32 (N, T).
        labels, seed: as in `recipes.metrics.each_image.image_metrics`.
        scoring: options of `recipes.metrics.each_image.likelihoods`.

    Returns:
        dict of arrays (N,), as there, of squared errors none.

    Raises:
        ValueError, OSError: as there.
    """
    order, parts = by_length(tokens, labels, seed)
    values = likelihoods(model, parts, **scoring)
    return {name: each[np.argsort(order)] for name, each in values.items()}


def by_length(tokens, labels, seed):
    """Texts in parts of like length, whose rows are as wide as they need.

    Returns:
        the order (N,) in which the parts have the texts, and list of `Part`.
    """
    rows = TextRows(tokens)
    order = np.argsort(rows.lengths, kind="stable")
    widths = np.array([rows[[i]].shape[1] for i in order])
    parts = []
    for width in np.unique(widths):
        chosen = order[widths == width]
        # Noise of its own.
        sequence = np.random.SeedSequence((seed, int(width)))
        given = None if labels is None else labels[chosen]
        parts.append(Part(rows[chosen], given, int(sequence.generate_state(1)[0])))
    return order, parts


def per_unit(nll, tokens, lengths):
    """Nats by the word, the token and the character, as perplexities and bits.

    Args:
        nll: -log p(x) of each text, (N,), in nats.
        tokens: int32 (N, T).
        lengths: words and characters of each, (N, 2).

    Returns:
        dict: the figures, with standard errors, those of ratios of means.
    """
    length = np.sum(tokens != END, axis=1)
    ends = length < tokens.shape[1]
    nll = np.asarray(nll, np.float64)
    figures = {}
    for name, count in (
        ("perplexity_per_word", lengths[:, 0]),
        ("perplexity_per_token", length),
        ("bits_per_character", lengths[:, 1]),
    ):
        units = count + ends
        ratio = nll.sum() / units.sum()
        error = standard_error(nll - ratio * units) / units.mean()
        value, slope = np.exp(ratio), np.exp(ratio)
        if name == "bits_per_character":
            value, slope = ratio / np.log(2), 1 / np.log(2)
        figures[name] = float(value)
        figures[f"{name}_standard_error"] = float(slope * error)
    return figures


def likeness(model, tokens, labels, seed):
    """Self-BLEU of samples, of real texts, and of those with their words shuffled.

    Of as many of each, drawn by `seed`; samples have the labels of the real ones.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(tokens))[:COMPARED]
    if len(chosen) < 2:
        return {}
    given = None if labels is None else labels[chosen]
    real = model.to_texts(tokens[chosen])
    texts = {
        "self_bleu": model.to_texts(model.sample(len(chosen), given, seed=seed)),
        "self_bleu_of_real_texts": real,
        "self_bleu_of_shuffled_words": [
            " ".join(rng.permutation(text.split())) for text in real
        ],
    }
    figures = {"self_bleu_order": ORDER, "self_bleu_texts": len(chosen)}
    for name, each in texts.items():
        values = self_bleu(each)
        figures[name] = float(np.mean(values))
        figures[f"{name}_standard_error"] = standard_error(values)
    return figures
