"""What is known of a preset, a run or an exported model, as texts for a page."""

import dataclasses

from recipes.common.events import are_texts, noun_of
from recipes.common.histories import read_checkpoint
from recipes.common.labels import takes_labels
from recipes.common.latents import latents_of, the_codes
from recipes.common.opening import open_source
from recipes.documents.metric_rows import metric_rows, notes
from recipes.documents.published import published_rows
from recipes.documents.texts import (
    data_name,
    duration,
    epochs_and_time,
    images_scored,
    latents_text,
    megabytes,
    one_of,
    trained_on,
)

# Settings of a training that the page's first table has already.
SHOWN_ABOVE = (
    "seconds",
    "hardware",
    "backend",
    "command",
    "versions",
    "prior",
    "after",
)


@dataclasses.dataclass(frozen=True)
class About:
    """What the page says beside its pictures; lists are empty where nothing is known.

    Attributes:
        title, summary: the model's name, and what it is in a sentence.
        address: what to call it in code and on the command line.
        kind: "preset", "run" (not finished) or "exported".
        image_shape: (H, W, C), or None where it is not known, and of texts.
        noun: what it is a model of, "images" or "texts".
        has_codes, num_classes, num_attributes: what it takes.
        facts: (name, value) of the first table.
        metrics: (what, value, interval) of its evaluation; `scored_by` is the command.
        published: rows of `recipes.documents.published.COLUMNS`.
        diagnosis: sentences on what the latents are used for.
        notes: sentences on what the rows of metrics do not say.
        settings: (name, value) of its training; `trained_by` is the command.
    """

    title: str
    address: str
    kind: str
    summary: str = ""
    image_shape: tuple | None = None
    noun: str = "images"
    has_codes: bool = False
    num_classes: int | None = None
    num_attributes: int | None = None
    facts: tuple = ()
    metrics: tuple = ()
    scored_on: str = ""
    scored_by: str = ""
    published: tuple = ()
    diagnosis: tuple = ()
    notes: tuple = ()
    settings: tuple = ()
    trained_by: str = ""


def about(source, address=None):
    """The `About` of what `recipes.documents.report.write_report` takes as its source.

    Args:
        source: as there.
        address: what to call it, or None for what `source` says.

    Raises:
        ValueError, OSError: if there is nothing of the kind.
    """
    opened = open_source(source)
    if opened.kind == "exported":
        found = _of_export(opened.path)
    elif opened.preset is None:
        found = _of_unfinished_run(opened.path)
    else:
        found = _of_preset(opened.preset)
    return dataclasses.replace(found, address=address or found.address)


def _of_preset(preset):
    info = preset.info
    data, metrics = preset.entry("dataset"), preset.entry("metrics")
    training, noun = preset.entry("training"), noun_of(info)
    facts = {
        "model": info.get("model"),
        "data": data.get("name") and data_name(preset),
        "trained on": trained_on(info),
        noun.removesuffix("s"): one_of(info),
        "latents": latents_text(preset.info),
        "parameters": f"{info.get('parameters', 0):,}",
        "weights": megabytes((preset.folder / "model.weights.h5").stat().st_size),
        "fine-tuned from": info.get("finetuned_from"),
        "trained in": training and epochs_and_time(training),
        "on": training.get("hardware"),
        "with": training and _versions(training),
        f"licence of the {noun}": data.get("license"),
    }
    return About(
        title=preset.name,
        address=preset.address,
        kind="preset",
        summary=info.get("summary", ""),
        image_shape=None if are_texts(info) else tuple(info["image_shape"]),
        noun=noun,
        has_codes=the_codes(latents_of(info)) is not None,
        num_classes=info["num_classes"],
        num_attributes=info["num_attributes"],
        facts=_known(facts),
        metrics=tuple(metric_rows(metrics, latents_of(info), takes_labels(info))),
        scored_on=metrics and _scored_on(data, metrics, info),
        scored_by=metrics.get("command", ""),
        published=tuple(published_rows(info)),
        diagnosis=tuple(metrics.get("diagnosis", [])),
        notes=tuple(notes(metrics)),
        settings=tuple(
            (name.replace("_", " "), str(value))
            for name, value in sorted(training.items())
            if name not in SHOWN_ABOVE
        ),
        trained_by=training.get("command", ""),
    )


def _of_unfinished_run(folder):
    state = read_checkpoint(folder / "checkpoint.npz")
    settings = dict(state["settings"])
    name = str(settings.pop("recipe", folder.name))
    done = f"{state['epochs_done']} of {settings['epochs']}"
    facts = {
        "epochs done": done,
        "time so far": duration(state["seconds"]),
        "trained on": ", ".join(
            f"{settings.pop(noun):,} {noun}"
            for noun in ("images", "texts")
            if noun in settings
        ),
    }
    return About(
        title=name,
        address=str(folder),
        kind="run",
        summary=f"A run that is not finished: {done} epochs are done.",
        facts=_known(facts),
        settings=tuple(
            (name.replace("_", " "), str(value))
            for name, value in sorted(settings.items())
        ),
    )


def _of_export(path):
    import export
    from export.shipped import shipped_preset

    says = export.Sampler(path).metadata
    files = path.iterdir() if path.is_dir() else [path]
    facts = {
        "model": says["model"],
        noun_of(says).removesuffix("s"): one_of(says),
        "latents": latents_text(says),
        "prior": (says["latent_prior"] or "").replace("_", " "),
        "files": megabytes(sum(file.stat().st_size for file in files)),
        "made with": _versions(says),
    }
    return About(
        title=shipped_preset(says) or path.stem,
        address=str(path),
        kind="exported",
        summary=f"{says['model']}, exported to ONNX: it runs without Keras.",
        image_shape=None if are_texts(says) else tuple(says["image_shape"]),
        noun=noun_of(says),
        has_codes=the_codes(latents_of(says)) is not None,
        num_classes=says.get("num_classes"),
        num_attributes=says.get("num_attributes"),
        facts=_known(facts),
    )


def _known(facts):
    return tuple((name, str(value)) for name, value in facts.items() if value)


def _versions(training):
    return ", ".join(f"{k} {v}" for k, v in (training.get("versions") or {}).items())


def _scored_on(data, metrics, info):
    given = ", given the label" if takes_labels(info) else ""
    once = ", binarized once" if metrics.get("binarized") else ""
    name = data.get("name", "its data")
    return f"On all {images_scored(metrics)} of {name}{once}{given}"
