"""What the encoder and the decoder of texts share: how they are made."""

import keras
from keras import ops

from zoo.networks.transformer import Transformer
from zoo.validation import check_choice, check_share, check_whole_number

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
