"""What priors over latent vectors share."""

import keras
import numpy as np

from zoo import threefry


class NoisePrior(keras.layers.Layer):
    """Base of the priors p(z) whose latents are a function of standard normal noise.

    A subclass has `log_prob` and `from_noise`. One that also has `kl_per_dim` gives
    the KL of a posterior to it in closed form, a sum over latent dimensions; of the
    others `zoo.objectives.ELBOTerms` estimates it at the posterior's draws.
    """

    def log_prob(self, z):
        """log p(z) in nats: (..., D) -> (...)."""
        raise NotImplementedError

    def from_noise(self, noise):
        """z from standard normal noise (..., D), whose scale is the temperature."""
        raise NotImplementedError

    def draw(self, seed, num_samples, latent_dim, temperature=1.0):
        """Draws noise with NumPy, the same on every backend and in exported files.

        Args:
            seed: integer from 0 to 2**63 - 1; `zoo.threefry` says what follows from it.
            num_samples: how many rows.
            latent_dim: how many columns.
            temperature: scale of the standard deviation; 0 gives zeros, of which
                `from_noise` makes a Gaussian's mode.

        Returns:
            float32 array (num_samples, latent_dim). The first n rows do not change
            when more are asked for.
        """
        noise = threefry.normals(seed, num_samples, latent_dim)
        return noise * np.float32(temperature)
