"""A transformer, over a whole sequence or, if causal, step by step with a cache."""

import math
from typing import Any

import keras
from keras import ops

from zoo.networks.seeding import InitializerSeeds
from zoo.precision import at_least_float32, float_dtype
from zoo.validation import check_whole_number


class TransformerBlock(keras.layers.Layer):
    """Self-attention and a perceptron, each normalized first and added.

    Vaswani et al., "Attention Is All You Need", 2017; normalization first as in Radford
    et al., "Language Models are Unsupervised Multitask Learners", 2019.

    Args:
        width: features of each position, a multiple of `num_heads`.
        num_heads: attention heads.
        seeds: `InitializerSeeds`.
        dropout: share of what is added that training leaves out, of a whole sequence.
    """

    def __init__(self, width, num_heads, seeds, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.head_dim = width // num_heads
        dtype = self.dtype_policy

        def dense(units, name):
            return keras.layers.Dense(
                units, kernel_initializer=seeds.glorot_uniform(), dtype=dtype, name=name
            )

        self.attend_norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=dtype, name="attend_norm"
        )
        self.qkv = dense(3 * width, "qkv")
        self.mix = dense(width, "mix")
        self.think_norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=dtype, name="think_norm"
        )
        self.up = dense(4 * width, "up")
        self.down = dense(width, "down")
        self.dropout: Any = None
        if dropout:
            self.dropout = keras.layers.Dropout(
                dropout, seed=seeds.next_seed(), dtype=dtype, name="dropout"
            )

    def build(self, input_shape):
        width = input_shape[-1]
        for layer in (self.attend_norm, self.qkv, self.mix, self.think_norm, self.up):
            layer.build((None, width))
        self.down.build((None, 4 * width))
        self.built = True

    def _heads(self, x):
        """Queries, keys and values of (..., width): each (..., heads, head_dim)."""
        qkv = self.qkv(self.attend_norm(x))
        shape = (*ops.shape(x)[:-1], self.num_heads, self.head_dim)
        return (ops.reshape(part, shape) for part in ops.split(qkv, 3, axis=-1))

    def _add(self, x, attended):
        """The rest of the block after attention, (..., heads, head_dim) to (..., W)."""
        x = x + self._thinned(self.mix(ops.reshape(attended, ops.shape(x))))
        hidden = _gelu(self.up(self.think_norm(x)))
        return x + self._thinned(self.down(hidden))

    def _thinned(self, x):
        return x if self.dropout is None else self.dropout(x)

    def _weights(self, scores, seen=None):
        """Attention weights of scores, where `seen`; softmax in float32 at least."""
        scores = at_least_float32(scores) / math.sqrt(self.head_dim)
        if seen is not None:
            scores = ops.where(seen, scores, -1e9)
        return ops.cast(ops.softmax(scores, axis=-1), self.compute_dtype)

    def call(self, x, seen=None):
        """A whole sequence, (N, T, width) to (N, T, width).

        Args:
            x: (N, T, width).
            seen: what each place attends to, of a shape that broadcasts to
                (N, heads, T, T); None for all.
        """
        query, key, value = self._heads(x)
        weights = self._weights(ops.einsum("nqhd,nkhd->nhqk", query, key), seen)
        return self._add(x, ops.einsum("nhqk,nkhd->nqhd", weights, value))

    def step(self, x, cache, layer):
        """One place, (N, width) to (N, width), given those before it.

        Args:
            x: (N, width).
            cache: a `zoo.networks.cache.StaticCache`, to which the place is added.
            layer: which of the cache's layers this block is.
        """
        query, key, value = self._heads(x)
        keys, values = cache.update(layer, key, value)
        # Products of matrices, as einsum would become an operator of its own in ONNX.
        query = ops.expand_dims(query, -1)
        scores = ops.squeeze(ops.matmul(keys, query), axis=-1)
        weights = ops.expand_dims(self._weights(scores, cache.seen), 2)
        return self._add(x, ops.squeeze(ops.matmul(weights, values), axis=2))


class Transformer(keras.layers.Layer):
    """Features of positions 0 to T - 1, each from those up to its own, or from all.

    Args:
        length: T.
        width: features of each position, a multiple of `num_heads`.
        num_layers, num_heads: how many of each.
        dropout: see `TransformerBlock`.
        seed: integer that fixes the initial weights, or None.
        causal: whether positions are kept from those after them.

    Raises:
        ValueError: for arguments out of range.
    """

    def __init__(
        self,
        length,
        width,
        num_layers,
        num_heads,
        dropout=0.0,
        seed=None,
        causal=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.length, self.causal = length, causal
        self.width = check_whole_number(width, "width", 1)
        self.num_heads = check_whole_number(num_heads, "num_heads", 1)
        if self.width % self.num_heads:
            raise ValueError(
                f"`width` must be a multiple of `num_heads`; got {width} and "
                f"{num_heads}."
            )
        seeds = InitializerSeeds(seed)
        self.blocks = [
            TransformerBlock(
                self.width,
                self.num_heads,
                seeds,
                dropout,
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i in range(check_whole_number(num_layers, "num_layers", 1))
        ]

    def build(self, input_shape):
        for block in self.blocks:
            block.build((None, self.length, self.width))
        self.built = True

    def call(self, x, mask=None):
        """A whole sequence, (N, t, width) to (N, t, width).

        Args:
            x: (N, t, width), t <= T.
            mask: bool (N, t), the positions that others attend to; None for all.
        """
        seen = None
        if self.causal:
            places = ops.arange(ops.shape(x)[1], dtype="int32")
            seen = places <= places[:, None]
        if mask is not None:
            mask = mask[:, None, None, :]
            seen = mask if seen is None else ops.logical_and(seen, mask)
        for block in self.blocks:
            x = block(x, seen=seen)
        return x

    @property
    def cache_shape(self):
        """(tensors, heads, head_dim) of what is kept of each place."""
        return 2 * len(self.blocks), self.num_heads, self.width // self.num_heads

    def empty_cache(self, count, places):
        """Zeros for `count` sequences, as `zoo.networks.cache` lists them."""
        tensors, heads, head_dim = self.cache_shape
        shape = (count, heads, places, head_dim)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in range(tensors)]

    def step(self, x, cache):
        """One place, (N, width) to (N, width): adds it to the cache."""
        for layer, block in enumerate(self.blocks):
            x = block.step(x, cache, layer)
        return x


def _gelu(x):
    """GELU by a hyperbolic tangent: the exact form's erf has no conversion to ONNX."""
    if float_dtype(x) == "float32":
        return keras.activations.gelu(x, approximate=True)
    # TensorFlow's own has a constant of float32 in it.
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + ops.tanh(inner))
