"""Binary pixels."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.likelihoods.base import Likelihood, flatten_pixels
from zoo.logarithms import softplus
from zoo.precision import at_least_float32, float_dtype


@keras.saving.register_keras_serializable(package="zoo")
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels; the decoder gives logits.

    For binary (or binarized) images. Grey pixels in between are scored by the cross-
    entropy, which is not a normalized density: compare such figures only with others
    computed the same way, or take `ContinuousBernoulli`. Kingma & Welling 2014,
    appendix C.1.

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import Bernoulli
    >>> x, logits = ops.ones((1, 8, 8, 1)), ops.zeros((1, 8, 8, 1))
    >>> round(float(Bernoulli().log_prob(x, logits)[0]), 4)  # 64 * log(1/2)
    -44.3614
    """

    num_levels = 2

    def __init__(self, name: str = "bernoulli", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def log_prob(self, x, parameters):
        logits = flatten_pixels(at_least_float32(parameters))
        x = flatten_pixels(ops.cast(x, logits.dtype))
        return ops.sum(x * logits - _softplus(logits), axis=-1)

    def log_prob_per_dim(self, x, parameters):
        logits = at_least_float32(parameters)
        return ops.cast(x, logits.dtype) * logits - _softplus(logits)

    def level_log_probs(self, parameters, channel, x=None):
        logits = at_least_float32(parameters[..., channel])
        return ops.stack([-_softplus(logits), -_softplus(-logits)], axis=-1)

    def mean(self, parameters):
        return ops.sigmoid(at_least_float32(parameters))

    def remark(self, x):
        """See `Likelihood.remark`: pixels between 0 and 1."""
        if not np.any((x > 0) & (x < 1)):
            return None
        return (
            "Pixels between 0 and 1 are scored by likelihood='bernoulli' as if they "
            "were probabilities, which is no density: compare its figures with such "
            "alone, binarize the images (dynamic_binarization=True), or take "
            "likelihood='continuous_bernoulli'."
        )


def _softplus(values):
    """log(1 + exp(values))."""
    if keras.backend.backend() == "jax" and float_dtype(values) == "float32":
        # JAX's own is slower on a CPU: by a tenth of a whole IW likelihood.
        return ops.maximum(values, 0) + ops.log(1 + ops.exp(-ops.abs(values)))
    return softplus(values)
