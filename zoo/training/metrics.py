"""Metrics of latents that are gathered over a whole epoch."""

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


class CodeCounts(keras.metrics.Metric):
    """How often each code was chosen since the metric's reset: base of what follows.

    Args:
        size: (depth, codebook_size).
    """

    def __init__(self, size, name):
        super().__init__(name=name)
        self.counts = self.add_variable(size, "zeros", name="counts")

    def update_state(self, counts):
        """Adds a batch's counts, (depth, codebook_size)."""
        self.counts.assign_add(ops.cast(counts, self.dtype))


class Perplexity(CodeCounts):
    """exp of the entropy of the codes chosen, between 1 and codebook_size.

    The mean over the levels of a residual quantizer; 1 if there were no codes.
    """

    def __init__(self, size, name="perplexity"):
        super().__init__(size, name)

    def result(self):
        total = ops.maximum(ops.sum(self.counts, axis=-1, keepdims=True), 1.0)
        share = self.counts / total
        # Codes that were never chosen add nothing: 0 log 0 = 0.
        log_share = ops.log(ops.where(share > 0, share, 1.0))
        return ops.mean(ops.exp(-ops.sum(share * log_share, axis=-1)))


class CodebookUsage(CodeCounts):
    """The share of the codebook that was chosen at least once, between 0 and 1."""

    def __init__(self, size, name="codebook_usage"):
        super().__init__(size, name)

    def result(self):
        return ops.mean(ops.cast(self.counts > 0, self.dtype))
