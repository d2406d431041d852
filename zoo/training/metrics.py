"""Metrics of latent spaces that are gathered over a whole epoch."""

import keras
from keras import ops


class ActiveUnits(keras.metrics.Metric):
    """How many latent dimensions respond to the input: Var_x(E[z|x]) > threshold.

    Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2 (threshold
    0.01).

    Args:
        latent_dim: number of latent dimensions.
        threshold: variance of the posterior mean above which a dimension is active.
    """

    def __init__(self, latent_dim, threshold=0.01, name="active_units"):
        super().__init__(name=name)
        self.threshold = threshold
        self.count = self.add_variable((), "zeros", name="count")
        self.sum = self.add_variable((latent_dim,), "zeros", name="sum")
        self.sum_of_squares = self.add_variable(
            (latent_dim,), "zeros", name="sum_of_squares"
        )

    def update_state(self, posterior_mean):
        """Adds a batch of posterior means, (N, latent_dim)."""
        mean = ops.cast(posterior_mean, self.dtype)
        self.count.assign_add(ops.cast(ops.shape(mean)[0], self.dtype))
        self.sum.assign_add(ops.sum(mean, axis=0))
        self.sum_of_squares.assign_add(ops.sum(ops.square(mean), axis=0))

    def result(self):
        count = ops.maximum(self.count, 1.0)
        variance = self.sum_of_squares / count - ops.square(self.sum / count)
        return ops.sum(ops.cast(variance > self.threshold, self.dtype))
