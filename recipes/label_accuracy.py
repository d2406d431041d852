"""How often samples of a conditional model show the label that was asked for.

The judge is a small convolutional classifier, trained here on the real training images;
its own accuracy on the real test images stands beside every figure it gives.
"""

import keras
import numpy as np

# Pixels by which training images are shifted at random: digits are not all centred.
SHIFT = 2


def label_accuracy(
    model, data, *, samples_per_class=100, epochs=8, seed=0, console=None
):
    """Trains a classifier on real images and has it read a model's samples.

    Args:
        model: a `zoo.ConditionalVAE` of classes.
        data: `recipes.data.ImageData` with training and test images and their labels.
        samples_per_class: samples drawn for each class.
        epochs: of the classifier.
        seed: fixes the classifier and the samples.
        console: `rich.console.Console` for progress.

    Returns:
        dict: "sample_label_accuracy", the share of samples that the classifier gives
        the label asked for; "classifier_test_accuracy", of real test images that it
        gets right; "samples_per_class".
    """
    if console is not None:
        console.print("Training the classifier that reads the samples.", style="dim")
    classifier = train_classifier(
        data.train, data.train_labels, model.num_classes, epochs, seed
    )
    labels = np.repeat(np.arange(model.num_classes), samples_per_class)
    samples = model.sample(len(labels), labels, seed=seed)
    return {
        "sample_label_accuracy": _accuracy(classifier, samples, labels),
        "classifier_test_accuracy": _accuracy(classifier, data.test, data.test_labels),
        "samples_per_class": samples_per_class,
    }


def train_classifier(images, labels, num_classes, epochs=8, seed=0):
    """A convolutional classifier of real images, compiled and trained.

    Args:
        images: (N, H, W, C), float32 in [0, 1].
        labels: (N,) whole numbers below `num_classes`.
        epochs: passes over the images.
        seed: fixes weights, shifts and the order of batches.
    """
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    classifier = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(32, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(num_classes),
        ],
        name="classifier",
    )
    batch_size = 128
    steps = epochs * -(-len(images) // batch_size)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        shifted = shift_images(images, rng)
        classifier.fit(shifted, labels, batch_size=batch_size, verbose=0)
    return classifier


def shift_images(images, rng):
    """Images moved by up to `SHIFT` pixels each way, black where they moved from."""
    count, height, width, _ = images.shape
    padding = [(0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)]
    padded = np.pad(images, padding)
    down, across = rng.integers(0, 2 * SHIFT + 1, (2, count))
    rows = down[:, None] + np.arange(height)
    columns = across[:, None] + np.arange(width)
    which = np.arange(count)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]]


def _accuracy(classifier, images, labels):
    logits = classifier.predict(images, batch_size=500, verbose=0)
    return float(np.mean(np.argmax(logits, axis=1) == labels))
