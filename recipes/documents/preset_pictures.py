"""The pictures that a preset keeps."""

from pathlib import Path

import numpy as np

from recipes.common.contact_sheet import in_pairs, save_contact_sheet
from recipes.common.files import write_whole
from recipes.common.histories import write_histories
from recipes.plots.training_curves import training_png


def write_pictures(preset, model, images, labels, histories):
    """Adds pictures and the history of training to a preset.

    Args:
        preset: the preset's folder.
        model: the model it holds.
        images: test images (N, H, W, C) to reconstruct.
        labels: (N,), for models that take them.
        histories: as `recipes.common.histories.write_histories` takes them.
    """
    preset = Path(preset)
    if model.can_sample:
        write_samples(preset, model)
    images = images[:32]
    labels = None if labels is None else labels[:32]
    pairs = in_pairs(images, model.reconstruct(images, labels))
    save_contact_sheet(preset / "reconstructions.png", pairs, columns=8)
    write_training(preset, histories)


def write_training(preset, histories):
    """Adds the history of training to a preset, and its picture."""
    preset = Path(preset)
    if histories["model"]:
        write_histories(preset, histories)
        write_whole(preset / "training.png", training_png(histories))


def write_samples(preset, model):
    """Draws the picture of samples that a preset keeps: none of them is selected."""
    labels = sample_labels(model)
    count = 64 if labels is None else len(labels)
    samples = model.sample(count, labels, seed=0)
    save_contact_sheet(Path(preset) / "samples.png", samples, columns=8)


def sample_labels(model):
    """Labels for a picture of samples, a row of eight for each class, or None."""
    num_classes = getattr(model, "num_classes", None)
    return None if num_classes is None else np.repeat(np.arange(num_classes), 8)
