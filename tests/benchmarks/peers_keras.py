"""A VAE in stock Keras, 784-400-20: `compute_loss` overridden, and Keras' own `fit`.

The least that Keras asks for, on the backend that KERAS_BACKEND names.
"""

import sys

import common
import keras
from keras import layers, ops
from measure_zoo import EpochEnds


class Draw(layers.Layer):
    """Means and log-variances to latents."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, mean, log_var):
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_var) * noise


class StockVAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden_in = layers.Dense(common.HIDDEN_UNITS, activation="relu")
        self.head = layers.Dense(2 * common.LATENT_DIM)
        self.draw = Draw()
        self.hidden_out = layers.Dense(common.HIDDEN_UNITS, activation="relu")
        self.logits = layers.Dense(784)

    def call(self, x):
        mean, log_var = ops.split(self.head(self.hidden_in(x)), 2, axis=1)
        z = self.draw(mean, log_var)
        return self.logits(self.hidden_out(z)), mean, log_var

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """-ELBO, averaged over the batch, in nats."""
        logits, mean, log_var = y_pred
        errors = ops.binary_crossentropy(x, logits, from_logits=True)
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=1)
        return ops.mean(ops.sum(errors, axis=1) + kl)


def main():
    options = common.parse_options(__doc__)
    images = common.load_images(options).reshape(-1, 784)
    keras.utils.set_random_seed(0)
    model = StockVAE()
    model.compile(keras.optimizers.Adam(common.LEARNING_RATE))
    clock = EpochEnds()
    history = model.fit(
        images,
        batch_size=common.BATCH_SIZE,
        epochs=1 + options.epochs,
        verbose=0,
        callbacks=[clock],
    )
    backend = keras.backend.backend()
    common.report(
        clock.ends,
        len(images),
        history.history["loss"][-1],
        model.count_params(),
        versions={backend: sys.modules[backend].__version__},
    )


if __name__ == "__main__":
    main()
