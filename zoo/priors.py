"""Priors p(z) over latents."""

import math

import keras
import numpy as np
from keras import ops

from zoo import threefry
from zoo.posteriors import DiagonalGaussian
from zoo.serialization import get_component


@keras.saving.register_keras_serializable(package="zoo")
class StandardNormal(keras.layers.Layer):
    """p(z) = N(0, I), without weights.

    Example:

    >>> from zoo.priors import StandardNormal
    >>> StandardNormal().draw(seed=0, num_samples=3, latent_dim=2).shape
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

    def from_noise(self, noise):
        """z from standard normal noise, whose scale is the temperature."""
        return noise

    def draw(self, seed, num_samples, latent_dim, temperature=1.0):
        """Draws noise with NumPy, the same on every backend and in exported files.

        Args:
            seed: integer from 0 to 2**63 - 1; `zoo.threefry` says what follows from it.
            num_samples: how many rows.
            latent_dim: how many columns.
            temperature: scale of the standard deviation; 0 gives the mode.

        Returns:
            float32 array (num_samples, latent_dim). The first n rows do not change
            when more are asked for.
        """
        noise = threefry.normals(seed, num_samples, latent_dim)
        return noise * np.float32(temperature)


_BY_NAME = {"standard_normal": StandardNormal}


def get(identifier):
    """A prior from its name, its serialized form, or itself.

    Raises:
        ValueError: if the name is unknown.
    """
    return get_component(identifier, _BY_NAME, "prior", "log_prob")


@keras.saving.register_keras_serializable(package="zoo")
class LabelNormal(StandardNormal):
    """A learned prior p(z|y) = N(mean(y), diag(exp(log_var(y)))), linear in the label.

    Sohn et al., "Learning Structured Output Representation using Deep Conditional
    Generative Models", 2015, section 4.1. It starts as N(0, I) for every label.

    Args:
        latent_dim: number of latent dimensions.
        label_dim: size of the label's vector: classes are one-hot.
    """

    def __init__(self, latent_dim, label_dim, name="label_normal", **kwargs):
        super().__init__(name=name, **kwargs)
        self.latent_dim = latent_dim
        self.label_dim = label_dim

    def build(self, input_shape=None):
        for part in ("mean", "log_var"):
            kernel = self.add_weight(
                shape=(self.label_dim, self.latent_dim),
                initializer="zeros",
                dtype="float32",
                name=part,
            )
            setattr(self, f"{part}_kernel", kernel)
        self.built = True

    def given(self, label_vectors):
        """p(z|y) of labels (N, label_dim): a `DiagonalNormal`."""
        return DiagonalNormal(
            ops.matmul(label_vectors, self.mean_kernel),
            ops.matmul(label_vectors, self.log_var_kernel),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "label_dim": self.label_dim,
        }


class DiagonalNormal:
    """N(mean, diag(exp(log_var))) as a prior, one Gaussian an example.

    Args:
        mean, log_var: tensors (N, latent_dim).
    """

    def __init__(self, mean, log_var):
        self._gaussian = DiagonalGaussian(mean, log_var)

    def log_prob(self, z):
        """log p(z|y) in nats, summed over dimensions: (..., N, D) -> (..., N)."""
        return self._gaussian.log_prob(z)

    def from_noise(self, noise):
        """z from standard normal noise, whose scale is the temperature."""
        return self._gaussian.from_noise(noise)

    def kl_per_dim(self, posterior):
        """KL(q(z_d|x, y) || p(z_d|y)) in nats, in closed form: (N, D), each >= 0."""
        mean, log_var = self._gaussian.mean, self._gaussian.log_var
        # KL to N(0, 1) of both, moved and scaled by the prior's mean and deviation.
        standardized = DiagonalGaussian(
            (posterior.mean - mean) * ops.exp(-0.5 * log_var),
            posterior.log_var - log_var,
        )
        return standardized.kl_per_dim()


@keras.saving.register_keras_serializable(package="zoo")
class UniformCodes(keras.layers.Layer):
    """Every code equally probable, at every place: ln K nats each.

    Args:
        codebook_size: number of codes, K.
        code_shape: shape of an image's codes, such as (7, 7).

    Example:

    >>> from keras import ops
    >>> from zoo.priors import UniformCodes
    >>> prior = UniformCodes(codebook_size=512, code_shape=(7, 7))
    >>> round(float(prior.log_prob(ops.zeros((1, 7, 7), "int32"))[0]), 2)
    -305.68
    """

    def __init__(self, codebook_size, code_shape, name="uniform_codes", **kwargs):
        super().__init__(name=name, **kwargs)
        self.codebook_size = codebook_size
        self.code_shape = tuple(code_shape)

    def log_prob(self, codes):
        """log p(codes) in nats: int32 (..., *code_shape) to (...)."""
        log_prob = -math.prod(self.code_shape) * math.log(self.codebook_size)
        leading = len(codes.shape) - len(self.code_shape)
        return ops.full(ops.shape(codes)[:leading], log_prob, "float32")

    def kl_per_dim(self, posterior):
        """KL(q(code|x) || p(code)) in nats, of each place: (N, places), each >= 0."""
        return posterior.kl_per_dim()

    def get_config(self):
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "code_shape": list(self.code_shape),
        }
