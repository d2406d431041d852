"""Work on shards: `vae-zoo sample --shards`, `encode`, and other commands of shards."""

from __future__ import annotations

import hashlib
import json
import math
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import export
from recipes.bulk import engine
from recipes.bulk.formats import Format, suffix
from recipes.bulk.jobs import Encode, Evaluate, Impute, Model, Sample, Score
from recipes.bulk.plan import missing_shards
from recipes.bulk.shards import (
    Reader,
    WholeSet,
    are_shards,
    find_shards,
    read_columns,
    shards_to_draw,
)
from recipes.bulk.storage import Storage
from recipes.commands.options import Backend, Column, DataDir, Invert, LabelColumn
from recipes.common.backend import choose_backend
from recipes.common.console import Terminal
from recipes.common.errors import listed, one_sentence_errors
from recipes.common.labels import class_asked_for, takes_labels
from recipes.common.opening import open_source
from recipes.common.progress import counting
from recipes.documents.texts import megabytes
from zoo.presets.files import METADATA, digest
from zoo.text import printable

# Of the first shards, so many that fail and none that does not end it all.
_HOPELESS = 3
SUMMARY = "summary.json"

Workers = Annotated[
    int,
    typer.Option(min=1, help="Processes, of Ray if more than one; a core each."),
]
ShardFormat = Annotated[
    Format, typer.Option("--format", help="Of shards; png is pictures and a .csv.")
]


def encode(
    source: Annotated[
        str, typer.Argument(metavar="P", help="Preset, or exported folder.")
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Shards (a folder, s3://..., 'in/*.parquet'), pictures, or a name; "
            "of a preset of texts a file of them.",
        ),
    ],
    out: Annotated[str, typer.Option(help="Folder or address of the shards.")],
    kind: ShardFormat = "parquet",
    workers: Workers = 1,
    drawn: Annotated[
        bool | None,
        typer.Option(
            "--binarize/--no-binarize",
            help="Grey pixels become black or white by chance first; as a preset asks.",
        ),
    ] = None,
    data_dir: DataDir = None,
    backend: Backend = None,
    invert: Invert = False,
    column: Column = None,
    label: LabelColumn = None,
):
    """Writes the latents of images or texts, q(z|x), shard by shard."""
    from recipes.commands import latent_tools, texts

    if found := texts.preset_of_texts(source):
        if workers > 1:
            raise typer.BadParameter("Texts are encoded by one process.")
        options = {"binarize": drawn, "invert": invert}
        reading = latent_tools.texts_only(column, label, data_dir, **options)
        texts.encode(found, data, out, kind, reading, backend)
        return
    latent_tools.images_only(column=column, label=label)
    model, facts = open_model(source, backend)
    if drawn is not None:
        facts["binary"] = drawn
    elif not model.backend:
        Terminal(stderr=True).print(
            "Note: an exported model does not say whether it was trained on black and "
            "white pixels alone: grey ones stay grey; else give --binarize."
        )
    job, shards = _on_images(Encode, model, facts, data, invert, data_dir=data_dir)
    do(job, shards, out, kind, workers)


def sample(
    source, out, num_samples, num_shards, kind, workers, label, seed, temperature, name
):
    """Draws the rows of a seed into shards.

    Args:
        source: preset or exported model.
        out: folder or address.
        num_samples, num_shards: how many rows, in how many files.
        kind: one of `recipes.bulk.formats.FORMATS`.
        workers: how many processes.
        label, seed, temperature: of `vae-zoo sample`.
        name: of the backend, or None.
    """
    model, facts = open_model(source, name)
    label = class_asked_for(label, facts.get("class_names"))
    job = Sample(model, seed, temperature, label, facts.get("num_classes"))
    do(job, shards_to_draw(num_samples, num_shards), out, kind, workers)


def evaluate(source, data, out, kind, workers, k, seed, invert, backend):
    """Writes the ELBO of each image of shards, and a summary of all.

    Args:
        source: preset.
        data, out, kind, workers: as in `encode`.
        k: importance samples, or None for the ELBO alone.
        seed, invert, backend: as in `encode`.
    """
    model, facts = open_model(source, backend, takes=("preset",))
    options = {"num_importance_samples": k}
    job, shards = _on_images(Evaluate, model, facts, data, invert, seed, **options)
    do(job, shards, out, kind, workers)
    _summarize(out, shards, kind)


def score(detector, data, out, kind, workers, invert, backend):
    """Writes the score of each image of shards: as `encode`, of a detector."""
    model, facts = open_model(detector, backend)
    job, shards = _on_images(Score, model, facts, data, invert)
    do(job, shards, out, kind, workers)
    odd = rows = 0
    for columns in _written(out, shards, kind):
        odd, rows = odd + int(np.sum(columns["anomaly"])), rows + _count(columns)
    print(f"{odd:,} of {rows:,} images are anomalies.")


def impute(source, data, out, kind, workers, seed, invert, backend, **options):
    """Writes draws of missing pixels of the images of shards: as `encode`.

    Args:
        options: of `recipes.bulk.jobs.Impute`.
    """
    model, facts = open_model(source, backend, takes=("preset",))
    options["label"] = class_asked_for(options["label"], facts.get("class_names"))
    job, shards = _on_images(Impute, model, facts, data, invert, seed, **options)
    do(job, shards, out, kind, workers)


def refuse(**options):
    """Refuses options that were given and mean nothing of shards.

    Args:
        options: {name: value}, false where it was not given.

    Raises:
        typer.BadParameter: naming the first.
    """
    for name, value in options.items():
        if value:
            raise typer.BadParameter(
                f"Of shards there is no --{name.replace('_', '-')}."
            )


def do(job, shards, out, kind, workers):
    """Does all shards that are missing, and says what there is then.

    Raises:
        ValueError: if shards could not be done; the others are written.
    """
    if Path(str(out)).suffix in (".json", ".npz", ".png"):
        raise ValueError(
            f"The --out of shards must be a folder or an address; got {str(out)!r}."
        )
    storage = Storage(out)
    missing = missing_shards(storage, shards, kind, job.facts())
    there = len(shards) - len(missing)
    if there:
        print(f"{there:,} of {len(shards):,} shards are there already.")
    if not missing:
        return
    if workers == 1:
        engine.use_one_thread()
    worker = engine.Worker(job, shards, storage, kind)
    start, done, failed, remarks = time.perf_counter(), [], [], set()
    console = Terminal(stderr=True)
    with (
        one_sentence_errors("Interrupted: the same command goes on."),
        counting("Shards", len(missing)) as show,
    ):
        for report in engine.run(worker, missing, workers):
            (failed if report.error else done).append(report)
            show(len(done) + len(failed), len(missing))
            for remark in report.remarks.splitlines():
                if remark not in remarks:
                    remarks.add(remark)
                    console.print(f"Note: {remark}")
            if report.hopeless or (not done and len(failed) == _HOPELESS):
                raise ValueError(report.error)
    seconds, rows = time.perf_counter() - start, sum(r.rows for r in done)
    if done:
        print(
            printable(
                f"{rows:,} rows in {len(done):,} shards, "
                f"{megabytes(sum(r.bytes for r in done))}, {seconds:.0f} s "
                f"({rows / seconds:,.0f} rows/s): {storage.url}"
            )
        )
    if failed:
        raise ValueError(
            f"{len(failed):,} of {len(missing):,} shards could not be done: "
            f"{listed([r.error.rstrip('.') for r in failed], 3)}. The same command "
            "tries them again."
        )


def _on_images(kind, model, facts, data, invert, seed=0, data_dir=None, **options):
    """(the job on images, its shards)."""
    reading = {"invert": invert, "binary": facts["binary"]}
    shape = tuple(facts["image_shape"])
    folder = Path(str(data)).expanduser()
    pictures = folder.is_dir() and not (folder / "dataset_info.json").is_file()
    # An .npz file is one shard, all of it: of a data set a tenth would be test images.
    if are_shards(data) or pictures or folder.suffix == ".npz":
        storage, shards = find_shards(data)
        reader = Reader(storage, shape, **reading).fitted(shards[0])
    else:
        reader = WholeSet(str(data), data_dir, shape, **reading)
        shards = reader.shards()
        Terminal(stderr=True).print(f"Note: these are the test images of {data}.")
    given = {"reader": reader, "takes_labels": takes_labels(facts)}
    return kind(model, seed, **given, **options), shards


def open_model(source, backend, takes=("preset", "exported")):
    """A model that workers load, and what is known of it before.

    Args:
        source: as users name it.
        backend: its name, or None.
        takes: what it may be: "preset", "exported".

    Returns:
        the `Model`; its preset's or file's metadata, and `binary`.

    Raises:
        ValueError, FileNotFoundError: as `recipes.common.opening.open_source`.
    """
    found = open_source(source, takes=takes)
    if found.kind == "exported":
        if found.path.is_dir():
            facts = export.Sampler(found.path).metadata
        else:
            facts = _exported(found.path)
        facts = {**facts, "binary": bool(_binary_detector(facts))}
        if facts["image_shape"] is None:
            raise ValueError(f"Shards are of images; {source!r} is a model of texts.")
        path = found.path / "manifest.json" if found.path.is_dir() else found.path
        return Model(str(found.path.resolve()), digest(path), None), facts
    preset = found.preset
    # A detector knows what it was fitted on; else it is what the model was trained on.
    binary = _binary_detector(preset.info)
    if binary is None:
        binary = bool(preset.entry("dataset").get("binarized"))
    address = (
        preset.address if preset.shipped or preset.hub else str(preset.folder.resolve())
    )
    made = hashlib.sha256()
    for path in sorted(preset.folder.iterdir()):
        if path.suffix in (".json", ".h5") and path.name != METADATA:
            made.update(f"{path.name} {digest(path)}\n".encode())
    model = Model(address, made.hexdigest(), choose_backend(backend))
    return model, {**preset.info, "binary": binary}


def _binary_detector(facts):
    """Whether a detector takes black and white pixels alone; None of what is none."""
    return (facts.get("anomaly") or {}).get("binary")


def _exported(path):
    """Metadata of an exported file: a scorer.onnx, or what a Sampler opens."""
    try:
        return export.Scorer(path).metadata
    except export.RuntimeModelError:
        return export.Sampler(path).metadata


def _written(out, shards, kind):
    """Yields the columns of each shard that was written."""
    storage = Storage(out)
    for shard in shards:
        yield read_columns(storage, shard.stem + suffix(kind))


def _count(columns):
    return len(next(iter(columns.values())))


def _summarize(out, shards, kind):
    """Means over all images with their standard errors, to a file and the screen."""
    sums, rows = {}, 0
    for columns in _written(out, shards, kind):
        rows += _count(columns)
        for name, values in columns.items():
            if name in ("elbo", "log_likelihood", "nll") or name.startswith("kl"):
                values = np.asarray(values, np.float64)
                of_shard = np.array([values.sum(), np.square(values).sum()])
                sums[name] = sums.get(name, 0) + of_shard
    summary = {"rows": rows}
    for name, (total, squares) in sums.items():
        mean = total / rows
        spread = math.sqrt(max(0.0, squares / rows - mean**2) / max(1, rows - 1))
        summary[name] = {"mean": mean, "standard_error": spread}
        print(f"{name}: {mean:.4f} nats (standard error {spread:.4f})")
    text = json.dumps(summary, indent=1, sort_keys=True)
    Storage(out).write(SUMMARY, f"{text}\n".encode())
