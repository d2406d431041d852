"""`vae-zoo anomaly fit`, `score` and `export`: what they do."""

import csv
import io
import os

import numpy as np

import export
from recipes.commands import texts
from recipes.commands.screen import new_table, print_table, screen
from recipes.commands.starting import start_keras
from recipes.common.console import Terminal
from recipes.common.events import are_texts, noun_of
from recipes.common.files import make_whole_folder
from recipes.common.opening import open_preset, open_source
from recipes.common.progress import working
from recipes.data import load_images
from recipes.data.binarize import binarize_each
from recipes.data.every import load_every
from recipes.data.forms import form_of, load_data
from recipes.data.open import open_source as open_images
from recipes.data.reading import print_report, reading_data, reading_images
from recipes.data.texts.load import open_texts
from recipes.documents.texts import megabytes
from recipes.recipe import RECIPES, get_recipe
from zoo.text import printable

# A detector whose scores are bounds of log p(x), of which the user is told.
_LIKELIHOODS = ("elbo", "likelihood")
# What a preset says of itself that its weights are without a detector, too.
_KEPT = ("dataset", "metrics", "training", "summary", "anchors", "finetuned_from")


def fit(preset, data, out, options, reading, backend):
    """Fits a detector to normal images or texts, and saves it as a preset's folder.

    Args:
        preset: name or folder.
        data: what `recipes.data.load_images` takes, or of texts `load_texts`.
        out: the new folder.
        options: of `AnomalyDetector`.
        reading: `data_dir`, `strict` and `invert` of `load_images`; of texts
            `data_dir`, `column` and `label`.
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
    noun = noun_of(found.info)
    with reading_data(texts=are_texts(found.info)):
        normal = _normal_texts if are_texts(found.info) else _normal_images
        x, words, report = normal(found, data, reading)
    print_report(report, console)
    with working(f"Scoring {len(x):,} {noun}"):
        detector.fit(x)
    kept = {name: found.info[name] for name in _KEPT if name in found.info}
    detector.save_to_preset(out, kept)
    print(
        printable(
            f"{100 * detector.quantile:g} % of {words} score at least "
            f"{detector.offset_:.6g} nats by {detector.score!r}: below, "
            f"{'a text' if noun == 'texts' else 'an image'} is an anomaly."
        )
    )
    if detector.score in _LIKELIHOODS and noun == "images":
        print(
            "A likelihood alone may find images of quite another, simpler kind more "
            "likely than these: for such, take --score latent of a HierarchicalVAE."
        )
    where = "lines.txt" if noun == "texts" else "FOLDER"
    print(printable(f"Next: vae-zoo anomaly score {out} {where}"))


def _normal_texts(preset, data, reading):
    """Texts that the model was not trained on, what they are, and a report."""
    own, form = preset.entry("dataset").get("name"), form_of(preset.config)
    opened = open_texts(data, reading["column"], reading["label"], reading["data_dir"])
    if opened.name == own:
        # What its training held out of them.
        held_out = load_data(
            data,
            form,
            splits="validation",
            validation=_held_out(preset),
            seed=preset.entry("training").get("seed") or 0,
            **reading,
        )
        words = f"{len(held_out.validation):,} validation texts of {own}"
        return held_out.validation, words, held_out.report
    every = texts.load_every_text(data, form.vocabulary, form.max_length, **reading)
    return every.tokens, f"{len(every.tokens):,} texts of {every.name}", every.report


def _held_out(preset):
    """How many images or texts the training of a preset held out, or None."""
    known = preset.name in RECIPES
    return get_recipe(preset.name).validation if known else None


def _normal_images(preset, data, reading):
    """Images that the model was not trained on, what they are, and a report."""
    own, shape = preset.entry("dataset").get("name"), preset.info["image_shape"]
    opened = open_images(data, shape, reading["data_dir"], strict=reading["strict"])
    if opened.name == own:
        # What its training held out of them.
        held_out = load_images(
            data,
            image_shape=shape,
            splits="validation",
            validation=_held_out(preset),
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

    if found := texts.preset_of_texts(detector):
        _score_texts(found, data, out, num_shown, reading, backend, overwrite)
        return
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
    _print_found(every.names, decisions, order, out)


def _score_texts(preset, data, out, num_shown, reading, backend, overwrite):
    """Writes scores.csv and index.html of a detector of texts: as `score`."""
    from recipes.documents.anomalies import anomalous_texts_page

    with make_whole_folder(out, overwrite, ours="scores.csv") as folder:
        scorer, kept, _ = _scorer(preset.address, backend)
        # Scores are of texts without their labels.
        form = form_of(preset.config)
        with reading_data(texts=True):
            every = texts.load_every_text(
                data, form.vocabulary, form.max_length, **reading
            )
        print_report(every.report, Terminal(stderr=True))
        with working(f"Scoring {len(every.texts):,} texts"):
            decisions = scorer.decision_function(every.tokens)
        order = np.argsort(decisions, kind="stable")
        content = _csv(every.numbers, decisions, order, kept, every.texts)
        (folder / "scores.csv").write_bytes(content)
        shown = order[:num_shown]
        with working("Drawing the page"):
            page = anomalous_texts_page(
                every.name,
                kept,
                numbers=every.numbers[shown],
                given=[every.texts[i] for i in shown],
                tokens=every.tokens[shown],
                maps=scorer.heat_map(every.tokens[shown]),
                decisions=decisions[shown],
                counts=(int(np.sum(decisions < 0)), len(every.texts)),
                vocabulary=scorer.model.vocabulary,
            )
        (folder / "index.html").write_text(page, encoding="utf-8")
    _print_found(every.texts, decisions, order, out, "texts")


def _print_found(names, decisions, order, out, noun="images"):
    unusual = int(np.sum(decisions < 0))
    print(f"{unusual:,} of {len(decisions):,} {noun} are anomalies.")
    table = new_table(
        None,
        noun.removesuffix("s"),
        "below the threshold",
        numbers=("below the threshold",),
        whole=("image",),
    )
    for i in order[: min(5, unusual)]:
        table.add_row(printable(names[i]), f"{-decisions[i]:.1f} nats")
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
    return fitted, fitted.to_json(), getattr(fitted.model, "image_shape", None)


def _csv(names, decisions, order, kept, of_texts=None):
    """Rows of file, score, score less the threshold, anomaly: the oddest first.

    Of texts their numbers stand for files, and they themselves at the end.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ("image" if of_texts is None else "number", "score", "decision")
    last = () if of_texts is None else ("text",)
    writer.writerow((*columns, "anomaly", *last))
    for i in order:
        total = float(decisions[i]) + kept["offset"]
        row = (names[i], f"{total:.6g}", f"{decisions[i]:.6g}", int(decisions[i] < 0))
        writer.writerow(row if of_texts is None else (*row, of_texts[i]))
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
