"""The way down of a ladder: latents, group after group, and the image they make."""

from functools import partial
from typing import Any

import keras
from keras import ops

from zoo.networks.levels import grid_of
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.stages import ConvBlock, depth_to_space
from zoo.precision import at_least_float32

# Log-variances are squeezed into ±10, smoothly: gradients never vanish for good.
LOG_VAR_LIMIT = 10.0


class LadderGroup(keras.layers.Layer):
    """One group of latents on the way down: their prior, their posterior, their use.

    The latents are told as standard normal numbers: at a state h of the way down, what
    the ladder reads is mean(h) + deviation(h) z, so that z ~ N(0, I) makes it a draw of
    the prior that h describes. The posterior is told relative to it (Vahdat & Kautz,
    "NVAE", 2020, section 3.2).

    Args:
        channels: latents at each position.
        filters: channels of the state.
        block, activation: see `zoo.networks.stages.ConvBlock`.
        seeds: `InitializerSeeds`.
    """

    def __init__(self, channels, filters, block, activation, seeds, **kwargs):
        super().__init__(**kwargs)
        dtype = self.dtype_policy
        self.channels = channels
        narrow = max(1, filters // 2)
        self.prior = Cell(
            2 * channels + filters, narrow, activation, seeds, dtype=dtype, name="prior"
        )
        self.posterior = Cell(
            2 * channels,
            narrow,
            activation,
            seeds,
            with_image=True,
            dtype=dtype,
            name="posterior",
        )
        self.project = conv(filters, 1, seeds.glorot_uniform(), dtype, "project")
        self.block = ConvBlock(
            filters, block, activation, seeds, dtype=dtype, name="block"
        )

    def build(self, input_shape):
        self.prior.build(input_shape)
        self.posterior.build(input_shape)
        self.project.build((*input_shape[:3], self.channels))
        self.block.build(input_shape)
        self.built = True

    def call(self, state, image=None, *, draw):
        """The state after this group.

        Args:
            state: (M, h, w, filters), of the groups before.
            image: features of the image at this level, (N, h, w, filters).
            draw: function of the posterior's (mean, log-variance), of None without an
                image, to latents (M, h, w, channels).
        """
        prior, posterior = self.told(state, image)
        return self.after(state, prior, draw(posterior))

    def told(self, state, image=None):
        """(mean, log-variance, update of the state) of the prior, and (mean,
        log-variance) of the posterior or None, of what `call` takes."""
        ends = [self.channels, 2 * self.channels]
        mean, log_var, update = ops.split(self.prior(state), ends, axis=-1)
        mean, log_var = at_least_float32(mean), squeezed(log_var)
        if image is None:
            return (mean, log_var, update), None
        moved, widened = ops.split(self.posterior(state, image), 2, axis=-1)
        # As the prior is N(0, I) once it is moved and scaled.
        moved = at_least_float32(moved) * ops.exp(-0.5 * log_var)
        return (mean, log_var, update), (moved, squeezed(widened))

    def after(self, state, prior, drawn):
        """The state after latents that were drawn, and what `told` said before."""
        mean, log_var, update = prior
        z = mean + ops.exp(0.5 * log_var) * ops.cast(drawn, mean.dtype)
        state = state + update + self.project(ops.cast(z, state.dtype))
        return self.block(state)


class LadderDecoder(keras.layers.Layer):
    """Groups of latents, coarsest first, to likelihood parameters (N, H, W, P).

    Args:
        output_shape: (H, W, P).
        levels: `Level`s, coarsest first.
        block, activation: see `zoo.networks.stages.ConvBlock`.
        label_dim: how many numbers about a label the way down begins with.
        seed: integer that fixes the initial weights, or None.
    """

    def __init__(
        self, output_shape, levels, block, activation, label_dim=0, seed=None, **kwargs
    ):
        super().__init__(**kwargs)
        seeds = InitializerSeeds(seed)
        self.output_size, self.levels = tuple(output_shape), tuple(levels)
        dtype = self.dtype_policy
        self.label = None
        if label_dim:
            self.label = keras.layers.Dense(
                levels[0].filters,
                kernel_initializer=seeds.glorot_uniform(),
                dtype=dtype,
                name="label",
            )
        self.label_dim = label_dim
        # The level that each group lies on.
        self.level_of = [i for i, lv in enumerate(levels) for _ in range(lv.groups)]
        self.groups, self.ups = [], []
        for i, level in enumerate(levels):
            if i:
                factor = levels[i - 1].divisor // level.divisor
                self.ups.append(
                    conv(
                        level.filters * factor**2,
                        1,
                        seeds.glorot_uniform(),
                        dtype,
                        f"up_{i - 1}",
                    )
                )
            for j in range(level.groups):
                self.groups.append(
                    LadderGroup(
                        level.channels,
                        level.filters,
                        block,
                        activation,
                        seeds,
                        dtype=dtype,
                        name=f"level_{i}_group_{j}",
                    )
                )
        self.last = ConvBlock(
            levels[-1].filters, block, activation, seeds, dtype=dtype, name="last"
        )
        self.activation = keras.activations.get(activation)
        self.head = conv(
            output_shape[2] * levels[-1].divisor ** 2,
            3,
            seeds.glorot_uniform(),
            dtype,
            "head",
        )

    def build(self, input_shape=None):
        coarsest, groups = self.levels[0].divisor, iter(self.groups)
        grids = [grid_of(self.output_size, lv.divisor, coarsest) for lv in self.levels]
        self.start = self.add_weight(
            shape=(*grids[0], self.levels[0].filters),
            initializer="zeros",
            name="start",
        )
        if self.label is not None:
            self.label.build((None, self.label_dim))
        for i, (level, grid) in enumerate(zip(self.levels, grids, strict=True)):
            for _ in range(level.groups):
                next(groups).build((None, *grid, level.filters))
            if i < len(self.ups):
                self.ups[i].build((None, *grid, level.filters))
        self.last.build((None, *grids[-1], self.levels[-1].filters))
        self.head.build((None, *grids[-1], self.levels[-1].filters))
        self.built = True

    def state(self, draw, count, label_vectors=None, features=None):
        """The state at the end of the way down.

        Args:
            draw: function of a group's number and of its posterior (None without
                `features`), to its latents (count, h, w, channels).
            count: how many rows.
            label_vectors: (count, label_dim), or None.
            features: what `LadderEncoder` gave of N images, `count` a multiple of N.
        """
        state = self.begin(count, label_vectors)
        for number, level in enumerate(self.level_of):
            image = None if features is None else features[level]
            state = self.enter(number, state)
            # Keras takes nothing but tensors by position.
            state = self.groups[number](state, image, draw=partial(draw, number))
        return state

    def begin(self, count, label_vectors=None):
        """The state (count, h, w, filters) before all groups: see `state`."""
        dtype = self.compute_dtype
        state = ops.broadcast_to(
            ops.cast(self.start, dtype), (count, *self.start.shape)
        )
        if self.label is not None:
            labels = self.label(ops.cast(label_vectors, dtype))
            state = state + labels[:, None, None, :]
        return state

    def enter(self, number, state):
        """The state on the grid of a group, of that after the one before it."""
        level = self.level_of[number]
        if not number or level == self.level_of[number - 1]:
            return state
        factor = self.levels[level - 1].divisor // self.levels[level].divisor
        return depth_to_space(self.ups[level - 1](self.activation(state)), factor)

    def call(self, state):
        """The likelihood's parameters (N, H, W, P) of the state at the end."""
        height, width, _ = self.output_size
        x = self.head(self.activation(self.last(state)))
        return depth_to_space(x, self.levels[-1].divisor)[:, :height, :width, :]


class Cell(keras.layers.Layer):
    """1x1 - 3x3 - 1x1 convolutions, each preceded by the activation; no residual.

    Args:
        outputs: channels out.
        narrow: channels between.
        activation: name of the activation.
        seeds: `InitializerSeeds`.
        with_image: whether a second input, features of an image, comes in beside the
            first: several draws of an image share what is computed of it.
    """

    def __init__(self, outputs, narrow, activation, seeds, with_image=False, **kwargs):
        super().__init__(**kwargs)
        self.activation: Any = keras.activations.get(activation)
        dtype = self.dtype_policy
        self.reduce = conv(narrow, 1, seeds.he_normal(), dtype, "reduce")
        self.reduce_image: Any = None
        if with_image:
            self.reduce_image = conv(
                narrow, 1, seeds.he_normal(), dtype, "reduce_image"
            )
        self.mix = conv(narrow, 3, seeds.he_normal(), dtype, "mix")
        small = keras.initializers.RandomNormal(stddev=1e-2, seed=seeds.next_seed())
        self.expand = conv(outputs, 1, small, dtype, "expand")

    def build(self, input_shape):
        narrow = (*input_shape[:3], self.reduce.filters)
        self.reduce.build(input_shape)
        if self.reduce_image is not None:
            self.reduce_image.build(input_shape)
        self.mix.build(narrow)
        self.expand.build(narrow)
        self.built = True

    def call(self, x, image=None):
        x = self.reduce(self.activation(x))
        if image is not None:
            x = _beside(x, self.reduce_image(self.activation(image)))
        return self.expand(self.activation(self.mix(self.activation(x))))


def squeezed(log_var):
    """Log-variances within ±`LOG_VAR_LIMIT`, float32 or float64."""
    log_var = at_least_float32(log_var)
    return LOG_VAR_LIMIT * ops.tanh(log_var / LOG_VAR_LIMIT)


def conv(filters, size, initializer, dtype, name, strides=1):
    """A convolution of the ladder."""
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        data_format="channels_last",
        kernel_initializer=initializer,
        dtype=dtype,
        name=name,
    )


def _beside(x, image):
    """x (K * N, ...), of several draws of each image, plus what is told of it (N, ...).

    Draws of all images come one after another.
    """
    if x.shape[0] is not None and x.shape[0] == image.shape[0]:
        return x + image
    _, *shape = image.shape
    many = ops.reshape(x, (-1, ops.shape(image)[0], *shape))
    return ops.reshape(many + image, (-1, *shape))
