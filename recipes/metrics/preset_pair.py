"""Two presets side by side, on the same test images or texts."""

import time

import numpy as np

import zoo
from recipes.common.console import Terminal
from recipes.common.labels import given_labels, takes_labels
from recipes.common.presets import read_preset
from recipes.data import binarize
from recipes.data.classes import known_classes, labels_for
from recipes.data.forms import Texts, form_of, load_data
from recipes.data.reading import print_report, reading_data
from recipes.metrics.comparable import check_comparable
from recipes.metrics.each_image import image_metrics
from recipes.metrics.evaluation import data_source, is_inverted, stored_k
from recipes.metrics.intervals import DEVIATIONS, SCHEMA_VERSION, standard_error
from recipes.metrics.polarity import print_polarity
from recipes.metrics.texts import text_metrics

# (what, name, format) of the figures that are compared, each of an image or a text.
COMPARED = (
    ("ELBO, 1 draw, nats", "elbo", "{:.2f}"),
    ("NLL, importance-weighted, nats", "nll", "{:.2f}"),
    ("effective draws of it, a mean", "nll_ess", "{:.1f}"),
    ("reconstruction, -E log p(x given z), nats", "reconstruction", "{:.2f}"),
    ("KL, nats", "kl", "{:.2f}"),
    ("squared error of reconstructions, a pixel", "mse", "{:.5f}"),
    ("PSNR of reconstructions, dB", "psnr", "{:.2f}"),
)


def compare_presets(
    pair,
    source=None,
    *,
    data_dir=None,
    num_importance_samples=None,
    seed=0,
    console=None,
    invert=False,
    **reading,
):
    """Scores two presets on the same images, or texts, with the same K.

    Differences are taken image by image, so that images which are hard for both add
    nothing to their standard error.

    Args:
        pair: names or folders of two presets.
        source: data to score both on; None is the first preset's own data.
        data_dir, seed, console, invert, reading: as in
            `recipes.metrics.evaluation.evaluate_preset`.
        num_importance_samples: K; None is the smaller of those of the stored figures.

    Returns:
        dict of JSON values: "presets", the names; under "figures" for each name a dict
        of "values", two of them, "difference", second minus first, its
        "standard_error" and "interval", of 95 %; and the settings.

    Raises:
        ValueError, OSError: if they cannot be compared, or one cannot be loaded.
    """
    start = time.monotonic()
    console = console or Terminal()
    presets = [read_preset(preset) for preset in pair]
    check_comparable(*presets)
    infos = [preset.info for preset in presets]
    names = [preset.name for preset in presets]
    own = source is None
    source = data_source(infos[0], source, data_dir)
    form = form_of(presets[0].config)
    texts = isinstance(form, Texts)
    with reading_data(console, texts):
        data = load_data(
            source,
            form,
            data_dir=data_dir,
            splits="test",
            invert=invert or (own and is_inverted(infos[0])),
            **reading,
        )
    if not own:
        print_report(data.report, console)
    binarized = bool(infos[0].get("dataset", {}).get("binarized"))
    test = binarize(data.test) if binarized else data.test
    k = num_importance_samples or min(stored_k(info) for info in infos)
    values = []
    for preset, info in zip(pair, infos, strict=True):
        model = zoo.from_preset(preset)
        if not own and not texts:
            print_polarity(model, info, data.test, invert, console)
        figures = (text_metrics if texts else image_metrics)(
            model,
            test,
            labels_for(model, known_classes(model, data), "test"),
            num_importance_samples=k,
            seed=seed,
            console=console,
        )
        values.append(figures)
    left_out = {"texts_left_out": data.left_out["test"]} if texts else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "presets": names,
        "figures": {
            name: _compared(values[0][name], values[1][name]) for name in values[0]
        },
        "data": data.name,
        "num_importance_samples": k,
        f"test_{data.noun}": len(test),
        **left_out,
        "binarized": binarized,
        "given_labels": takes_labels(infos[0]),
        "seed": seed,
        "seconds": round(time.monotonic() - start, 1),
    }


def comparison_rows(compared):
    """Rows of texts: a figure, its two values, their difference and its interval."""
    rows = []
    for what, name, form in COMPARED:
        if name not in compared["figures"]:  # a text has no squared error
            continue
        if compared.get("given_labels"):
            what = given_labels(what)
        figure = compared["figures"][name]
        signed = form.replace("{:", "{:+")
        ends = " to ".join(signed.format(end) for end in figure["interval"])
        values = (form.format(value) for value in figure["values"])
        rows.append((what, *values, signed.format(figure["difference"]), ends))
    return rows


def _compared(first, second):
    differences = np.subtract(second, first, dtype=np.float64)
    difference, error = float(np.mean(differences)), standard_error(differences)
    return {
        "values": [float(np.mean(v, dtype=np.float64)) for v in (first, second)],
        "difference": difference,
        "standard_error": error,
        "interval": [
            difference - DEVIATIONS * error,
            difference + DEVIATIONS * error,
        ],
    }
