"""What a likelihood p(x|z) must have, and what it may have."""

import math

import keras
from keras import ops


class Likelihood(keras.layers.Layer):
    """Base of all likelihoods: what a decoder's outputs say about an image.

    It is a Keras layer and may own weights. Shapes: images x (N, H, W, C) in [0, 1];
    `parameters` (..., N, H, W, P), the decoder's outputs, with further axes in front
    for several draws of z. All results are float32 tensors, or float64 of float64
    `parameters`; scores are in nats.

    A likelihood must have:

    - `parameters(channels)`: P, the numbers that a pixel needs; by default
      `parameters_per_channel` times the channels;
    - `log_prob(x, parameters)`: (..., N), which the base sums from `log_prob_per_dim`;
    - `mean(parameters)`: E[x|z], (..., H, W, C), what `decode`, `sample` of a model
      and exported files give. Only operators that convert to ONNX should be in it.

    With these it works in `fit`, `elbo`, presets and exported files. It may have:

    - `log_prob_per_dim`: without it there are no scores of single pixels;
    - `from_noise`, with `noise` and `noise_per_pixel`: without it `sample` has nothing
      to draw pixels with. Likelihoods that have `level_log_probs` inherit it;
    - `num_levels` and `level_log_probs`: for pixels on a grid of levels. Without them
      no image can be compressed;
    - `discretized`: True if `log_prob` is of probabilities of levels of any image, so
      that `fit` and `evaluate` log bits per dimension.

    Example, a likelihood of one's own:

    >>> import keras
    >>> from keras import ops
    >>> from zoo.likelihoods import Likelihood
    >>> @keras.saving.register_keras_serializable(package="mine")
    ... class Laplace(Likelihood):
    ...     def log_prob_per_dim(self, x, parameters):
    ...         return -ops.abs(x - self.mean(parameters)) / 0.1 - ops.log(0.2)
    ...
    ...     def mean(self, parameters):
    ...         return ops.sigmoid(ops.cast(parameters, "float32"))
    >>> x = ops.full((1, 8, 8, 1), 0.5)
    >>> round(float(Laplace().log_prob(x, ops.zeros((1, 8, 8, 1)))[0]), 3)  # 64 log(5)
    103.004
    """

    parameters_per_channel = 1
    discretized = False
    # How many levels a channel has, 0, 1 / (num_levels - 1), ..., 1; None: any number.
    num_levels = None
    # What `from_noise` takes: "uniform" numbers in [0, 1), or standard "normal" ones.
    noise = "uniform"
    # Whether the channels of a pixel depend on each other, given z.
    joint_channels = False

    def parameters(self, channels):
        """How many decoder outputs a pixel of `channels` channels needs, P."""
        return self.parameters_per_channel * channels

    def channels_of(self, parameters):
        """The channels C of an image with such parameters (..., P).

        Raises:
            ValueError: if no number of channels has P parameters.
        """
        width, channels = parameters.shape[-1], 1
        while self.parameters(channels) < width:
            channels += 1
        if self.parameters(channels) != width:
            raise ValueError(
                f"`parameters` must have {self.parameters(1)} numbers a grey pixel or "
                f"{self.parameters(3)} a colour one; got {width}."
            )
        return channels

    def log_prob(self, x, parameters):
        """log p(x|z) in nats, summed over pixels and channels.

        Args:
            x: images (N, H, W, C) in [0, 1].
            parameters: decoder outputs (..., N, H, W, P), P = self.parameters(C).

        Returns:
            float32 tensor (..., N).
        """
        return sum_over_pixels(self.log_prob_per_dim(x, parameters))

    def mean(self, parameters):
        """E[x|z] in [0, 1], (..., H, W, C)."""
        raise NotImplementedError(self._lacks("mean", "there is no image"))

    def log_prob_per_dim(self, x, parameters):
        """What each channel of each pixel adds to `log_prob`, in nats.

        Where the channels of a pixel depend on each other, this is the chain rule:
        log p(x_c | x_0 ... x_{c-1}, z). The sum over pixels and channels is `log_prob`.

        Args:
            x, parameters: as in `log_prob`.

        Returns:
            float32 tensor (..., N, H, W, C).
        """
        raise NotImplementedError(
            self._lacks("log_prob_per_dim", "single pixels have no score")
        )

    def level_log_probs(self, parameters, channel, x=None):
        """Log-probabilities of the levels of one channel, given the channels before.

        A coder asks for channel 0, codes it, writes it into x, asks for channel 1, ...

        Args:
            parameters: decoder outputs (..., N, H, W, P).
            channel: which, 0 ... C - 1.
            x: images (N, H, W, at least `channel`), of which the first `channel`
                channels are read. May be left out where nothing depends on them.

        Returns:
            float32 tensor (..., N, H, W, num_levels) whose exponentials sum to 1.
        """
        raise NotImplementedError(
            self._lacks("level_log_probs", "its pixels have no levels")
        )

    def share_below(self, parameters, channel, x=None):
        """What a coder asks: the probabilities that a channel is below some levels.

        The base sums what `level_log_probs` gives.

        Args:
            parameters, channel, x: as for `level_log_probs`.

        Returns:
            function of levels, an int array (..., N, H, W, E) from 0 to num_levels, to
            P(level of the channel < these), a tensor (..., N, H, W, E).
        """
        each = ops.exp(self.level_log_probs(parameters, channel, x))
        below = ops.cumsum(each, axis=-1)
        below = ops.concatenate([ops.zeros_like(below[..., :1]), below], axis=-1)

        def of_levels(levels):
            levels = ops.convert_to_tensor(levels, "int32")
            return ops.take_along_axis(below, levels, axis=-1)

        return of_levels

    def noise_per_pixel(self, channels):
        """How many numbers `from_noise` needs for a pixel of `channels` channels."""
        return channels

    def from_noise(self, parameters, noise):
        """Images drawn from p(x|z): a function of the noise, and of nothing else.

        The base inverts the distribution function of `level_log_probs`, channel by
        channel, each given the ones drawn before.

        Args:
            parameters: decoder outputs (..., H, W, P).
            noise: independent numbers (..., H, W, self.noise_per_pixel(C)) of the kind
                that `self.noise` names.

        Returns:
            float32 tensor (..., H, W, C) in [0, 1].
        """
        if self.num_levels is None:
            raise NotImplementedError(
                self._lacks("from_noise", "its pixels cannot be drawn")
            )
        drawn = []
        for channel in range(self.channels_of(parameters)):
            x = ops.stack(drawn, axis=-1) if drawn else None
            probs = ops.exp(self.level_log_probs(parameters, channel, x))
            level = inverse_cdf(probs, noise[..., channel])
            drawn.append(level / (self.num_levels - 1))
        return ops.stack(drawn, axis=-1)

    def unclipped_from_noise(self, parameters, noise):
        """`from_noise` of the very density of `log_prob`, on [0, 1] or not."""
        return self.from_noise(parameters, noise)

    def sample(self, parameters, seed=None):
        """Images drawn from p(x|z), by `from_noise`.

        Args:
            parameters: decoder outputs (..., H, W, P).
            seed: integer, `keras.random.SeedGenerator`, or None for new noise each
                time. The noise of a seed differs from backend to backend: draw it
                yourself and call `from_noise` where it must not.

        Returns:
            float32 tensor (..., H, W, C) in [0, 1].
        """
        width = self.noise_per_pixel(self.channels_of(parameters))
        draw = getattr(keras.random, self.noise)
        shape = (*ops.shape(parameters)[:-1], width)
        return self.from_noise(parameters, draw(shape, dtype="float32", seed=seed))

    def remark(self, x):
        """What to say once of images that are scored, though hardly as one would think.

        Args:
            x: NumPy array (N, H, W, C) in [0, 1].

        Returns:
            a sentence, or None.
        """
        return None

    def _lacks(self, method, consequence):
        return f"{type(self).__name__} defines no `{method}`: {consequence}."


def sum_over_pixels(values):
    """(..., H, W, C) to (...)."""
    return ops.sum(values, axis=(-3, -2, -1))


def flatten_pixels(values):
    """(..., H, W, C) to (..., H * W * C).

    What is computed and summed along one axis takes XLA a third of the time on a CPU
    that it takes along three whose last is 1.
    """
    return ops.reshape(values, (*ops.shape(values)[:-3], math.prod(values.shape[-3:])))


def nearest_level(x, num_levels, dtype="float32"):
    """The number 0 ... num_levels - 1 of each pixel's level, as `dtype`."""
    top = num_levels - 1
    return ops.clip(ops.round(ops.cast(x, dtype) * top), 0, top)


def inverse_cdf(probs, uniforms):
    """The number (...) of the class that uniforms in [0, 1) (...) fall on, as a float.

    Class i of `probs` (..., classes) has the numbers from the sum of the probabilities
    before it up to the sum with its own.
    """
    below = ops.cumsum(probs, axis=-1)[..., :-1]
    passed = ops.cast(uniforms, probs.dtype)[..., None] >= below
    return ops.sum(ops.cast(passed, probs.dtype), axis=-1)
