"""What a finished run shows: pictures and the model card of its preset."""

import io
from pathlib import Path

import numpy as np

import zoo
from recipes.figures import COLUMNS, figure_rows, markdown_table
from recipes.files import write_whole
from recipes.grid import save_grid

# Okabe & Ito's palette, readable by the colour-blind.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def write_pictures_and_card(preset, model, images, labels, history):
    """Adds samples, reconstructions, training curves and README.md to a preset.

    Args:
        preset: the preset's folder.
        model: the model it holds.
        images: test images (N, H, W, C) to reconstruct.
        labels: (N,), for models that take them.
        history: dict of lists, one figure an epoch, as `fit` logs them.
    """
    preset = Path(preset)
    if can_sample(model):
        sampled = sample_labels(model)
        count = 64 if sampled is None else len(sampled)
        samples = model.sample(count, sampled, seed=0)
        save_grid(preset / "samples.png", samples, columns=8)
    images = images[:32]
    labels = None if labels is None else labels[:32]
    pairs = np.stack([images, model.reconstruct(images, labels)], axis=1)
    pairs = pairs.reshape(-1, *images.shape[1:])
    save_grid(preset / "reconstructions.png", pairs, columns=8)
    if history:
        save_training_curves(preset / "training.png", history)
    write_card(preset)


def can_sample(model):
    """Whether a model has a prior that is worth drawing from: not uniform codes."""
    return not isinstance(model, zoo.VQVAE) or model.has_learned_prior


def sample_labels(model):
    """Labels for a picture of samples, a row of eight for each class, or None."""
    num_classes = getattr(model, "num_classes", None)
    return None if num_classes is None else np.repeat(np.arange(num_classes), 8)


def write_card(preset):
    """Writes the model card of a preset from its metadata."""
    preset = Path(preset)
    write_whole(preset / "README.md", model_card(zoo.preset_info(preset)).encode())


def save_training_curves(path, history):
    """Saves the ELBO and its two terms over epochs as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = np.arange(1, len(history["elbo"]) + 1)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), dpi=100)
    left.plot(epochs, history["elbo"], color=BLUE, label="training")
    if "val_elbo" in history:
        left.plot(epochs, history["val_elbo"], color=ORANGE, label="validation")
    settled = history["elbo"][len(epochs) // 10 :]
    # The first epochs are far below: leave them out of the picture.
    low, high = min(settled), max(history["elbo"] + history.get("val_elbo", []))
    left.set_ylim(low - 0.05 * (high - low + 1), high + 0.1 * (high - low + 1))
    left.set(xlabel="epoch", ylabel="nats", title="ELBO")
    left.legend(frameon=False)
    right.plot(epochs, history["reconstruction"], color=BLUE, label="reconstruction")
    right.plot(epochs, history["kl"], color=GREEN, label="KL")
    right.set(xlabel="epoch", ylabel="nats", title="its terms, training")
    right.set_ylim(0, 1.1 * max(history["reconstruction"][len(epochs) // 10 :]))
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    pyplot.close(figure)
    write_whole(path, buffer.getvalue())


def model_card(info):
    """The model card of a preset, in Markdown.

    Args:
        info: `zoo.preset_info` of it.
    """
    metrics, training = info["metrics"], info["training"]
    data = info["dataset"]
    rows = figure_rows(metrics, info.get("latent_dim"))
    classes = info.get("num_classes")
    labels = "" if classes is None else f"labels={classes - 1}, "
    lines = [
        f"# {info['preset']}",
        "",
        info.get("summary", ""),
        "",
        "```python",
        "import zoo",
        "",
        f'model = zoo.from_preset("{info["preset"]}")',
        f"images = model.sample(16, {labels}seed=0)  # float32 "
        f"(16, {', '.join(map(str, info['image_shape']))}) in [0, 1]",
        "```",
        "",
        *_sample_lines(info),
        "![reconstructions](reconstructions.png)",
        "",
        "Test images in pairs: original left, reconstruction right.",
        "",
        "## Figures",
        "",
        f"On all {metrics['test_images']:,} test images of {data['name']}"
        + (", binarized once with `default_rng(0)`" if metrics["binarized"] else "")
        + (", given the label." if classes is not None else "."),
        "",
        *markdown_table(COLUMNS, rows),
        "",
        *diagnosis_lines(metrics),
        *evaluation_lines(metrics),
    ]
    if info.get("anchors"):
        lines += [
            "",
            "Published, for comparison:",
            "",
            *markdown_table(("model", "figure"), info["anchors"]),
        ]
    lines += [
        "",
        "## Training",
        "",
        "![training](training.png)",
        "",
        f"{info['model']}, {info['parameters']:,} parameters, on "
        f"{data['training_images']:,} images of {data['name']}"
        + (", binarized anew at every step." if data["binarized"] else ".")
        + " The test split was not used.",
        "",
        *markdown_table(
            ("setting", "value"),
            [
                (name.replace("_", " "), _setting_text(value))
                for name, value in sorted(training.items())
            ],
        ),
    ]
    if data.get("license"):
        lines += ["", f"Licence of the images: {data['license']}"]
    return "\n".join(lines) + "\n"


def _setting_text(value):
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return f"`{value}`"


def _sample_lines(info):
    """The picture of samples, and how to draw them again."""
    latents = "latents" if info.get("codebook_size") is None else "codes"
    if info.get("num_classes") is None:
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
    """What the latents are used for, in Markdown: no line where it is not known."""
    diagnosis = metrics.get("diagnosis")
    return [" ".join(diagnosis), ""] if diagnosis else []


def evaluation_lines(metrics):
    """How to get the figures again, in Markdown."""
    taken = f"seed {metrics['seed']}, {metrics['seconds']:.0f} s"
    if "command" not in metrics:
        return [f"Computed at the end of training: {taken}."]
    versions = ", ".join(f"{k} {v}" for k, v in metrics["versions"].items())
    return [
        f"Computed by this command, {taken} on {metrics['hardware']}; {versions}:",
        "",
        "```sh",
        metrics["command"],
        "```",
    ]
