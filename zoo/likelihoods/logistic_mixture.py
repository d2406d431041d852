"""Pixels on a grid of levels, by a mixture of logistic distributions."""

import keras
from keras import ops

from zoo.likelihoods.base import Likelihood, nearest_level, sum_over_pixels
from zoo.validation import check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class DiscretizedLogisticMixture(Likelihood):
    """Pixels from a mixture of discretized logistics, joint over their channels.

    Salimans et al., "PixelCNN++", 2017, equations 1 to 3. A pixel has one mixture
    component for all its channels, and the mean of each channel is linear in the
    channels before it. The decoder gives K logits, then for each channel K means and K
    log-scales, then K coefficients for each pair of channels: K (1 + 2 C + C (C - 1) /
    2) numbers a pixel.

    Args:
        num_mixtures: K >= 1.
        num_levels: levels of a channel: 0, 1 / (num_levels - 1), ..., 1. Pixels between
            two levels are scored as the nearest one.

    Raises:
        ValueError: if one of them is no whole number in range.

    Probabilities of all levels sum to 1: the lowest and the highest take the tails.
    Means and scales are in units in which the levels span [-1, 1]; scales lie between
    exp(-7), an eighth of a level, and exp(7).

    Example:

    >>> from keras import ops
    >>> from zoo.likelihoods import DiscretizedLogisticMixture
    >>> likelihood = DiscretizedLogisticMixture(num_mixtures=10)
    >>> likelihood.parameters(channels=3)
    100
    >>> x, outputs = ops.ones((1, 8, 8, 3)), ops.zeros((1, 8, 8, 100))
    >>> likelihood.log_prob(x, outputs).shape[0]
    1
    """

    MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 7.0
    discretized = True

    def __init__(
        self,
        num_mixtures=10,
        num_levels=256,
        name="discretized_logistic_mixture",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.num_mixtures = check_whole_number(num_mixtures, "num_mixtures", 1)
        self.num_levels = check_whole_number(num_levels, "num_levels", 2)

    def parameters(self, channels):
        """See `Likelihood.parameters`."""
        per_component = 1 + 2 * channels + channels * (channels - 1) // 2
        return self.num_mixtures * per_component

    def _channels(self, parameters):
        """The number of channels that an image with so many parameters has."""
        width, channels = parameters.shape[-1], 1
        while self.parameters(channels) < width:
            channels += 1
        if self.parameters(channels) != width:
            raise ValueError(
                f"`parameters` must have {self.parameters(1)} numbers a grey pixel or "
                f"{self.parameters(3)} a colour one; got {width}."
            )
        return channels

    def _components(self, parameters):
        """Of the K components: log-weights, and channel by channel what they are.

        Returns:
            (..., K), list of C means, list of C log-scales, and a list of C lists of
            the coefficients of earlier channels, all (..., K).
        """
        channels = self._channels(parameters)
        parameters = ops.cast(parameters, "float32")
        parts = ops.split(parameters, parameters.shape[-1] // self.num_mixtures, -1)
        logits, means = parts[0], parts[1 : 1 + channels]
        raw = parts[1 + channels : 1 + 2 * channels]
        log_scales = [
            ops.minimum(
                self.MIN_LOG_SCALE + ops.softplus(value - self.MIN_LOG_SCALE),
                self.MAX_LOG_SCALE,
            )
            for value in raw
        ]
        rest = iter(parts[1 + 2 * channels :])
        coefficients = [
            [ops.tanh(next(rest)) for _ in range(c)] for c in range(channels)
        ]
        return ops.log_softmax(logits, axis=-1), means, log_scales, coefficients

    def log_prob(self, x, parameters):
        log_weights, means, log_scales, coefficients = self._components(parameters)
        top = self.num_levels - 1
        level = nearest_level(x, self.num_levels)
        value = level * (2 / top) - 1
        log_prob = log_weights
        for c, (mean, log_scale) in enumerate(zip(means, log_scales, strict=True)):
            for earlier, coefficient in enumerate(coefficients[c]):
                mean = mean + coefficient * value[..., earlier, None]
            inverse_scale = ops.exp(-log_scale)
            # sigmoid(above) - sigmoid(below), the mass between the two edges of a
            # level, is sigmoid(above) sigmoid(-below) (1 - exp(below - above)): no
            # cancellation, whatever the parameters.
            centred = value[..., c, None] - mean
            above = (centred + 1 / top) * inverse_scale
            below = (centred - 1 / top) * inverse_scale
            width = ops.log(-ops.expm1(-(2 / top) * inverse_scale))
            lowest = level[..., c, None] == 0
            highest = level[..., c, None] == top
            log_prob = (
                log_prob
                + ops.where(highest, 0.0, -ops.softplus(-above))
                + ops.where(lowest, 0.0, -ops.softplus(below))
                + ops.where(ops.logical_or(lowest, highest), 0.0, width)
            )
        return sum_over_pixels(ops.logsumexp(log_prob, axis=-1)[..., None])

    def mean(self, parameters):
        """E[x|z] in [0, 1], (..., H, W, C), by closed forms.

        Exact to a small part of a level where scales are wider than a level, to half a
        level otherwise. Within a component, earlier channels enter a later one's mean
        by their own means.
        """
        log_weights, means, log_scales, coefficients = self._components(parameters)
        weights, expected = ops.exp(log_weights), []
        for c, (mean, log_scale) in enumerate(zip(means, log_scales, strict=True)):
            for earlier, coefficient in enumerate(coefficients[c]):
                mean = mean + coefficient * expected[earlier]
            # E[clip(X, -1, 1)] of a logistic X: the integral of P(X > t) over [-1, 1].
            # Means further out than 30 scales give the same, but would cancel.
            scale = ops.exp(log_scale)
            mean = ops.clip(mean, -1 - 30 * scale, 1 + 30 * scale)
            high, low = (mean + 1) / scale, (mean - 1) / scale
            integral = scale * (ops.softplus(high) - ops.softplus(low))
            expected.append(ops.clip(integral - 1, -1.0, 1.0))
        averages = [ops.sum(weights * value, axis=-1) for value in expected]
        return ops.clip(0.5 * (ops.stack(averages, axis=-1) + 1), 0.0, 1.0)

    def get_config(self):
        return {
            **super().get_config(),
            "num_mixtures": self.num_mixtures,
            "num_levels": self.num_levels,
        }
