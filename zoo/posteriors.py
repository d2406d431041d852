"""Approximate posteriors q(z|x): what an encoder's output means."""

import math

import keras
from keras import ops

# exp(-20) to exp(20) in variance: wide enough never to bind in a healthy run, narrow
# enough that exp() and its square stay finite in float32.
LOG_VAR_LIMIT = 20.0


class DiagonalGaussian:
    """q(z|x) = N(mean, diag(exp(log_var))), one Gaussian an example.

    Args:
        mean: tensor (N, latent_dim).
        log_var: tensor (N, latent_dim), natural logarithm of the variance, clipped
            to ±20.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, section 3.

    Example:

    >>> from keras import ops
    >>> from zoo.posteriors import DiagonalGaussian
    >>> q = DiagonalGaussian(mean=ops.ones((1, 2)), log_var=ops.zeros((1, 2)))
    >>> float(q.kl()[0])
    1.0
    """

    def __init__(self, mean, log_var):
        # Statistics stay in float32 whatever dtype the networks compute in.
        self.mean = ops.cast(mean, "float32")
        self.log_var = ops.clip(
            ops.cast(log_var, "float32"), -LOG_VAR_LIMIT, LOG_VAR_LIMIT
        )

    @classmethod
    def from_parameters(cls, parameters):
        """Splits encoder outputs (N, 2 * latent_dim) into mean and log-variance."""
        return cls(*ops.split(parameters, 2, axis=-1))

    def from_noise(self, noise):
        """z = mean + exp(log_var / 2) * noise, for noise (..., N, latent_dim)."""
        return self.mean + ops.exp(0.5 * self.log_var) * noise

    def sample(self, seed=None):
        """One reparameterized draw (N, latent_dim) an example.

        Args:
            seed: an integer, a `keras.random.SeedGenerator` or None for fresh noise.
        """
        return self.from_noise(keras.random.normal(ops.shape(self.mean), seed=seed))

    def log_prob_per_dim(self, z):
        """log q(z_d|x) in nats: (..., N, D) -> (..., N, D)."""
        squared = ops.square(z - self.mean) * ops.exp(-self.log_var)
        return -0.5 * (squared + self.log_var + math.log(2 * math.pi))

    def log_prob(self, z):
        """log q(z|x) in nats, summed over dimensions: (..., N, D) -> (..., N)."""
        return ops.sum(self.log_prob_per_dim(z), axis=-1)

    def entropy(self):
        """Entropy of q(z|x) in nats, (N,)."""
        return 0.5 * ops.sum(self.log_var + (1 + math.log(2 * math.pi)), axis=-1)

    def kl_per_dim(self):
        """KL(q(z_d|x) || N(0, 1)) in nats, (N, latent_dim), each >= 0."""
        # exp(v) - v - 1 cancels near v = 0 and may round below zero: clip.
        variance_part = ops.relu(ops.expm1(self.log_var) - self.log_var)
        return 0.5 * (ops.square(self.mean) + variance_part)

    def kl(self):
        """KL(q(z|x) || N(0, I)) in nats, (N,), >= 0 (AEVB, appendix B)."""
        return ops.sum(self.kl_per_dim(), axis=-1)


class CodePosterior:
    """q(codes|x) of a discrete bottleneck: one certain grid of codes, or independent
    categorical distributions.

    Args:
        codes: int32 (N, ...), the codes, or the most probable ones.
        codebook_size: number of codes to choose from, K.
        log_probs: log q(code|x) in nats, (N, ..., K); None if the codes are certain.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, equation 1.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from zoo.posteriors import CodePosterior
    >>> q = CodePosterior(ops.zeros((1, 7, 7), "int32"), codebook_size=512)
    >>> round(float(q.kl()[0]) / np.log(512))  # as many codes as there are places
    49
    """

    def __init__(self, codes, codebook_size, log_probs=None):
        self.codes = codes
        self.codebook_size = codebook_size
        self.log_probs = log_probs

    def from_uniforms(self, uniforms):
        """Codes int32 (..., N, ...) from numbers in [0, 1), one for each code."""
        if self.log_probs is None:
            return ops.broadcast_to(self.codes, ops.shape(uniforms))
        below = ops.cumsum(ops.exp(self.log_probs), axis=-1)[..., :-1]
        passed = ops.cast(below <= uniforms[..., None], "int32")
        return ops.sum(passed, axis=-1)

    def sample(self, seed=None):
        """One draw of codes, int32 (N, ...).

        Args:
            seed: an integer, a `keras.random.SeedGenerator` or None for fresh noise.
        """
        shape = ops.shape(self.codes)
        return self.from_uniforms(keras.random.uniform(shape, seed=seed))

    def log_prob(self, codes):
        """log q(codes|x) in nats: int32 (..., N, ...) to (..., N)."""
        if self.log_probs is None:
            log_probs = ops.where(codes == self.codes, 0.0, -math.inf)
        else:
            every = ops.arange(self.codebook_size, dtype="int32")
            chosen = every == ops.cast(codes, "int32")[..., None]
            log_probs = ops.sum(ops.where(chosen, self.log_probs, 0.0), axis=-1)
        places = tuple(range(1 - len(self.codes.shape), 0))
        return ops.sum(log_probs, axis=places)

    def kl_per_dim(self):
        """KL to the uniform distribution in nats, (N, number of codes), each >= 0."""
        most = math.log(self.codebook_size)
        if self.log_probs is None:
            kl = ops.full_like(self.codes, most, dtype="float32")
        else:
            negative_entropy = ops.exp(self.log_probs) * self.log_probs
            kl = ops.relu(ops.sum(negative_entropy, axis=-1) + most)
        return ops.reshape(kl, (-1, math.prod(self.codes.shape[1:])))

    def entropy(self):
        """Entropy of q(codes|x) in nats, (N,)."""
        most = math.prod(self.codes.shape[1:]) * math.log(self.codebook_size)
        return most - self.kl()

    def kl(self):
        """KL(q(codes|x) || uniform) in nats, (N,), >= 0."""
        return ops.sum(self.kl_per_dim(), axis=-1)
