"""Gaussian priors: p(z) = N(0, I), and p(z|y) learned for each label."""

import math
from typing import Any

import keras
from keras import ops

from zoo import precision
from zoo.distributions import DiagonalNormal, FullNormal, kl_rule
from zoo.distributions import full_normal as full
from zoo.distributions import normal as diagonal
from zoo.priors.base import Prior, register


@register("standard_normal")
def standard_normal(latent_dim=None, seed=None):
    """N(0, I), which needs neither its dimension nor a seed."""
    return StandardNormal()


@keras.saving.register_keras_serializable(package="zoo")
class StandardNormal(Prior):
    """p(z) = N(0, I), without weights.

    Example:

    >>> from keras import ops
    >>> from zoo.priors import StandardNormal
    >>> round(float(StandardNormal().log_prob(ops.zeros((1, 2)))[0]), 3)  # -log(2 pi)
    -1.838
    """

    def __init__(self, name: str = "standard_normal", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def log_prob(self, z):
        """log p(z) in nats, summed over dimensions: (..., D) -> (...)."""
        return -0.5 * ops.sum(ops.square(z) + math.log(2 * math.pi), axis=-1)

    def from_noise(self, noise, uniforms=None):
        """The noise itself: see `Prior.from_noise`."""
        return noise


@kl_rule(DiagonalNormal, StandardNormal, per_unit=True)
def _kl_of_diagonal(posterior, prior):
    return diagonal.kl_to_standard(posterior)


@kl_rule(FullNormal, StandardNormal)
def _kl_of_full(posterior, prior):
    return full.kl_to_standard(posterior)


@keras.saving.register_keras_serializable(package="zoo")
class LabelNormal(Prior):
    """A learned prior p(z|y) = N(mean(y), diag(exp(log_var(y)))), linear in the label.

    Sohn et al., "Learning Structured Output Representation using Deep Conditional
    Generative Models", 2015, section 4.1. It starts as N(0, I) for every label. Only a
    model with labels of that many numbers takes it.

    Args:
        latent_dim: number of latent dimensions.
        label_dim: size of the label's vector: classes are one-hot.
    """

    def __init__(
        self, latent_dim: int, label_dim: int, name: str = "label_normal", **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        self.latent_dim = latent_dim
        self.label_dim = label_dim

    def build(self, input_shape=None):
        for part in ("mean", "log_var"):
            kernel = self.add_weight(
                shape=(self.label_dim, self.latent_dim),
                initializer="zeros",
                dtype=precision.of_policy(self.dtype_policy),
                name=part,
            )
            setattr(self, f"{part}_kernel", kernel)
        self.built = True

    def given(self, label_vectors):
        """p(z|y) of labels (N, label_dim): a `zoo.distributions.DiagonalNormal`."""
        dtype = precision.of_policy(self.dtype_policy)
        label_vectors = ops.cast(label_vectors, dtype)
        return DiagonalNormal(
            ops.matmul(label_vectors, self.mean_kernel),
            ops.matmul(label_vectors, self.log_var_kernel),
        )

    def log_prob(self, z):
        """There is none without a label.

        Raises:
            ValueError: always; `given(labels).log_prob(z)` is what there is.
        """
        raise ValueError("p(z|y) needs labels: see LabelNormal.given.")

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "label_dim": self.label_dim,
        }
