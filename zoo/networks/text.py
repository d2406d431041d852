"""Networks of texts: tokens to features, and latents to the odds of the next token."""

from typing import Any

import keras
from keras import ops

from zoo.networks.cache import DynamicCache, StaticCache
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.transformer import Transformer
from zoo.precision import at_least_float32
from zoo.validation import check_choice, check_share, check_whole_number
from zoo.vocabulary import END

KINDS = ("gru", "lstm", "transformer")
# Of a transformer's width, one attention head for so many features, at least one.
_HEAD = 64


class TextNetwork(keras.layers.Layer):
    """What encoder and decoder share: how they are made.

    Args:
        kind: "gru" (Cho et al., 2014), "lstm" (Hochreiter & Schmidhuber, 1997) or
            "transformer" (see `zoo.networks.transformer`).
        vocabulary_size: number of tokens.
        max_length: tokens of the longest text, T.
        embedding_dim: features of a token.
        units: of each recurrent layer; features of a transformer.
        num_layers: how many of them.
        dropout: share of features that training leaves out, before the layers and
            after them, in [0, 1).
        seeds: `InitializerSeeds`.

    Raises:
        ValueError: for arguments out of range.
    """

    # Rows of the embedding beside those of tokens.
    further_rows = 0

    def __init__(
        self,
        kind,
        vocabulary_size,
        max_length,
        embedding_dim,
        units,
        num_layers,
        dropout,
        seeds,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kind = check_choice(kind, "networks", KINDS)
        self.vocabulary_size, self.max_length = vocabulary_size, max_length
        self.embedding_dim = check_whole_number(embedding_dim, "embedding_dim", 1)
        self.units = check_whole_number(units, "units", 1)
        self.num_layers = check_whole_number(num_layers, "num_layers", 1, 64)
        self.dropout = check_share(dropout, "dropout")
        self.seeds = seeds
        self._embedding_seed = seeds.next_seed()
        self.before, self.after = (
            keras.layers.Dropout(
                self.dropout, seed=seeds.next_seed(), dtype=self.dtype_policy
            )
            for _ in range(2)
        )

    @property
    def is_transformer(self):
        """Whether it attends, instead of going through a text."""
        return self.kind == "transformer"

    def dense(self, units, name, **options):
        """A fully connected layer."""
        return keras.layers.Dense(
            units,
            kernel_initializer=self.seeds.glorot_uniform(),
            dtype=self.dtype_policy,
            name=name,
            **options,
        )

    def recurrent(self, name, **options):
        """A recurrent layer that gives its features at each place."""
        layer = keras.layers.LSTM if self.kind == "lstm" else keras.layers.GRU
        return layer(
            self.units,
            return_sequences=True,
            kernel_initializer=self.seeds.glorot_uniform(),
            recurrent_initializer=keras.initializers.Orthogonal(
                seed=self.seeds.next_seed()
            ),
            dtype=self.dtype_policy,
            name=name,
            **options,
        )

    def transformer(self, causal):
        """Layers of attention over a text."""
        heads = max(1, self.units // _HEAD)
        while self.units % heads:
            heads -= 1
        return Transformer(
            self.max_length,
            self.units,
            self.num_layers,
            heads,
            seed=self.seeds.next_seed(),
            causal=causal,
            dtype=self.dtype_policy,
            name="transformer",
        )

    def add_table(self, name, rows, width):
        """A weight that holds a vector in each row."""
        return self.add_weight(
            shape=(rows, width),
            initializer=keras.initializers.RandomNormal(
                stddev=width**-0.5, seed=self._embedding_seed
            ),
            name=name,
        )

    def build_tables(self):
        """The vectors of tokens, and of places where those are attended to."""
        rows = self.vocabulary_size + self.further_rows
        self.embedding = self.add_table("embedding", rows, self.embedding_dim)
        if self.is_transformer:
            self.places = self.add_weight(
                shape=(self.max_length, self.units),
                initializer=keras.initializers.RandomNormal(
                    stddev=0.02, seed=self._embedding_seed
                ),
                name="places",
            )

    def embed(self, tokens):
        """The vectors of tokens, (..., embedding_dim)."""
        return ops.cast(ops.take(self.embedding, tokens, axis=0), self.compute_dtype)


class TextEncoder(TextNetwork):
    """Texts to the numbers that describe a posterior: (N, t) to (N, outputs).

    Recurrent layers read a text in both directions, and what each has found out at its
    end is mapped linearly; a transformer's features are averaged over the text.

    Args:
        outputs: numbers for each text.
        label_dim: how many numbers about its label it sees.
        kind, ...: as in `TextNetwork`.
    """

    def __init__(self, outputs, label_dim, **kwargs):
        super().__init__(**kwargs)
        self.label_dim = label_dim
        if self.is_transformer:
            self.widen = self.dense(self.units, "widen")
            self.layers_ = self.transformer(causal=False)
            self.norm = keras.layers.LayerNormalization(
                epsilon=1e-5, dtype=self.dtype_policy, name="norm"
            )
        else:
            self.forwards = [
                self.recurrent(f"forwards_{i}") for i in range(self.num_layers)
            ]
            self.backwards = [
                self.recurrent(f"backwards_{i}", go_backwards=True)
                for i in range(self.num_layers)
            ]
        self.describe = self.dense(outputs, "describe")

    def build(self, input_shape):
        self.build_tables()
        length, width = self.max_length, self.embedding_dim
        if self.is_transformer:
            self.widen.build((None, length, width))
            self.layers_.build((None, length, self.units))
            self.norm.build((None, length, self.units))
            self.describe.build((None, self.units + self.label_dim))
        else:
            for both in zip(self.forwards, self.backwards, strict=True):
                for layer in both:
                    layer.build((None, length, width))
                width = 2 * self.units
            self.describe.build((None, 2 * self.units + self.label_dim))
        self.built = True

    def call(self, tokens, label_vectors=None, training=False):
        """Tokens (N, t), and what is known of labels (N, L), to (N, outputs)."""
        tokens = ops.cast(tokens, "int32")
        mask = tokens != END
        x = self.before(self.embed(tokens), training=training)
        read = self._attend if self.is_transformer else self._go_through
        features = self.after(read(x, mask), training=training)
        if label_vectors is not None:
            vectors = ops.cast(label_vectors, features.dtype)
            features = ops.concatenate([features, vectors], axis=-1)
        return self.describe(features)

    def _attend(self, x, mask):
        places = ops.convert_to_tensor(self.places)[: ops.shape(x)[1]]
        x = self.widen(x) + ops.cast(places, x.dtype)
        x = self.norm(self.layers_(x, mask))
        weights = ops.cast(mask, x.dtype)[..., None]
        # An empty text has no features but zeros.
        count = ops.maximum(ops.sum(weights, axis=1), 1)
        return ops.sum(x * weights, axis=1) / count

    def _go_through(self, x, mask):
        last = ops.cast(mask, x.dtype)[..., None]
        # The last token of each text: one that no other follows.
        last = last - ops.concatenate([last[:, 1:], ops.zeros_like(last[:, :1])], 1)
        for forwards, backwards in zip(self.forwards, self.backwards, strict=True):
            ahead = forwards(x, mask=mask)
            # Keras gives them in the order in which it goes, from the end.
            behind = ops.flip(backwards(x, mask=mask), axis=1)
            x = ops.concatenate([ahead, behind], axis=-1)
        ahead = ops.sum(ahead * last, axis=1)
        first = ops.cast(mask[:, :1], x.dtype)
        return ops.concatenate([ahead, behind[:, 0] * first], axis=-1)


class TextDecoder(TextNetwork):
    """Latents, and the tokens before a place, to the odds of those at it.

    Bowman et al., "Generating Sentences from a Continuous Space", 2016: what recurrent
    layers begin with is made of the latent, which is also added to the vector of each
    token. A token's odds are the product of features and its vector (Inan et al.,
    "Tying Word Vectors and Word Classifiers", 2017).

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
        self.inform = self.dense(self.embedding_dim, "inform")
        self.begin_with: Any = None
        if self.is_transformer:
            self.widen = self.dense(self.units, "widen")
            self.layers_: Any = self.transformer(causal=True)
            self.norm = keras.layers.LayerNormalization(
                epsilon=1e-5, dtype=self.dtype_policy, name="norm"
            )
        else:
            self.layers_ = [self.recurrent(f"layer_{i}") for i in range(self.num_layers)]
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
        x = x + ops.expand_dims(self.inform(context), 1)
        x = self.before(x, training=training)
        if self.is_transformer:
            places = ops.convert_to_tensor(self.places)[: ops.shape(x)[1]]
            x = self.widen(x) + ops.cast(places, self.compute_dtype)
            x = self.norm(self.layers_(x))
        else:
            states = self.first_states(context)
            for i, layer in enumerate(self.layers_):
                x = layer(x, initial_state=self._states_of(states, i))
        return self._logits(self.after(x, training=training))

    def _logits(self, features):
        vectors = ops.convert_to_tensor(self.embedding)[: self.vocabulary_size]
        vectors = ops.cast(vectors, self.compute_dtype)
        logits = ops.matmul(self.narrow(features), ops.transpose(vectors))
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

    def step(self, tokens, context, states, place=None):
        """The odds at one place, given the token before it.

        Args:
            tokens: int32 (N,), those of the place before; `start` at the first.
            context: (N, context_dim).
            states: of the places before, as `first_states` gives them.
            place: int32 scalar, where a transformer's states have room for all places;
                None where they grow.

        Returns:
            logits, float32 (N, vocabulary_size), and the states of the next place.
        """
        x = self.embed(tokens) + self.inform(context)
        if self.is_transformer:
            cache = DynamicCache(states) if place is None else StaticCache(states, place)
            vector = ops.take(self.places, cache.place, axis=0)
            x = self.widen(x) + ops.cast(vector, self.compute_dtype)
            x = self.norm(self.layers_.step(x, cache))
            return self._logits(x), cache.tensors
        kept = []
        for i, layer in enumerate(self.layers_):
            x, new = layer.cell(x, self._states_of(states, i))
            kept += new
        return self._logits(x), kept


def make_text_networks(
    outputs, latent_dim, label_dim, word_dropout, *, seed=None, dtype=None, **options
):
    """(encoder, decoder) of texts.

    Args:
        outputs: of the encoder.
        latent_dim: numbers of a latent.
        label_dim: how many numbers about a label both see.
        word_dropout: of the decoder.
        seed: integer that fixes the initial weights, or None.
        options: of `TextNetwork`.
    """
    seeds = InitializerSeeds(seed)
    made = {"seeds": seeds, "dtype": dtype, **options}
    encoder = TextEncoder(outputs, label_dim, name="encoder", **made)
    context_dim = latent_dim + label_dim
    decoder = TextDecoder(context_dim, word_dropout, name="decoder", **made)
    return encoder, decoder
