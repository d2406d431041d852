"""Gaussian priors: p(z) = N(0, I), and p(z|y) learned for each label."""

import math

import keras
from keras import ops

from zoo.posteriors import DiagonalGaussian
from zoo.priors.base import NoisePrior


@keras.saving.register_keras_serializable(package="zoo")
class StandardNormal(NoisePrior):
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
