"""How good samples are, as a classifier sees them that was trained on the real images.

The classifier is trained anew by every evaluation, on the training split; its accuracy
on the real test images stands beside the figures that it gives. Distances in its
features mean nothing beside those in another network's, such as Inception's.
"""

import numpy as np
from rich.progress import track

from recipes.metrics.classifier import Classifier
from zoo.evaluation.samples import frechet_distance, precision_recall
from zoo.inference import BATCH

# Samples of each class that are read.
SAMPLES_PER_CLASS = 100
# Real images and samples that are compared, at most.
COMPARED = 10_000
# Training images for features; to read classes the classifier has all of them.
FOR_FEATURES = 20_000


def sample_quality(model, data, *, labels=None, epochs=8, seed=0, console=None):
    """Trains a classifier on real images and has it look at a model's samples.

    Samples are expected images, E[x|z], of latents from the prior, as `model.sample`
    gives them; a conditional model is asked for the labels of the test images.

    Args:
        model: a model of the zoo.
        data: `recipes.data.ImageData` with training and test images and their classes.
        labels: those of the test images as the model takes them, or None.
        epochs: of the classifier.
        seed: fixes the classifier and the samples.
        console: `rich.console.Console` for progress.

    Returns:
        dict. "fid": Fréchet distance of as many samples as there are test images;
        "fid_of_training_images": that of as many training images, the least that one
        can hope for; "precision" and "recall"; "classifier_test_accuracy"; and for a
        model of classes "sample_label_accuracy", the share of "samples_per_class"
        samples of each that the classifier gives the label asked for. Shares come with
        "<name>_standard_error".
    """
    if console is not None:
        console.print("Training the classifier that looks at the samples.", style="dim")
    reads_classes = bool(getattr(model, "num_classes", None))
    num_classes = int(max(data.train_labels.max(), data.test_labels.max())) + 1
    classifier = Classifier(data.train.shape[1:], num_classes, seed)
    seen = slice(None if reads_classes else FOR_FEATURES)
    classifier.fit(data.train[seen], data.train_labels[seen], epochs, console=console)
    _, read = classifier.look_at(data.test)
    figures = _share("classifier_test_accuracy", read == data.test_labels)

    count = min(COMPARED, len(data.test), len(data.train))
    rng = np.random.default_rng(seed)
    real, other = (
        classifier.look_at(images[np.sort(rng.permutation(len(images))[:count])])[0]
        for images in (data.test, data.train)
    )
    asked = None if labels is None else labels[:count]
    samples = track(
        model.iter_sample(count, asked, seed=seed),
        description="Samples",
        total=-(-count // BATCH),
        console=console,
        disable=console is None,
    )
    drawn, _ = classifier.look_at(np.concatenate(list(samples)))
    precision, recall = precision_recall(real, drawn)
    figures |= {
        "fid": frechet_distance(real, drawn),
        "fid_of_training_images": frechet_distance(real, other),
        **_with_error("precision", precision, count),
        **_with_error("recall", recall, count),
        "samples_compared": count,
    }
    if reads_classes:
        # Of classes that it never saw a classifier knows nothing.
        classes = np.unique(data.train_labels)
        figures |= label_accuracy(model, classifier, seed, classes=classes)
    return figures


def label_accuracy(
    model, classifier, seed=0, samples_per_class=SAMPLES_PER_CLASS, classes=None
):
    """How often samples show the class that was asked for.

    Args:
        model: a `zoo.ConditionalVAE` of classes.
        classifier: a trained `Classifier`.
        seed: fixes the samples.
        samples_per_class: samples of each class.
        classes: labels to ask for; None for all that the model knows.

    Returns:
        dict: "sample_label_accuracy", its standard error and "samples_per_class".
    """
    if classes is None:
        classes = np.arange(model.num_classes)
    labels = np.repeat(classes, samples_per_class)
    _, read = classifier.look_at(model.sample(len(labels), labels, seed=seed))
    return {
        **_share("sample_label_accuracy", read == labels),
        "samples_per_class": samples_per_class,
    }


def _share(name, hits):
    return _with_error(name, float(np.mean(hits)), len(hits))


def _with_error(name, share, count):
    """A share of `count` independent cases, with its standard error."""
    error = float(np.sqrt(share * (1 - share) / count))
    return {name: share, f"{name}_standard_error": error}
