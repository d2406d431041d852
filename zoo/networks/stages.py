"""Stages of convolutional encoders and decoders, for images of any size.

What was measured to choose the operations: forward and backward pass of one operation,
batch 128, two CPU cores, milliseconds on JAX / TensorFlow / PyTorch.

    halve 14x14x32 to 7x7x64:   3x3 convolution, stride 2            5.7 / 2.8 / 3.9
                                space-to-depth, 3x3 convolution     17.2 / 8.1 / 8.7
                                average pooling, 3x3 convolution     4.6 / 2.6 / 5.0
    double 7x7x64 to 14x14x32:  3x3 transposed convolution          26.6 / 3.1 / 5.6
                                nearest neighbour, 3x3 convolution  18.7 / 8.5 / 12.8
                                1x1 convolution, depth-to-space      3.2 / 2.2 / 3.3
    mix 14x14x32:               3x3 convolution                     24.3 / 4.6 / 5.5
    mix 14x14x16:               3x3 convolution                      2.8 / 2.7 /
    mix 7x7x64:                 3x3 convolution                      8.4 / 3.7 / 4.0
                                5x5 depthwise convolution           32.2 / 1.8 / 1.8

So images are halved by strided convolutions, doubled by a 1x1 convolution followed by
depth-to-space (Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016),
and mixed in between by bottlenecks, whose 3x3 convolutions are narrow. No transposed
convolution, no depthwise one and no wide one at a fine resolution: those are what makes
one backend several times slower than another. There is no
normalization: residual branches start near zero instead, which trains as well here and
keeps decoders free of batch statistics.
"""

import keras
from keras import ops

from zoo.networks.sizes import check_sizes
from zoo.validation import check_whole_number

BLOCKS = ("plain", "residual", "gated")


def halvings(size, times):
    """`size` after being halved `times` times, rounding up each time."""
    for _ in range(times):
        size = -(-size // 2)
    return size


def depth_to_space(x, factor=2):
    """(N, H, W, f f C) to (N, f H, f W, C)."""
    _, height, width, channels = x.shape
    channels = channels // factor**2
    x = ops.reshape(x, (-1, height, width, factor, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, factor * height, factor * width, channels))


def space_to_depth(x, factor=2):
    """(N, f H, f W, C) to (N, H, W, f f C): the inverse of `depth_to_space`."""
    _, height, width, channels = x.shape
    height, width = height // factor, width // factor
    x = ops.reshape(x, (-1, height, factor, width, factor, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, height, width, factor**2 * channels))


class ConvBlock(keras.layers.Layer):
    """Mixes neighbouring pixels in one of three forms; keeps the shape of its input.

    Args:
        filters: channels in and out.
        kind: "plain": activation(conv3x3(x)). "residual": x plus a bottleneck of half
            the channels, conv1x1 - conv3x3 - conv1x1, each preceded by the activation
            (He et al., "Identity Mappings in Deep Residual Networks", 2016). "gated":
            the same, with the bottleneck's output multiplied by a sigmoid gate (van den
            Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016).
        activation: name of the activation.
        seeds: `InitializerSeeds`.
    """

    def __init__(self, filters, kind, activation, seeds, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.activation = keras.activations.get(activation)

        def conv(channels, size, initializer, name):
            return keras.layers.Conv2D(
                channels,
                size,
                padding="same",
                data_format="channels_last",
                kernel_initializer=initializer,
                dtype=self.dtype_policy,
                name=name,
            )

        if kind == "plain":
            self.mix = conv(filters, 3, seeds.he_normal(), "mix")
            return
        narrow = max(1, filters // 2)
        self.reduce = conv(narrow, 1, seeds.he_normal(), "reduce")
        self.mix = conv(narrow, 3, seeds.he_normal(), "mix")
        # Near zero: the block starts as the identity, so depth costs nothing at first
        # (De & Smith, "Batch Normalization Biases Residual Blocks Towards the Identity
        # Function in Deep Networks", 2020).
        small = keras.initializers.RandomNormal(stddev=1e-2, seed=seeds.next_seed())
        self.expand = conv(filters * (2 if kind == "gated" else 1), 1, small, "expand")

    def build(self, input_shape):
        if self.kind == "plain":
            self.mix.build(input_shape)
        else:
            narrow = (*input_shape[:3], self.reduce.filters)
            self.reduce.build(input_shape)
            self.mix.build(narrow)
            self.expand.build(narrow)
        self.built = True

    def call(self, x):
        if self.kind == "plain":
            return self.activation(self.mix(x))
        update = self.reduce(self.activation(x))
        update = self.mix(self.activation(update))
        update = self.expand(self.activation(update))
        if self.kind == "gated":
            value, gate = ops.split(update, 2, axis=-1)
            update = value * ops.sigmoid(gate)
        return x + update


def _blocks(filters, count, kind, activation, seeds, dtype, stage):
    return [
        ConvBlock(
            filters,
            kind,
            activation,
            seeds,
            dtype=dtype,
            name=f"stage_{stage}_block_{i}",
        )
        for i in range(count)
    ]


class HalvingStages(keras.layers.Layer):
    """Base of encoders: images to features of a coarser grid.

    Each stage halves the image (rounding up) with a strided 3x3 convolution and mixes
    it with `blocks_per_stage` blocks.

    Args:
        filters: channels of each stage, finest first.
        blocks_per_stage, block, activation: see `ConvBlock`.
        seeds: `InitializerSeeds`.
    """

    def __init__(self, filters, blocks_per_stage, block, activation, seeds, **kwargs):
        super().__init__(**kwargs)
        dtype = self.dtype_policy
        self.activation = keras.activations.get(activation)
        self.downs = []
        self.stages = []
        for i, channels in enumerate(filters):
            self.downs.append(
                keras.layers.Conv2D(
                    channels,
                    3,
                    strides=2,
                    padding="same",
                    data_format="channels_last",
                    kernel_initializer=seeds.glorot_uniform(),
                    dtype=dtype,
                    name=f"down_{i}",
                )
            )
            self.stages.append(
                _blocks(channels, blocks_per_stage, block, activation, seeds, dtype, i)
            )

    def build_stages(self, input_shape):
        """Builds the stages; returns the shape of what they give."""
        shape = tuple(input_shape)
        for down, stage in zip(self.downs, self.stages, strict=True):
            down.build(shape)
            shape = (None, -(-shape[1] // 2), -(-shape[2] // 2), down.filters)
            for block in stage:
                block.build(shape)
        return shape

    def halve(self, x):
        """(N, H, W, C) to activated features (N, h, w, filters[-1])."""
        for i, (down, stage) in enumerate(zip(self.downs, self.stages, strict=True)):
            x = down(x if i == 0 else self.activation(x))
            for block in stage:
                x = block(x)
        return self.activation(x)


class DoublingStages(keras.layers.Layer):
    """Base of decoders: features of a coarse grid to likelihood parameters.

    The mirror image of `HalvingStages`. Sizes that do not halve evenly are made a pixel
    too large on the way up and cropped.

    Args:
        output_shape: (H, W, channels).
        filters: channels of each stage, finest first, as for the encoder.
        activation: see `ConvBlock`.
    """

    def __init__(self, output_shape, filters, activation, **kwargs):
        super().__init__(**kwargs)
        height, width, self.channels = output_shape
        depth = len(filters)
        self.filters = tuple(filters)
        self.activation = keras.activations.get(activation)
        # Sizes from coarse to fine; the last is the image itself.
        self.sizes = [
            (halvings(height, i), halvings(width, i)) for i in reversed(range(depth))
        ]
        self.coarsest = (halvings(height, depth), halvings(width, depth), filters[-1])

    def make_stages(self, blocks_per_stage, block, activation, seeds):
        """Makes the layers: after those that the subclass has before them."""
        dtype = self.dtype_policy
        self.stages = []
        self.ups = []
        # Channels after each doubling; the last are the likelihood's parameters.
        outputs = [*reversed(self.filters[:-1]), self.channels]
        for i, (inside, outside) in enumerate(
            zip(reversed(self.filters), outputs, strict=True)
        ):
            self.stages.append(
                _blocks(inside, blocks_per_stage, block, activation, seeds, dtype, i)
            )
            self.ups.append(
                keras.layers.Conv2D(
                    4 * outside,
                    # Nothing mixes neighbours after the last doubling: a 3x3 kernel.
                    3 if i == len(self.filters) - 1 else 1,
                    padding="same",
                    data_format="channels_last",
                    kernel_initializer=seeds.glorot_uniform(),
                    dtype=dtype,
                    name=f"up_{i}",
                )
            )

    def build_stages(self):
        """Builds the stages."""
        shape = (None, *self.coarsest)
        for stage, up, size in zip(self.stages, self.ups, self.sizes, strict=True):
            for block in stage:
                block.build(shape)
            up.build(shape)
            shape = (None, *size, up.filters // 4)

    def double(self, x):
        """(N, *coarsest) to (N, H, W, channels)."""
        for stage, up, (height, width) in zip(
            self.stages, self.ups, self.sizes, strict=True
        ):
            for block in stage:
                x = block(x)
            x = depth_to_space(up(self.activation(x)))
            x = x[:, :height, :width, :]
        return x


def check_stages(filters, blocks_per_stage, block):
    """(`filters`, `blocks_per_stage`) as whole numbers.

    Raises:
        ValueError: for arguments out of range.
    """
    blocks_per_stage = check_whole_number(blocks_per_stage, "blocks_per_stage", 0)
    filters = check_sizes(filters, "filters")
    if not filters:
        raise ValueError("`filters` must name at least one stage; got none.")
    if block not in BLOCKS:
        raise ValueError(
            f"`block` must be one of {', '.join(map(repr, BLOCKS))}; got {block!r}."
        )
    return filters, blocks_per_stage
