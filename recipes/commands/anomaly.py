"""`vae-zoo anomaly fit`, `score` and `export`: what they do."""

import csv
import io
import os

import numpy as np

import export
from recipes.commands.screen import new_table, print_table, screen
from recipes.commands.starting import start_keras
from recipes.common.console import Terminal
from recipes.common.files import make_whole_folder
from recipes.common.opening import open_preset, open_source
from recipes.common.progress import working
from recipes.data import load_images
from recipes.data.binarize import binarize_each
from recipes.data.every import load_every
from recipes.data.open import open_source as open_images
from recipes.data.reading import print_report, reading_images
from recipes.documents.texts import megabytes
from recipes.recipe import RECIPES, get_recipe
from zoo.text import printable

# A detector whose scores are bounds of log p(x), of which the user is told.
_LIKELIHOODS = ("elbo", "likelihood")
# What a preset says of itself that its weights are without a detector, too.
_KEPT = ("dataset", "metrics", "training", "summary", "anchors", "finetuned_from")


def fit(preset, data, out, options, reading, backend):
    """Fits a detector to normal images, and saves it as a preset's folder.

    Args:
        preset: name or folder.
        data: what `recipes.data.load_images` takes.
        out: the new folder.
        options: of `AnomalyDetector`.
        reading: `data_dir`, `strict` and `invert` of `load_images`.
        backend: as the user gave it, or None.
    """
    found = open_preset(preset)
    if os.path.lexists(out):
        raise FileExistsError(f"{str(out)!r} exists already: choose another name.")
    console = Terminal(stderr=True)
    start_keras(backend)
    import zoo
    from zoo.applications import AnomalyDetector

    with working("Loading the preset"):
        detector = AnomalyDetector(zoo.from_preset(found.folder), **options)
    detector.check_options()
    with reading_images():
        images, words, report = _normal_images(found, data, reading)
    print_report(report, console)
    with working(f"Scoring {len(images):,} images"):
        detector.fit(images)
    kept = {name: found.info[name] for name in _KEPT if name in found.info}
    detector.save_to_preset(out, kept)
    print(
        printable(
            f"{100 * detector.quantile:g} % of {words} score at least "
            f"{detector.offset_:.6g} nats by {detector.score!r}: below, an image is an "
            "anomaly."
        )
    )
    if detector.score in _LIKELIHOODS:
        print(
            "A likelihood alone may find images of quite another, simpler kind more "
            "likely than these: for such, take --score latent of a HierarchicalVAE."
        )
    print(printable(f"Next: vae-zoo anomaly score {out} FOLDER"))


def _normal_images(preset, data, reading):
    """Images that the model was not trained on, what they are, and a report."""
    own, shape = preset.entry("dataset").get("name"), preset.info["image_shape"]
    opened = open_images(data, shape, reading["data_dir"], strict=reading["strict"])
    if opened.name == own:
        # What its training held out of them.
        known = preset.name in RECIPES
        held_out = load_images(
            data,
            image_shape=shape,
            splits="validation",
            validation=get_recipe(preset.name).validation if known else None,
            seed=preset.entry("training").get("seed") or 0,
            **reading,
        )
        images, report = held_out.validation, held_out.report
        words = f"{len(images):,} validation images of {own}"
    else:
        every = load_every(data, image_shape=shape, **reading)
        images, report = every.images, every.report
        words = f"{len(images):,} images of {every.name}"
    if preset.entry("dataset").get("binarized"):
        images = binarize_each(images)
    return images, words, report


def score(detector, data, out, num_shown, reading, backend, overwrite):
    """Writes scores.csv and index.html of a detector, or of a scorer.onnx.

    Args:
        detector: preset's folder of `fit`, or an exported file.
        data: what `recipes.data.load_images` takes.
        out: the folder.
        num_shown: pictures on the page.
        reading, backend: as in `fit`.
        overwrite: replace a folder that this has written.
    """
    from recipes.documents.anomalies import anomaly_page

    with make_whole_folder(out, overwrite, ours="scores.csv") as folder:
        scorer, kept, shape = _scorer(detector, backend)
        with reading_images():
            every = load_every(data, image_shape=shape, **reading)
        print_report(every.report, Terminal(stderr=True))
        images = binarize_each(every.images) if kept.get("binary") else every.images
        with working(f"Scoring {len(images):,} images"):
            decisions = scorer.decision_function(images)
        order = np.argsort(decisions, kind="stable")
        (folder / "scores.csv").write_bytes(_csv(every.names, decisions, order, kept))
        shown = order[:num_shown]
        with working("Drawing the page"):
            maps = scorer.heat_map(images[shown])
            page = anomaly_page(
                every.name,
                kept,
                names=[every.names[i] for i in shown],
                images=images[shown],
                maps=maps,
                decisions=decisions[shown],
                counts=(int(np.sum(decisions < 0)), len(images)),
            )
        (folder / "index.html").write_text(page, encoding="utf-8")
    _print_found(every, decisions, order, out)


def _print_found(every, decisions, order, out):
    unusual = int(np.sum(decisions < 0))
    print(f"{unusual:,} of {len(decisions):,} images are anomalies.")
    table = new_table(
        None,
        "image",
        "below the threshold",
        numbers=("below the threshold",),
        whole=("image",),
    )
    for i in order[: min(5, unusual)]:
        table.add_row(printable(every.names[i]), f"{-decisions[i]:.1f} nats")
    if unusual:
        print_table(screen(), table)
    print(printable(f"Written: {out / 'scores.csv'}, {out / 'index.html'}"))


def _scorer(detector, backend):
    """What scores, what is kept of the detector, and the shape of images."""
    found = open_source(detector, takes=("preset", "exported"))
    if found.kind == "exported":
        scorer = export.Scorer(found.path)
        return scorer, scorer.metadata["anomaly"], scorer.image_shape
    start_keras(backend)
    from zoo.applications import AnomalyDetector

    with working("Loading the detector"):
        fitted = AnomalyDetector.from_preset(found.preset.folder)
    return fitted, fitted.to_json(), fitted.model.image_shape


def _csv(names, decisions, order, kept):
    """Rows of file, score, score less the threshold, anomaly: the oddest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "score", "decision", "anomaly"))
    for i in order:
        total = float(decisions[i]) + kept["offset"]
        row = (names[i], f"{total:.6g}", f"{decisions[i]:.6g}", int(decisions[i] < 0))
        writer.writerow(row)
    return text.getvalue().encode()


def export_detector(detector, out, opset, backend, overwrite):
    """Converts a fitted detector to scorer.onnx."""
    found = open_preset(detector)
    if out.exists() and not overwrite:
        raise FileExistsError(
            f"{str(out)!r} exists already: choose another name or add --overwrite."
        )
    start_keras(backend)
    from zoo.applications import AnomalyDetector

    with working("Loading the detector"):
        fitted = AnomalyDetector.from_preset(found.folder)
    with working("Converting in a fresh TensorFlow process, about half a minute"):
        report = export.export_scorer(fitted, out, opset=opset, overwrite=overwrite)
    print(
        f"{out}: {megabytes(report.bytes)}, largest error against Keras "
        f"{report.max_abs_error:.1e} of a score"
    )
    print(f"Next: vae-zoo anomaly score {out} FOLDER")
