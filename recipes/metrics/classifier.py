"""The judge of samples: a small convolutional classifier, trained on real images."""

import hashlib

import keras
import numpy as np
from rich.progress import track

# Pixels by which training images are shifted at random: digits are not all centred.
SHIFT = 2
EPOCHS = 8
# Epochs where those are too few: images of garments and of few digits take them.
MORE_EPOCHS = 32
# They are too few where it gets a share of images right that lies between these: with
# fewer right it is no judge of samples, with more there is little to gain.
LEAST_ACCURACY, ENOUGH = 0.85, 0.97
# The classifiers of this process, of which several presets of one data set need one.
_TRAINED: dict = {}


class Classifier:
    """A convolutional classifier of real images; its last hidden layer gives features.

    Args:
        image_shape: (H, W, C).
        num_classes: labels are whole numbers below it.
        seed: fixes weights, shifts and the order of batches.
    """

    def __init__(self, image_shape, num_classes, seed=0):
        keras.utils.set_random_seed(seed)
        self.rng = np.random.default_rng(seed)
        layers = keras.layers
        images = keras.Input(image_shape)
        # Narrow where images are fine: fast on a CPU, on JAX too.
        options = {"padding": "same", "activation": "relu"}
        options["data_format"] = "channels_last"  # whatever Keras is told to default to
        x = layers.Conv2D(16, 5, strides=2, **options)(images)
        x = layers.Conv2D(16, 3, **options)(x)
        x = layers.Conv2D(64, 3, strides=2, **options)(x)
        x = layers.Dropout(0.3)(layers.Flatten("channels_last")(x))
        features = layers.Dense(128, activation="relu")(x)
        logits = layers.Dense(num_classes)(layers.Dropout(0.3)(features))
        self.network = keras.Model(images, logits, name="classifier")
        self.features_and_logits = keras.Model(images, [features, logits])

    def fit(self, images, labels, epochs=EPOCHS, batch_size=128, console=None):
        """Trains on images (N, H, W, C), float32 in [0, 1], and labels (N,).

        Args:
            images, labels, epochs, batch_size: as usual.
            console: `rich.console.Console` for progress, or None.
        """
        steps = epochs * -(-len(images) // batch_size)
        self.network.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        for _ in track(
            range(epochs), "Classifier", console=console, disable=console is None
        ):
            shifted = shift_images(images, self.rng)
            self.network.fit(shifted, labels, batch_size=batch_size, verbose=0)

    def accuracy(self, images, labels):
        """The share of images (N, H, W, C) whose label (N,) is the most probable."""
        return float(np.mean(self.look_at(images)[1] == labels))

    def look_at(self, images):
        """(features (N, 128), the most probable class of each image (N,))."""
        features, logits = self.features_and_logits.predict(
            images, batch_size=500, verbose=0
        )
        return features, np.argmax(logits, axis=1)


def trained_classifier(data, held_out, console=None):
    """The one classifier of a data set, whatever model is looked at: seed 0.

    Args:
        data: `recipes.data.ImageData` with training images and their classes.
        held_out: further images and their classes, which say whether `EPOCHS` are
            enough.
        console: `rich.console.Console` for progress, or None.
    """
    digest = hashlib.blake2b(f"{data.train.shape}".encode())
    for array in (data.train, data.train_labels, *held_out):
        digest.update(np.ascontiguousarray(array))
    key = digest.hexdigest()
    if key not in _TRAINED:
        labels = (data.train_labels, data.test_labels)
        num_classes = int(max(each.max() for each in labels)) + 1
        for epochs in (EPOCHS, MORE_EPOCHS):
            classifier = Classifier(data.train.shape[1:], num_classes)
            classifier.fit(data.train, data.train_labels, epochs, console=console)
            if not LEAST_ACCURACY <= classifier.accuracy(*held_out) < ENOUGH:
                break
        _TRAINED.clear()  # one is kept
        _TRAINED[key] = classifier
    return _TRAINED[key]


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
