"""Latents to texts, token by token."""

from typing import Any

import keras
from keras import ops

from zoo.networks.cache import DynamicCache, StaticCache
from zoo.networks.text import TextNetwork
from zoo.precision import at_least_float32


class TextDecoder(TextNetwork):
    """Latents, and the tokens before a place, to the odds of those at it.

    Bowman et al., "Generating Sentences from a Continuous Space", 2016: what recurrent
    layers begin with is made of the latent, which is also added to the vector of each
    token and, past all layers, to the features that say which token is next (Dieng et
    al., "Avoiding Latent Variable Collapse with Generative Skip Models", 2019). A
    token's odds are the product of these and its vector (Inan et al., "Tying Word
    Vectors and Word Classifiers", 2017).

    Args:
        context_dim: numbers of a latent, and of what is known of its label.
        word_dropout: share of tokens that training hides from it (Bowman et al. 2016,
            section 3.1), in [0, 1].
        kind, ...: as in `TextNetwork`.
    """

    # What texts begin with, and what hidden tokens are taken for.
    further_rows = 2

    def __init__(self, context_dim, word_dropout, **kwargs):
        super().__init__(**kwargs)
        self.context_dim = context_dim
        self.word_dropout = word_dropout
        self.seed_generator = keras.random.SeedGenerator(self.seeds.next_seed())
        self.inform = self.dense(self.informed_dim, "inform")
        self.begin_with: Any = None
        if self.is_transformer:
            self.widen = self.dense(self.units, "widen")
            self.layers_: Any = self.transformer(causal=True)
            self.norm = keras.layers.LayerNormalization(
                epsilon=1e-5, dtype=self.dtype_policy, name="norm"
            )
        else:
            self.layers_ = [
                self.recurrent(f"layer_{i}") for i in range(self.num_layers)
            ]
            count = self.num_layers * self._states_a_layer
            self.begin_with = self.dense(count * self.units, "begin_with")
        self.narrow = self.dense(self.embedding_dim, "narrow")

    @property
    def _states_a_layer(self):
        return 2 if self.kind == "lstm" else 1

    @property
    def start(self):
        """The number of what every text begins with: no token."""
        return self.vocabulary_size

    @property
    def informed_dim(self):
        """Numbers that `inform` makes of a context."""
        return 2 * self.embedding_dim

    @property
    def grows(self):
        """Whether states grow by a place each time, at first of none."""
        return self.is_transformer

    @property
    def state_shapes(self):
        """Shapes of what `step` keeps of the places before, of one text.

        None where the number of places stands.
        """
        if self.is_transformer:
            tensors, heads, head_dim = self.layers_.cache_shape
            return [(heads, None, head_dim)] * tensors
        return [(self.units,)] * (self.num_layers * self._states_a_layer)

    def build(self, input_shape):
        self.build_tables()
        self.bias = self.add_weight(
            shape=(self.vocabulary_size,), initializer="zeros", name="bias"
        )
        self.inform.build((None, self.context_dim))
        length, width = self.max_length, self.embedding_dim
        if self.is_transformer:
            self.widen.build((None, length, width))
            self.layers_.build((None, length, self.units))
            self.norm.build((None, length, self.units))
        else:
            self.begin_with.build((None, self.context_dim))
            for layer in self.layers_:
                layer.build((None, length, width))
                width = self.units
        self.narrow.build((None, self.units))
        self.built = True

    def call(self, context, tokens, training=False):
        """Odds of all tokens at each place, given those before it.

        Args:
            context: (N, context_dim).
            tokens: int32 (N, t).

        Returns:
            logits, float32 (N, t, vocabulary_size).
        """
        tokens = ops.cast(tokens, "int32")
        start = ops.full_like(tokens[:, :1], self.start)
        before = tokens[:, :-1]
        if training and self.word_dropout:
            drawn = keras.random.uniform(ops.shape(before), seed=self.seed_generator)
            before = ops.where(drawn < self.word_dropout, self.start + 1, before)
        x = self.embed(ops.concatenate([start, before], axis=1))
        within, beyond = ops.split(ops.expand_dims(self.inform(context), 1), 2, axis=-1)
        x = x + within
        x = self.before(x, training=training)
        if self.is_transformer:
            places = ops.convert_to_tensor(self.places)[: ops.shape(x)[1]]
            x = self.widen(x) + ops.cast(places, self.compute_dtype)
            x = self.norm(self.layers_(x))
        else:
            states = self.first_states(context)
            for i, layer in enumerate(self.layers_):
                x = layer(x, initial_state=self._states_of(states, i))
        return self._logits(self.after(x, training=training), beyond)

    def _logits(self, features, beyond):
        vectors = ops.convert_to_tensor(self.embedding)[: self.vocabulary_size]
        vectors = ops.cast(vectors, self.compute_dtype)
        logits = ops.matmul(self.narrow(features) + beyond, ops.transpose(vectors))
        return at_least_float32(logits) + at_least_float32(self.bias)

    def _states_of(self, states, layer):
        size = self._states_a_layer
        return list(states[layer * size : (layer + 1) * size])

    # One place after another.

    def first_states(self, context, places=0):
        """What `step` is given at the first place.

        Args:
            context: (N, context_dim).
            places: how many a transformer is to keep room for.

        Returns:
            list of tensors (N, *shape) of `state_shapes`.
        """
        if self.is_transformer:
            return self.layers_.empty_cache(ops.shape(context)[0], places)
        states = ops.tanh(self.begin_with(context))
        return ops.split(states, states.shape[-1] // self.units, axis=-1)

    def step(self, tokens, informed, states, place=None):
        """The odds at one place, given the token before it.

        Args:
            tokens: int32 (N,), those of the place before; `start` at the first.
            informed: (N, informed_dim), what `inform` makes of the context: the same
                at all places.
            states: of the places before, as `first_states` gives them.
            place: int32 scalar, where a transformer's states have room for all places;
                None where they grow.

        Returns:
            logits, float32 (N, vocabulary_size), and the states of the next place.
        """
        within, beyond = ops.split(informed, 2, axis=-1)
        x = self.embed(tokens) + within
        if self.is_transformer:
            cache = (
                DynamicCache(states) if place is None else StaticCache(states, place)
            )
            vector = ops.take(self.places, cache.place, axis=0)
            x = self.widen(x) + ops.cast(vector, self.compute_dtype)
            x = self.norm(self.layers_.step(x, cache))
            return self._logits(x, beyond), cache.tensors
        kept = []
        for i, layer in enumerate(self.layers_):
            x, new = layer.cell(x, self._states_of(states, i))
            kept += new
        return self._logits(x, beyond), kept
