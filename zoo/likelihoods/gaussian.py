"""Real-valued pixels."""

import math
from typing import Any

import keras
from keras import ops

from zoo import precision
from zoo.likelihoods.base import Likelihood
from zoo.logarithms import softplus


@keras.saving.register_keras_serializable(package="zoo")
class Gaussian(Likelihood):
    """Independent Gaussian pixels whose mean is a sigmoid of the decoder's output.

    Args:
        scale: the standard deviation, in units of the [0, 1] pixel range. A number
            fixes it; "global" learns one for all pixels (Rybkin et al., "Simple and
            Effective VAE Training with Calibrated Decoders", 2021); "per_pixel" has
            the decoder predict one a pixel and channel.

    Raises:
        ValueError: if `scale` is neither of these, or not positive.

    The density is that of the whole line: draws outside [0, 1] are set to its edge.
    Learned scales are kept above exp(-6) = 0.0025, about 2/3 of one step of an 8-bit
    pixel, so that the density of constant regions cannot grow without bound.

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import Gaussian
    >>> x, raw = ops.full((1, 8, 8, 1), 0.5), ops.zeros((1, 8, 8, 1))
    >>> round(float(Gaussian(scale=1.0).log_prob(x, raw)[0]), 3)  # -64/2 log(2 pi)
    -58.812
    """

    MIN_LOG_SCALE = -6.0
    noise = "normal"

    def __init__(self, scale: Any = "global", name: str = "gaussian", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        if isinstance(scale, str):
            if scale not in ("global", "per_pixel"):
                raise ValueError(
                    "`scale` must be a positive number, 'global' or 'per_pixel'; "
                    f"got {scale!r}."
                )
        elif not 0 < scale < float("inf"):
            raise ValueError(f"`scale` must be a positive number; got {scale!r}.")
        self.scale: Any = scale
        self.parameters_per_channel = 2 if scale == "per_pixel" else 1

    def build(self, input_shape=None):
        if self.scale == "global":
            self.log_scale = self.add_weight(
                shape=(),
                initializer="zeros",
                dtype=precision.of_policy(self.dtype_policy),
                name="log_scale",
            )
        self.built = True

    def _location_and_log_scale(self, parameters):
        parameters = precision.at_least_float32(parameters)
        if self.scale == "per_pixel":
            location, log_scale = ops.split(parameters, 2, axis=-1)
        elif self.scale == "global":
            location = parameters
            log_scale = ops.cast(self.log_scale, parameters.dtype)
        else:
            return ops.sigmoid(parameters), math.log(self.scale)
        log_scale = self.MIN_LOG_SCALE + softplus(log_scale - self.MIN_LOG_SCALE)
        return ops.sigmoid(location), log_scale

    def log_prob_per_dim(self, x, parameters):
        location, log_scale = self._location_and_log_scale(parameters)
        standardized = (ops.cast(x, location.dtype) - location) * ops.exp(-log_scale)
        log_density = -0.5 * ops.square(standardized) - log_scale
        return log_density - 0.5 * math.log(2 * math.pi)

    def mean(self, parameters):
        return self._location_and_log_scale(parameters)[0]

    def from_noise(self, parameters, noise):
        """See `Likelihood.from_noise`; what falls outside [0, 1] is set to its edge."""
        return ops.clip(self.unclipped_from_noise(parameters, noise), 0.0, 1.0)

    def unclipped_from_noise(self, parameters, noise):
        location, log_scale = self._location_and_log_scale(parameters)
        return location + ops.exp(log_scale) * ops.cast(noise, location.dtype)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
