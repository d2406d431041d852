"""What a finished run shows: pictures and the model card of its preset."""

from pathlib import Path

import zoo
from recipes.common.events import are_texts, noun_of
from recipes.common.files import write_whole
from recipes.common.labels import label_argument, takes_labels
from recipes.common.latents import latents_of, the_codes
from recipes.documents.examples import example_rows
from recipes.documents.metric_rows import COLUMNS, metric_rows, notes
from recipes.documents.published import COLUMNS as PUBLISHED
from recipes.documents.published import published_rows
from recipes.documents.texts import (
    COMPARED,
    epochs_and_time,
    images_scored,
    in_quotes,
    markdown_cells,
    markdown_table,
    trained_on,
)
from zoo.presets.folder import SHIPPED

# A folder that may be moved, as its card sees it.
HERE = "."
# What no card does without.
_NEEDED = ("model", "preset", "parameters", "training")
_NEEDED += tuple(f"dataset.{name}" for name in ("name", "binarized"))
_NEEDED += tuple(f"metrics.{name}" for name in ("binarized", "seed", "seconds"))


def write_card(preset):
    """Writes the model card of a preset from its metadata."""
    preset, info = Path(preset), zoo.preset_info(preset)
    folder = preset.resolve()
    address = folder.name if folder.parent == SHIPPED.resolve() else HERE
    card = model_card(info, address, (preset / "samples.png").is_file())
    write_whole(preset / "README.md", card.encode())


def model_card(info, address, can_sample=True):
    """The model card of a preset, in Markdown.

    Args:
        info: `zoo.preset_info` of it.
        address: what to load it by: its name if it ships with the package, or `HERE`.
        can_sample: whether it has a prior to draw from.

    Raises:
        ValueError: if what a card says was not recorded.
    """
    texts, noun = are_texts(info), noun_of(info)
    shape = "texts" if texts else "image_shape"
    for path in (*_NEEDED, shape, f"dataset.training_{noun}"):
        found = info
        for part in path.split("."):
            found = (found or {}).get(part)
        if found is None:
            raise ValueError(
                f"A card says `{path}`, which the metadata of the preset lack: they "
                "are not those of a finished run."
            )
    metrics, training = info["metrics"], info["training"]
    data = info["dataset"]
    rows = metric_rows(metrics, latents_of(info), takes_labels(info))
    labels = label_argument(info, 16)
    if texts:
        drawn = [f"texts = model.to_texts(model.sample(16, {labels}seed=0))"]
    else:
        shape = ", ".join(map(str, info["image_shape"]))
        drawn = [
            f"images = model.sample(16, {labels}seed=0)  "
            f"# float32 (16, {shape}) in [0, 1]"
        ]
    here = "  # the folder of this card" if address == HERE else ""
    lines = [
        f"# {info['preset']}",
        "",
        info.get("summary", ""),
        "",
        "```python",
        "import zoo",
        "",
        f"model = zoo.from_preset({in_quotes(address)}){here}",
        *(drawn if can_sample else []),
        "```",
        "",
        *(_text_lines(info) if texts else _picture_lines(info, can_sample)),
        "## Figures",
        "",
        f"On all {images_scored(metrics)} of {data['name']}"
        + (", binarized once with `default_rng(0)`" if metrics["binarized"] else "")
        + (", given the label" if takes_labels(info) else "")
        + f". Intervals are over {noun}"
        + (", and over seeds of samples" if "sample_seeds" in metrics else "")
        + ".",
        "",
        *markdown_table(COLUMNS, rows),
        "",
        *diagnosis_lines(metrics),
        *evaluation_lines(metrics),
    ]
    if published := published_rows(info):
        lines += [
            "",
            "Published, for comparison, and ours by the same protocol but for what is "
            "said in brackets:",
            "",
            *markdown_table(PUBLISHED, published),
        ]
    half = ", kept in half precision" if info.get("half_precision") else ""
    lines += [
        "",
        "## Training",
        "",
        "![training](training.png)",
        "",
        f"{info['model']}, {info['parameters']:,} parameters{half}, on "
        f"{trained_on(info)} of {data['name']}"
        + (", binarized anew at every step." if data["binarized"] else ".")
        + " The test split was not used.",
        "",
        *_gain_lines(info),
        *markdown_table(
            ("setting", "value"),
            [
                (name.replace("_", " "), _setting_text(value))
                for name, value in sorted(training.items())
            ],
        ),
    ]
    if data.get("license"):
        lines += ["", f"Licence of the {noun}: {data['license']}"]
    return "\n".join(lines) + "\n"


def _gain_lines(info):
    """What fine-tuning gained, in Markdown: no line for presets that are not."""
    gain = info.get("finetuning")
    if gain is None:
        return []
    noun = noun_of(info)
    said = f"Fine-tuned from {info['finetuned_from']}"
    for figure, name in COMPARED.items():
        before, after = (gain.get(f"validation_{figure}{s}") for s in ("_before", ""))
        if before is not None and after is not None:
            count = gain[f"validation_{noun}"]
            said += (
                f": the {name} of {count:,} validation {noun} went from "
                f"{before:,.1f} to {after:,.1f} nats"
            )
    return [f"{said}.", ""]


def _setting_text(value):
    if isinstance(value, list):  # earlier trainings of a chain
        return "; ".join(
            f"`{each.get('command')}`, {epochs_and_time(each)}" for each in value
        )
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return f"`{value}`"


def _picture_lines(info, can_sample):
    """The pictures of samples and of reconstructions, in Markdown."""
    split = "Test" if "test_images" in info["metrics"] else "Validation"
    return [
        *(_sample_lines(info) if can_sample else []),
        "![reconstructions](reconstructions.png)",
        "",
        f"{split} images in pairs: original left, reconstruction right.",
        "",
    ]


def _text_lines(info):
    """Tables of what a model of texts writes, in Markdown."""
    split = "test" if "test_texts" in info["metrics"] else "validation"
    told = {
        "samples": "Drawn by `model.sample` with seed 0; none was selected.",
        "reconstructions": f"{split.capitalize()} texts, drawn with seed 0, and what "
        "is most probable at the posterior mean of each.",
        "interpolations": f"From one {split} text to another on a great circle through "
        "latent space.",
    }
    lines = []
    for name, headings, rows in example_rows(info.get("examples") or {}):
        table = markdown_table(headings, markdown_cells(rows))
        lines += [f"{told[name]}", "", *table, ""]
    return lines


def _sample_lines(info):
    """The picture of samples, and how to draw them again."""
    latents = "latents" if the_codes(latents_of(info)) is None else "codes"
    if not takes_labels(info):
        told = (
            f"Expected images of 64 {latents} drawn from the prior: "
            "`model.sample(64, seed=0)`, on any backend."
        )
    else:
        told = (
            f"Expected images of {latents} drawn from the prior by `model.sample` with "
            "seed 0, on any backend; a row for each label."
        )
    return ["![samples](samples.png)", "", told, ""]


def diagnosis_lines(metrics):
    """What the latents are used for, and what rows do not say, in Markdown.

    No line where it is not known.
    """
    lines = []
    for sentences in (metrics.get("diagnosis"), notes(metrics)):
        if sentences:
            lines += [" ".join(sentences), ""]
    return lines


def evaluation_lines(metrics):
    """How to get the figures again, in Markdown."""
    taken = f"seed {metrics['seed']}, {metrics['seconds']:.0f} s"
    if "command" not in metrics:
        return [f"Computed at the end of training: {taken}."]
    versions = ", ".join(f"{k} {v}" for k, v in metrics.get("versions", {}).items())
    hardware = metrics.get("hardware", "a machine that is not named")
    return [
        f"Computed by this command, {taken} on {hardware}; {versions}:",
        "",
        "```sh",
        metrics["command"],
        "```",
        *_judged_apart(metrics),
    ]


def _judged_apart(metrics):
    """That a classifier on another backend than the command's looked at samples."""
    backend = metrics.get("classifier_backend")
    if backend is None or backend in metrics.get("versions", {}):
        return []
    return [
        "",
        f"What a classifier sees of samples was computed apart, on {backend}; on the "
        "backend of this command it is trained from other first weights.",
    ]
