"""The normal distribution with a full covariance."""

import math
from typing import Any

from keras import ops

from zoo.distributions.base import Distribution
from zoo.distributions.divergence import kl_rule
from zoo.distributions.normal import LOG_VAR_LIMIT, DiagonalNormal
from zoo.precision import at_least_float32


class FullNormal(Distribution):
    """N(mean, L L^T) over vectors, one an example, with a lower triangular L.

    Kingma & Welling, "An Introduction to Variational Autoencoders", 2019, section
    2.5.1.

    Args:
        mean: tensor (N, D).
        log_diagonal: tensor (N, D), natural logarithms of L's diagonal, clipped to ±10.
        below: tensor (N, D (D - 1) / 2), what stands below the diagonal, row by row.

    Example: a posterior whose latents of one image may depend on each other.

    >>> import keras, zoo
    >>> class FullVAE(zoo.VAE):
    ...     def make_posterior(self, parameters):
    ...         return zoo.distributions.FullNormal.from_parameters(parameters)
    >>> size = zoo.distributions.FullNormal.num_parameters(2)  # 5
    >>> encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(size)])
    >>> decoder = keras.Sequential(
    ...     [keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))])
    >>> model = FullVAE(encoder, decoder, image_shape=(8, 8, 1), latent_dim=2)
    """

    def __init__(self, mean: Any, log_diagonal: Any, below: Any):
        self.mean = at_least_float32(mean)
        dtype, limit = self.mean.dtype, LOG_VAR_LIMIT / 2
        log_diagonal = ops.clip(ops.cast(log_diagonal, dtype), -limit, limit)
        self.log_diagonal = log_diagonal
        self.lower = _triangle(ops.exp(log_diagonal), ops.cast(below, dtype))

    @staticmethod
    def num_parameters(latent_dim):
        """How many encoder outputs describe one: 2 D + D (D - 1) / 2."""
        return 2 * latent_dim + latent_dim * (latent_dim - 1) // 2

    @classmethod
    def from_parameters(cls, parameters):
        """Splits encoder outputs (N, num_parameters(D)) into the three parts.

        Raises:
            ValueError: if there is no D with so many.
        """
        width, dim = parameters.shape[-1], 1
        while cls.num_parameters(dim) < width:
            dim += 1
        if cls.num_parameters(dim) != width:
            raise ValueError(
                "A FullNormal of D latents has 2 D + D (D - 1) / 2 parameters, such as "
                f"{cls.num_parameters(dim)} for D = {dim}; got {width}."
            )
        return cls(
            parameters[..., :dim],
            parameters[..., dim : 2 * dim],
            parameters[..., 2 * dim :],
        )

    def covariance(self):
        """(N, D, D)."""
        return ops.matmul(self.lower, ops.swapaxes(self.lower, -1, -2))

    def statistics(self):
        """`mean`, the logarithms of the `variance` of each latent, `covariance`."""
        variances = ops.sum(ops.square(self.lower), axis=-1)
        return {
            "mean": self.mean,
            "log_var": ops.log(variances),
            "covariance": self.covariance(),
        }

    def from_noise(self, noise):
        """z = mean + L noise, for noise (..., N, D)."""
        noise = ops.cast(noise, self.mean.dtype)
        return self.mean + ops.squeeze(ops.matmul(self.lower, noise[..., None]), -1)

    def log_prob(self, z):
        """log q(z|x) in nats: (..., N, D) to (..., N)."""
        # Forward substitution, L noise = z - mean: D steps, each of one product.
        centred = ops.cast(z, self.mean.dtype) - self.mean
        scale = ops.exp(-self.log_diagonal)
        noise = centred[..., :1] * scale[..., :1]
        for i in range(1, self.mean.shape[-1]):
            known = ops.sum(self.lower[..., i, :i] * noise, axis=-1, keepdims=True)
            rest = centred[..., i : i + 1] - known
            noise = ops.concatenate([noise, rest * scale[..., i : i + 1]], axis=-1)
        squared = ops.square(noise) + math.log(2 * math.pi)
        return -ops.sum(0.5 * squared + self.log_diagonal, axis=-1)

    def entropy(self):
        """Entropy of q(z|x) in nats, (N,)."""
        each = 0.5 * (1 + math.log(2 * math.pi)) + self.log_diagonal
        return ops.sum(each, axis=-1)

    def default_prior(self):
        """N(0, I)."""
        zeros = ops.zeros_like(self.mean)
        return DiagonalNormal(zeros, zeros)


def _triangle(diagonal, below):
    """(N, D, D) from a diagonal (N, D) and what stands below it, row by row."""
    dim, first, rows = diagonal.shape[-1], 0, []
    for i in range(dim):
        parts = [below[..., first : first + i], diagonal[..., i : i + 1]]
        parts.append(ops.zeros_like(diagonal[..., i + 1 :]))
        rows.append(ops.concatenate([p for p in parts if p.shape[-1]], axis=-1))
        first += i
    return ops.stack(rows, axis=-2)


def kl_to_standard(q):
    """KL(q(z|x) || N(0, I)) of a `FullNormal` in nats, (N,)."""
    squares = ops.sum(ops.square(q.lower), axis=(-2, -1))
    dim = q.mean.shape[-1]
    distance = squares + ops.sum(ops.square(q.mean), axis=-1) - dim
    return ops.relu(0.5 * distance - ops.sum(q.log_diagonal, axis=-1))


@kl_rule(FullNormal, DiagonalNormal)
def _kl_to_diagonal(q, p):
    # Both moved and scaled by p's mean and deviation.
    scale = ops.exp(-0.5 * p.log_var)
    variances = ops.sum(ops.square(q.lower), axis=-1)
    distance = variances * ops.square(scale) + ops.square((q.mean - p.mean) * scale) - 1
    log_ratio = 0.5 * p.log_var - q.log_diagonal
    return ops.relu(ops.sum(0.5 * distance + log_ratio, axis=-1))
