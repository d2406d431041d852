"""A learned mixture of normal distributions."""

import math

import keras

from zoo import precision
from zoo.distributions import MixtureNormal
from zoo.priors.base import Prior, register
from zoo.validation import check_whole_number


@register("mixture")
@keras.saving.register_keras_serializable(package="zoo")
class Mixture(Prior):
    """A learned prior p(z) = sum_k weight_k N(mean_k, diag(exp(log_var_k))).

    The mixture of Gaussians that Tomczak & Welling, "VAE with a VampPrior", 2018,
    section 4, compare theirs with. The density is exact; the KL of a posterior to it
    has no closed form, and is estimated at the posterior's draws: it may be below 0 for
    an image. It starts with the mean and variance of N(0, I), in expectation: half of
    the variance between the components, half within.

    Args:
        latent_dim: number of latent dimensions.
        num_components: number of components, M >= 1.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> prior = zoo.priors.Mixture(latent_dim=2, num_components=10, seed=0)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), prior=prior, seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, verbose=0)
    >>> model.sample(3, seed=0).shape
    (3, 8, 8, 1)
    """

    # It chooses the component.
    num_uniforms = 1

    def __init__(
        self, latent_dim, num_components=50, seed=None, name="mixture", **kwargs
    ):
        dtype = precision.of_policy(kwargs.get("dtype"))
        super().__init__(name=name, **{**kwargs, "dtype": dtype})
        self.latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        self.num_components = check_whole_number(num_components, "num_components", 1)
        self.seed = None if seed is None else int(seed)

    def build(self, input_shape=None):
        shape = (self.num_components, self.latent_dim)
        between = keras.initializers.RandomNormal(stddev=0.5**0.5, seed=self.seed)
        within = keras.initializers.Constant(math.log(0.5))
        for name, size, initializer in (
            ("logits", shape[:1], "zeros"),
            ("means", shape, between),
            ("log_vars", shape, within),
        ):
            weight = self.add_weight(shape=size, initializer=initializer, name=name)
            setattr(self, name, weight)
        self.built = True

    def distribution(self):
        """The mixture that the weights are, a `zoo.distributions.MixtureNormal`."""
        return MixtureNormal(self.logits, self.means, self.log_vars)

    def log_prob(self, z):
        """log p(z) in nats: (..., D) -> (...)."""
        return self.distribution().log_prob(z)

    def from_noise(self, noise, uniforms=None):
        """See `Prior.from_noise`; the one uniform number chooses the component."""
        return self.distribution().from_noise(noise, uniforms)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "num_components": self.num_components,
            "seed": self.seed,
        }
