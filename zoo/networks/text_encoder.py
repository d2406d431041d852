"""Texts to the numbers that describe their posteriors."""

import keras
from keras import ops

from zoo.networks.text import TextNetwork
from zoo.vocabulary import END


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
            # Taken, as a flip has no conversion to ONNX.
            back = ops.arange(ops.shape(x)[1] - 1, -1, -1, dtype="int32")
            behind = ops.take(backwards(x, mask=mask), back, axis=1)
            x = ops.concatenate([ahead, behind], axis=-1)
        ahead = ops.sum(ahead * last, axis=1)
        first = ops.cast(mask[:, :1], x.dtype)
        return ops.concatenate([ahead, behind[:, 0] * first], axis=-1)
