"""Priors p(z) over latents."""

import math

import keras
import numpy as np
from keras import ops

from zoo.serialization import get_component


@keras.saving.register_keras_serializable(package="zoo")
class StandardNormal(keras.layers.Layer):
    """p(z) = N(0, I), without weights.

    Example:

    >>> import numpy as np
    >>> from zoo.priors import StandardNormal
    >>> z = StandardNormal().draw(np.random.default_rng(0), 3, latent_dim=2)
    >>> z.shape
    (3, 2)
    """

    def __init__(self, name="standard_normal", **kwargs):
        super().__init__(name=name, **kwargs)

    def log_prob(self, z):
        """log p(z) in nats, summed over dimensions: (..., D) -> (...)."""
        return -0.5 * ops.sum(ops.square(z) + math.log(2 * math.pi), axis=-1)

    def kl_per_dim(self, posterior):
        """KL(q(z_d|x) || p(z_d)) in nats, in closed form: (N, D), each >= 0."""
        return posterior.kl_per_dim()

    def draw(self, rng, num_samples, latent_dim, temperature=1.0):
        """Draws latents with NumPy, so that a seed means the same on every backend.

        Args:
            rng: a `numpy.random.Generator`.
            num_samples: how many rows.
            latent_dim: how many columns.
            temperature: scale of the standard deviation; 0 gives the mode.

        Returns:
            float32 array (num_samples, latent_dim). The first n rows do not change
            when more are asked for.
        """
        z = rng.standard_normal((num_samples, latent_dim), dtype=np.float32)
        return z * np.float32(temperature)


_BY_NAME = {"standard_normal": StandardNormal}


def get(identifier):
    """A prior from its name, its serialized form, or itself.

    Raises:
        ValueError: if the name is unknown.
    """
    return get_component(identifier, _BY_NAME, "prior", "log_prob")
