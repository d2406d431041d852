"""A discriminator of latents: which of two distributions a latent is from."""

import keras
from keras import ops

from zoo.networks.dense import DenseStack
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.sizes import check_sizes


class Discriminator(keras.layers.Layer):
    """Latents (N, D) to the log-odds (N,) of being from one of two distributions.

    These are log D(z) - log(1 - D(z)) with the probability D(z) of the first.
    Kim & Mnih, "Disentangling by Factorising", 2018, appendix: fully connected, with
    leaky rectifiers of slope 0.2. The log-odds are float32 whatever the dtype.

    Args:
        hidden_units: units of each hidden layer.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError: for units that are no whole numbers >= 1.
    """

    def __init__(self, hidden_units, seed=None, **kwargs):
        super().__init__(**kwargs)
        seeds = InitializerSeeds(seed)
        self.hidden_units = list(check_sizes(hidden_units, "discriminator_units"))
        self.stack = DenseStack(
            self.hidden_units,
            gated=False,
            activation="leaky_relu",  # of slope 0.2 in Keras
            seeds=seeds,
            name="stack",
            dtype=self.dtype_policy,
        )
        self.head = keras.layers.Dense(
            1, kernel_initializer=seeds.glorot_uniform(), name="head", dtype="float32"
        )

    def build(self, input_shape):
        self.stack.build(input_shape)
        self.head.build((None, self.stack.output_width))
        self.built = True

    def call(self, z):
        return ops.squeeze(self.head(self.stack(z)), axis=-1)
