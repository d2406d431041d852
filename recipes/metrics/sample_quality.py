"""How good samples are, as a classifier sees them that was trained on the real images.

One classifier for all presets of a data set: trained the same way on the same images,
grey as they come, whatever a preset is and whether it binarizes them. Samples are
expected images, E[x|z], and so grey, too. Figures compare presets of one data set,
scored on one backend, and nothing else; distances in these features mean nothing beside
those in another network's, such as Inception's.

Beside each figure of samples stands the same figure of real images, which the
classifier was not trained on (they said for how long it was), and of two controls:
white noise, and real images with their pixels shuffled. A figure that does not tell
these from real images is left out, and so are all where the classifier is wrong too
often to be a judge.
"""

import dataclasses

import keras
import numpy as np
from rich.progress import track

from recipes.metrics.classifier import LEAST_ACCURACY, trained_classifier
from recipes.metrics.intervals import standard_error
from zoo.evaluation.samples import frechet_distance, precision_recall

# Samples of each class that are read.
SAMPLES_PER_CLASS = 100
# Real images and samples that are compared, at most.
COMPARED = 10_000
# Draws of so many samples, one seed each: figures are their means.
SEEDS = 5
# So many standard deviations over seeds must lie between real images and a control.
APART = 3
CONTROLS = ("noise", "shuffled_pixels")
# Whether more of it is better.
HIGHER_IS_BETTER = {
    "fid": False,
    "precision": True,
    "recall": True,
    "sample_label_accuracy": True,
}
_CALLED = {
    "fid": "The FID of samples",
    "precision": "Precision",
    "recall": "Recall",
    "sample_label_accuracy": "The share of samples that show their label",
}


def sample_quality(model, data, *, takes_labels, seed=0, console=None):
    """Has a classifier of real images look at a model's samples, and at controls.

    Samples are those of `model.sample`; a model that takes labels is asked for those of
    the test images.

    Args:
        model: a model of the zoo.
        data: `recipes.data.ImageData` with training and test images and their classes.
            The classifier does without as many of the former as there are of the
            latter, or without a fifth: the real images that are compared.
        takes_labels: whether the model does.
        seed: the first of those that samples are drawn with.
        console: `rich.console.Console` for progress.

    Returns:
        dict. "classifier_test_accuracy", its standard error,
        "classifier_training_images" and "classifier_backend". "fid": Fréchet distance
        of samples and test images; "precision" and "recall"; for a model of classes
        "sample_label_accuracy", the share of samples that the classifier gives the
        label asked for, "samples_per_class" of each. They are means over
        "sample_seeds" seeds, with "<name>_standard_error"; beside them stand
        "<name>_of_real_images" and "<name>_of_<control>". "samples_compared", and
        "sample_notes", sentences on what is left out.
    """
    if not np.isin(data.test_labels, data.train_labels).any():
        note = (
            "Samples are not judged: the test images are of other classes than those "
            "of training, which are all that a classifier could learn."
        )
        return {"sample_notes": [note]}
    if console is not None:
        console.print("Training the classifier that looks at the samples.", style="dim")
    (held_out, held_out_labels), data = _hold_out(data)
    classifier = trained_classifier(data, (held_out, held_out_labels), console)
    _, read = classifier.look_at(data.test)
    accuracy = float(np.mean(read == data.test_labels))
    figures = {
        "classifier_test_accuracy": accuracy,
        "classifier_test_accuracy_standard_error": standard_error(
            read == data.test_labels
        ),
        "classifier_training_images": len(data.train),
        # Its first weights are another's on another backend.
        "classifier_backend": keras.backend.backend(),
    }
    if accuracy < LEAST_ACCURACY:
        note = (
            f"Samples are not judged: the classifier gets {accuracy:.1%} of the real "
            f"test images right, and must get {LEAST_ACCURACY:.0%} to tell good from "
            "bad."
        )
        return {**figures, "sample_notes": [note]}
    count = min(COMPARED, len(data.test), len(held_out))
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(data.test))[:count])
    other = held_out[:count]
    real = classifier.look_at(data.test[chosen])[0]
    asked = data.test_labels[chosen] if takes_labels else None
    classes = np.unique(data.train_labels) if _reads_classes(model) else None

    def compared(images):
        features = classifier.look_at(images)[0]
        precision, recall = precision_recall(real, features)
        distance = frechet_distance(real, features)
        return {"fid": distance, "precision": precision, "recall": recall}

    found = {"real_images": compared(other)}
    controls = {
        "noise": noise_like(other, rng),
        "shuffled_pixels": shuffled(other, rng),
    }
    found |= {name: compared(images) for name, images in controls.items()}
    drawn = []
    for each in track(
        range(seed, seed + SEEDS),
        "Samples",
        console=console,
        disable=console is None,
    ):
        drawn.append(compared(_samples(model, count, asked, each)))
        if classes is not None:
            share = label_accuracy(model, classifier, each, classes=classes)
            drawn[-1]["sample_label_accuracy"] = share
    if classes is not None:
        found["real_images"]["sample_label_accuracy"] = accuracy
        for name, images in controls.items():
            read, labels = classifier.look_at(images)[1], rng.choice(classes, count)
            found[name]["sample_label_accuracy"] = float(np.mean(read == labels))
        figures["samples_per_class"] = SAMPLES_PER_CLASS
    kept, notes = told_apart(drawn, found)
    return {
        **figures,
        **kept,
        "samples_compared": count,
        "sample_seeds": SEEDS,
        "sample_notes": notes,
    }


def told_apart(drawn, found):
    """The figures that tell real images from controls, and a sentence on each other.

    Args:
        drawn: a dict of figures for each seed of samples.
        found: {"real_images" or a control: dict of the same figures}.

    Returns:
        (dict, list): the first as `sample_quality` returns it.
    """
    kept, notes = {}, []
    for name in drawn[0]:
        values = [each[name] for each in drawn]
        spread = APART * np.std(values, ddof=1) if len(values) > 1 else 0.0
        sign = 1 if HIGHER_IS_BETTER[name] else -1
        real = found["real_images"][name]
        as_good = [c for c in CONTROLS if sign * (real - found[c][name]) <= spread]
        if as_good:
            others = " and ".join(
                f"{found[c][name]:.3g} of {c.replace('_', ' ')}" for c in as_good
            )
            notes.append(
                f"{_CALLED[name]} is not shown, as it does not tell good from bad "
                f"here: {real:.3g} of real images, {others}."
            )
            continue
        kept[name] = float(np.mean(values))
        kept[f"{name}_standard_error"] = standard_error(values)
        kept |= {f"{name}_of_{what}": each[name] for what, each in found.items()}
    return kept, notes


def label_accuracy(
    model, classifier, seed=0, samples_per_class=SAMPLES_PER_CLASS, classes=None
):
    """How often samples show the class that was asked for, a share.

    Args:
        model: a `zoo.ConditionalVAE` of classes.
        classifier: a trained `Classifier`.
        seed: fixes the samples.
        samples_per_class: samples of each class.
        classes: labels to ask for; None for all that the model knows.
    """
    if classes is None:
        classes = np.arange(model.num_classes)
    labels = np.repeat(classes, samples_per_class)
    _, read = classifier.look_at(model.sample(len(labels), labels, seed=seed))
    return float(np.mean(read == labels))


def noise_like(images, rng):
    """White noise with the mean and spread of all pixels, within [0, 1]."""
    noise = rng.normal(images.mean(), images.std(), images.shape)
    return np.clip(noise, 0, 1).astype(np.float32)


def shuffled(images, rng):
    """Images whose pixels have changed places, those of each in another way."""
    count, height, width, channels = images.shape
    pixels = images.reshape(count, height * width, channels)
    order = np.argsort(rng.random(pixels.shape[:2]), axis=1)
    return np.take_along_axis(pixels, order[..., None], axis=1).reshape(images.shape)


def _hold_out(data):
    """Some training images in random order, with labels, and the data without them."""
    order = np.random.default_rng(0).permutation(len(data.train))
    count = min(len(data.test), len(order) // 5)
    rest = np.sort(order[count:])
    left = {"train": data.train[rest], "train_labels": data.train_labels[rest]}
    some = order[:count]
    held_out = data.train[some], data.train_labels[some]
    return held_out, dataclasses.replace(data, **left)


def _reads_classes(model):
    return bool(getattr(model, "num_classes", None))


def _samples(model, count, labels, seed):
    return np.concatenate(list(model.iter_sample(count, labels, seed=seed)))
