"""Likelihoods p(x|z): what a decoder's output means.

A likelihood says how many numbers a pixel it needs from the decoder, scores images in
nats against them, and turns them into the expected image. All scores are float32
whatever dtype the networks compute in.
"""

import math

import keras
from keras import ops

from zoo.serialization import get_component


class Likelihood(keras.layers.Layer):
    """Base of all likelihoods; may own weights.

    `parameters_per_channel` decoder outputs are needed for each image channel.
    """

    parameters_per_channel = 1

    def log_prob(self, x, parameters):
        """log p(x|z) in nats, summed over pixels and channels.

        Args:
            x: images (N, H, W, C) in [0, 1].
            parameters: decoder outputs (..., N, H, W, parameters_per_channel * C).

        Returns:
            float32 tensor (..., N).
        """
        raise NotImplementedError

    def mean(self, parameters):
        """E[x|z] in [0, 1], (..., H, W, C)."""
        raise NotImplementedError


def _sum_over_pixels(values):
    return ops.sum(values, axis=(-3, -2, -1))


@keras.saving.register_keras_serializable(package="zoo")
class Bernoulli(Likelihood):
    """Independent Bernoulli pixels; the decoder gives logits.

    For binary (or binarized) images. Grey pixels in between are scored by the cross-
    entropy, which is not a normalized density: compare such figures only with others
    computed the same way. Kingma & Welling 2014, appendix C.1.

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import Bernoulli
    >>> x, logits = ops.ones((1, 8, 8, 1)), ops.zeros((1, 8, 8, 1))
    >>> round(float(Bernoulli().log_prob(x, logits)[0]), 4)  # 64 * log(1/2)
    -44.3614
    """

    def __init__(self, name="bernoulli", **kwargs):
        super().__init__(name=name, **kwargs)

    def log_prob(self, x, parameters):
        logits = ops.cast(parameters, "float32")
        x = ops.cast(x, "float32")
        return _sum_over_pixels(x * logits - ops.softplus(logits))

    def mean(self, parameters):
        return ops.sigmoid(ops.cast(parameters, "float32"))


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

    def __init__(self, scale="global", name="gaussian", **kwargs):
        super().__init__(name=name, **kwargs)
        if isinstance(scale, str):
            if scale not in ("global", "per_pixel"):
                raise ValueError(
                    "`scale` must be a positive number, 'global' or 'per_pixel'; "
                    f"got {scale!r}."
                )
        elif not 0 < scale < float("inf"):
            raise ValueError(f"`scale` must be a positive number; got {scale!r}.")
        self.scale = scale
        self.parameters_per_channel = 2 if scale == "per_pixel" else 1

    def build(self, input_shape=None):
        if self.scale == "global":
            self.log_scale = self.add_weight(
                shape=(), initializer="zeros", dtype="float32", name="log_scale"
            )
        self.built = True

    def _location_and_log_scale(self, parameters):
        parameters = ops.cast(parameters, "float32")
        if self.scale == "per_pixel":
            location, log_scale = ops.split(parameters, 2, axis=-1)
        elif self.scale == "global":
            location = parameters
            log_scale = ops.convert_to_tensor(self.log_scale)
        else:
            return ops.sigmoid(parameters), math.log(self.scale)
        log_scale = self.MIN_LOG_SCALE + ops.softplus(log_scale - self.MIN_LOG_SCALE)
        return ops.sigmoid(location), log_scale

    def log_prob(self, x, parameters):
        location, log_scale = self._location_and_log_scale(parameters)
        standardized = (ops.cast(x, "float32") - location) * ops.exp(-log_scale)
        log_density = -0.5 * ops.square(standardized) - log_scale
        return _sum_over_pixels(log_density - 0.5 * math.log(2 * math.pi))

    def mean(self, parameters):
        return self._location_and_log_scale(parameters)[0]

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


_BY_NAME = {"bernoulli": Bernoulli, "gaussian": Gaussian}


def get(identifier):
    """A likelihood from its name, its serialized form, or itself.

    "gaussian" learns one global scale; for another, pass `Gaussian(scale=...)`.

    Raises:
        ValueError: if the name is unknown.
    """
    return get_component(identifier, _BY_NAME, "likelihood", "log_prob")
