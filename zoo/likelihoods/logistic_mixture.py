"""Pixels on a grid of levels, by a mixture of logistic distributions."""

from typing import Any

import keras
from keras import ops

from zoo.likelihoods.base import (
    Likelihood,
    inverse_cdf,
    nearest_level,
    sum_over_pixels,
)
from zoo.likelihoods.logistic_mean import expected_levels
from zoo.logarithms import log_sum_exp, softplus
from zoo.precision import at_least_float32, float_dtype
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
        exact_mean: whether `mean` counts in that later channels depend on the levels
            of earlier ones, to less than half a level; False puts the earlier
            channels' means in their place, which is faster and can be tens of levels
            off. Of colours only: grey images have the same mean.

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
    joint_channels = True

    def __init__(
        self,
        num_mixtures: int = 10,
        num_levels: int = 256,
        exact_mean: bool = True,
        name: str = "discretized_logistic_mixture",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.num_mixtures = check_whole_number(num_mixtures, "num_mixtures", 1)
        self.num_levels = check_whole_number(num_levels, "num_levels", 2)
        self.exact_mean = bool(exact_mean)

    @classmethod
    def from_config(cls, config):
        # Models saved before there was a choice give the images that they gave.
        return super().from_config({"exact_mean": False, **config})

    def parameters(self, channels):
        """See `Likelihood.parameters`."""
        per_component = 1 + 2 * channels + channels * (channels - 1) // 2
        return self.num_mixtures * per_component

    def _components(self, parameters):
        """Of the K components: log-weights, and channel by channel what they are.

        Returns:
            (..., K), list of C means, list of C log-scales, and a list of C lists of
            the coefficients of earlier channels, all (..., K).
        """
        channels = self.channels_of(parameters)
        parameters = at_least_float32(parameters)
        parts = ops.split(parameters, parameters.shape[-1] // self.num_mixtures, -1)
        logits, means = parts[0], parts[1 : 1 + channels]
        raw = parts[1 + channels : 1 + 2 * channels]
        log_scales = [
            ops.minimum(
                self.MIN_LOG_SCALE + softplus(value - self.MIN_LOG_SCALE),
                self.MAX_LOG_SCALE,
            )
            for value in raw
        ]
        rest = iter(parts[1 + 2 * channels :])
        coefficients = [
            [ops.tanh(next(rest)) for _ in range(c)] for c in range(channels)
        ]
        return ops.log_softmax(logits, axis=-1), means, log_scales, coefficients

    def _add_channel(self, log_prob, c, level, components):
        """Adds log p(x_c | earlier channels) of each component to `log_prob` (..., K).

        `level` (..., at least c + 1) are the numbers of the channels' levels.
        """
        _, means, log_scales, coefficients = components
        top = self.num_levels - 1
        value = level * (2 / top) - 1
        mean = means[c]
        for earlier, coefficient in enumerate(coefficients[c]):
            mean = mean + coefficient * value[..., earlier, None]
        centred = value[..., c, None] - mean
        return self._add_log_mass(log_prob, centred, log_scales[c], level[..., c, None])

    def _add_log_mass(self, log_prob, centred, log_scale, level):
        """Adds the log-mass of a level whose middle is so far above the mean."""
        top = self.num_levels - 1
        inverse_scale = ops.exp(-log_scale)
        # sigmoid(above) - sigmoid(below), the mass between the two edges of a
        # level, is sigmoid(above) sigmoid(-below) (1 - exp(below - above)): no
        # cancellation, whatever the parameters.
        above = (centred + 1 / top) * inverse_scale
        below = (centred - 1 / top) * inverse_scale
        width = ops.log(-ops.expm1(-(2 / top) * inverse_scale))
        lowest = level == 0
        highest = level == top
        return (
            log_prob
            + ops.where(highest, 0.0, -softplus(-above))
            + ops.where(lowest, 0.0, -softplus(below))
            + ops.where(ops.logical_or(lowest, highest), 0.0, width)
        )

    def log_prob(self, x, parameters):
        components = self._components(parameters)
        level = nearest_level(x, self.num_levels, components[0].dtype)
        log_prob = components[0]
        for c in range(len(components[1])):
            log_prob = self._add_channel(log_prob, c, level, components)
        return sum_over_pixels(log_sum_exp(log_prob, axis=-1)[..., None])

    def log_prob_per_dim(self, x, parameters):
        """See `Likelihood.log_prob_per_dim`; log p(x_c | x_0 ... x_{c-1}, z).

        The earlier channels of a pixel tell which components it may have come from.
        """
        components = self._components(parameters)
        level = nearest_level(x, self.num_levels, components[0].dtype)
        log_weights, per_dim = components[0], []
        for c in range(len(components[1])):
            joint = self._add_channel(log_weights, c, level, components)
            per_dim.append(log_sum_exp(joint, axis=-1))
            log_weights = joint - per_dim[-1][..., None]
        return ops.stack(per_dim, axis=-1)

    def level_log_probs(self, parameters, channel, x: Any = None):
        """See `Likelihood.level_log_probs`; `x` is needed for all channels but 0."""
        log_weights, mean, log_scale = self._given_earlier(parameters, channel, x)
        levels = ops.arange(self.num_levels, dtype=float_dtype(mean))
        values = levels * (2 / (self.num_levels - 1)) - 1
        total = None
        for k in range(self.num_mixtures):  # all at once would fill the memory
            log_prob = self._add_log_mass(
                log_weights[..., k, None],
                values - mean[..., k, None],
                log_scale[..., k, None],
                levels,
            )
            total = log_prob if total is None else _log_add(total, log_prob)
        # They sum to 1 but for the rounding of edges, which narrow scales magnify.
        return ops.log_softmax(total, axis=-1)

    def share_below(self, parameters, channel, x: Any = None):
        """See `Likelihood.share_below`; of no more levels than it is asked for."""
        log_weights, mean, log_scale = self._given_earlier(parameters, channel, x)
        weights, inverse_scale = ops.exp(log_weights), ops.exp(-log_scale)
        top = self.num_levels - 1

        def of_levels(levels):
            levels = ops.cast(ops.convert_to_tensor(levels), mean.dtype)
            # The lower edges of levels; the lowest and the highest have the tails.
            edges = ((2 * levels - 1) / top - 1)[..., None]
            each = ops.sigmoid(
                (edges - mean[..., None, :]) * inverse_scale[..., None, :]
            )
            below = ops.sum(weights[..., None, :] * each, axis=-1)
            return ops.where(levels <= 0, 0.0, ops.where(levels > top, 1.0, below))

        return of_levels

    def _given_earlier(self, parameters, channel, x):
        """(log-weights, means, log-scales) of a channel's components, (..., K) each."""
        components = self._components(parameters)
        log_weights, means, log_scales, coefficients = components
        if channel and x is None:
            raise ValueError(
                f"`x` must be images whose first {channel} channels are known, for the "
                f"levels of channel {channel}; got None."
            )
        mean = means[channel]
        if channel:
            level = nearest_level(x[..., :channel], self.num_levels, mean.dtype)
            value = level * (2 / (self.num_levels - 1)) - 1
            for c, coefficient in enumerate(coefficients[channel]):
                log_weights = self._add_channel(log_weights, c, level, components)
                log_weights = log_weights - log_sum_exp(
                    log_weights, axis=-1, keepdims=True
                )
                mean = mean + coefficient * value[..., c, None]
        return log_weights, mean, log_scales[channel]

    def noise_per_pixel(self, channels):
        """One number for the component, and one for each channel."""
        return 1 + channels

    def from_noise(self, parameters, noise):
        """See `Likelihood.from_noise`: a component, then channel by channel."""
        log_weights, means, log_scales, coefficients = self._components(parameters)
        dtype, top = float_dtype(log_weights), self.num_levels - 1
        noise = ops.cast(noise, dtype)
        component = inverse_cdf(ops.exp(log_weights), noise[..., 0])[..., None]
        chosen = component == ops.arange(self.num_mixtures, dtype=dtype)

        def of_chosen(values):
            return ops.sum(ops.where(chosen, values, 0.0), axis=-1)

        drawn, values = [], []
        for c, (mean, log_scale) in enumerate(zip(means, log_scales, strict=True)):
            mean = of_chosen(mean)
            for coefficient, value in zip(coefficients[c], values, strict=True):
                mean = mean + of_chosen(coefficient) * value
            # 1 - 2^-24 is the largest float32 below 1.
            uniform = ops.clip(noise[..., 1 + c], 2.0**-24, 1 - 2.0**-24)
            logistic = ops.log(uniform / (1 - uniform))
            value = mean + ops.exp(of_chosen(log_scale)) * logistic
            level = ops.clip(ops.round((value + 1) * (top / 2)), 0, top)
            drawn.append(level / top)
            values.append(level * (2 / top) - 1)
        return ops.stack(drawn, axis=-1)

    def mean(self, parameters):
        """E[x|z] in [0, 1], (..., H, W, C), to less than half a level.

        On 256 levels, and nearly always much less; where there are fewer, half of one
        where scales are narrower than a level. With `exact_mean=False` by closed forms,
        exact in the first channel alone.
        """
        log_weights, means, log_scales, coefficients = self._components(parameters)
        weights = ops.exp(log_weights)

        def average(values):
            return ops.stack([ops.sum(weights * v, axis=-1) for v in values], axis=-1)

        if self.exact_mean:
            scales, top = [ops.exp(value) for value in log_scales], self.num_levels - 1
            levels = average(expected_levels(means, scales, coefficients, top))
            return ops.clip(levels / top, 0.0, 1.0)
        values = average(_plug_in_means(means, log_scales, coefficients))
        return ops.clip(0.5 * (values + 1), 0.0, 1.0)

    def get_config(self):
        return {
            **super().get_config(),
            "num_mixtures": self.num_mixtures,
            "num_levels": self.num_levels,
            "exact_mean": self.exact_mean,
        }


def _log_add(one, other):
    """log(exp(one) + exp(other)), of operators that every runtime has."""
    largest = ops.maximum(one, other)
    return largest + ops.log(ops.exp(one - largest) + ops.exp(other - largest))


def _plug_in_means(means, log_scales, coefficients):
    """Of each component, where earlier channels are what is expected of them."""
    expected = []
    for c, (mean, log_scale) in enumerate(zip(means, log_scales, strict=True)):
        for earlier, coefficient in enumerate(coefficients[c]):
            mean = mean + coefficient * expected[earlier]
        # E[clip(X, -1, 1)] of a logistic X: the integral of P(X > t) over [-1, 1].
        # Means further out than 30 scales give the same, but would cancel.
        scale = ops.exp(log_scale)
        mean = ops.clip(mean, -1 - 30 * scale, 1 + 30 * scale)
        high, low = (mean + 1) / scale, (mean - 1) / scale
        integral = scale * (softplus(high) - softplus(low))
        expected.append(ops.clip(integral - 1, -1.0, 1.0))
    return expected
