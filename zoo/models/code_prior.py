"""CodePrior: how probable a grid of codes is."""

import math

import keras
import numpy as np
from keras import ops

from zoo.networks.transformer import CausalTransformer
from zoo.validation import check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class CodePrior(keras.layers.Layer):
    """p(codes) as a product of p(code|codes before it), row by row, by a transformer.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, section 3.3,
    with a causal transformer in place of their PixelCNN. Codes of a residual quantizer
    follow one another at each place. Until it is trained it is exactly uniform.

    Args:
        codebook_size: number of codes, K.
        code_shape: shape of an image's codes, such as (7, 7).
        width, num_layers, num_heads: of the transformer.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> import numpy as np
    >>> from zoo.models.code_prior import CodePrior
    >>> prior = CodePrior(4, (3, 3), width=8, num_layers=1, num_heads=2, seed=0)
    >>> prior.build(None)
    >>> codes = np.zeros((32, 3, 3), "int32")  # always the same
    >>> round(float(prior.log_prob(codes)[0]), 2), round(float(-9 * np.log(4)), 2)
    (-12.48, -12.48)
    >>> history = prior.fit(codes, epochs=2, verbose=0)  # nats a code
    >>> float(prior.log_prob(codes)[0]) > -12.4
    True
    """

    def __init__(
        self,
        codebook_size,
        code_shape,
        width=128,
        num_layers=4,
        num_heads=4,
        seed=None,
        name="code_prior",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.codebook_size = check_whole_number(codebook_size, "codebook_size", 1)
        self.code_shape = tuple(int(size) for size in code_shape)
        self.depth = self.code_shape[2] if len(self.code_shape) > 2 else 1
        self.length = math.prod(self.code_shape)
        self.seed = None if seed is None else int(seed)
        dtype = self.dtype_policy
        self.transformer = CausalTransformer(
            self.length,
            width,
            num_layers,
            num_heads,
            seed=self.seed,
            dtype=dtype,
            name="transformer",
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=dtype, name="norm"
        )
        # Zeros: an untrained prior is uniform.
        self.head = keras.layers.Dense(
            self.codebook_size, kernel_initializer="zeros", dtype=dtype, name="head"
        )

    def build(self, input_shape=None):
        width = self.transformer.width
        for i, (name, rows) in enumerate(
            (
                ("start", 1),
                ("tokens", self.depth * self.codebook_size),
                ("places", self.length),
            )
        ):
            normal = keras.initializers.RandomNormal(
                0.02, seed=None if self.seed is None else self.seed + i
            )
            weight = self.add_weight(shape=(rows, width), initializer=normal, name=name)
            setattr(self, name, weight)
        self.transformer.build((None, self.length, width))
        self.norm.build((None, width))
        self.head.build((None, width))
        self.built = True

    @property
    def is_trained(self):
        """Whether it has learned anything: not to be asked within a compiled step."""
        return bool(np.any(ops.convert_to_numpy(self.head.kernel)))

    def _embed(self, codes, places):
        """Vectors of codes, which differ between the levels of residual codes."""
        tokens = ops.cast(codes, "int32") + self.codebook_size * (places % self.depth)
        return ops.cast(ops.take(self.tokens, tokens, axis=0), self.compute_dtype)

    def _logits(self, features):
        return ops.cast(self.head(self.norm(features)), "float32")

    def call(self, codes):
        """Logits of each code given those before: (N, *code_shape) to (N, T, K)."""
        flat = ops.reshape(codes, (-1, self.length))
        places = ops.arange(self.length, dtype="int32")
        before = self._embed(flat[:, :-1], places[:-1])
        start = ops.cast(ops.convert_to_tensor(self.start), self.compute_dtype)
        # Adding zeros broadcasts the start to all sequences.
        start = start + 0 * ops.cast(flat[:, :1, None], self.compute_dtype)
        inputs = ops.concatenate([start, before], axis=1)
        inputs = inputs + ops.cast(
            ops.convert_to_tensor(self.places), self.compute_dtype
        )
        return self._logits(self.transformer(inputs))

    def log_prob(self, codes):
        """log p(codes) in nats: int32 (..., *code_shape) to (...)."""
        codes = ops.convert_to_tensor(codes, "int32")
        leading = ops.shape(codes)[: len(codes.shape) - len(self.code_shape)]
        flat = ops.reshape(codes, (-1, self.length))
        log_probs = ops.log_softmax(self(flat), axis=-1)
        every = ops.arange(self.codebook_size, dtype="int32")
        chosen = ops.where(flat[..., None] == every, log_probs, 0.0)
        return ops.reshape(ops.sum(chosen, axis=(-2, -1)), leading)

    def from_uniforms(self, uniforms, temperature, top_k=None):
        """Draws codes one after another, by inverting their distribution functions.

        Args:
            uniforms: numbers in [0, 1), (N, T).
            temperature: (N,), divides the logits; 0 takes the most probable codes.
            top_k: draw from this many most probable codes alone; None from all.

        Returns:
            int32 (N, *code_shape). The same uniforms give the same codes everywhere.
        """
        count = ops.shape(uniforms)[0]
        uniforms = ops.minimum(ops.cast(uniforms, "float32"), 1 - 1e-6)
        temperature = ops.maximum(ops.cast(temperature, "float32"), 1e-6)[:, None]
        places = ops.arange(self.length, dtype="int32")
        start = ops.cast(ops.convert_to_tensor(self.start), self.compute_dtype)

        def at(values, place):
            """Column `place` of (N, T)."""
            zero = ops.zeros((), values.dtype)
            return ops.sum(ops.where(places == place, values, zero), axis=1)

        def body(place, state):
            codes, *cache = state
            place = ops.cast(place, "int32")
            before = ops.maximum(place - 1, 0)
            x = ops.where(place == 0, start, self._embed(at(codes, before), before))
            x = x + ops.cast(ops.take(self.places, place, axis=0), x.dtype)
            features, cache = self.transformer.step(x, place, cache)
            logits = self._logits(features) / temperature
            if top_k is not None and top_k < self.codebook_size:
                least = ops.top_k(logits, top_k)[0][:, -1:]
                logits = ops.where(logits < least, -1e30, logits)
            below = ops.cumsum(ops.softmax(logits), axis=-1)
            passed = below[:, :-1] <= at(uniforms, place)[:, None] * below[:, -1:]
            code = ops.sum(ops.cast(passed, "int32"), axis=-1)
            codes = ops.where(places == place, code[:, None], codes)
            return (codes, *cache)

        codes = ops.zeros((count, self.length), "int32")
        state = (codes, *self.transformer.empty_cache(count))
        codes = ops.fori_loop(0, self.length, body, state)[0]
        return ops.reshape(codes, (-1, *self.code_shape))

    def fit(
        self,
        codes,
        optimizer="adam",
        validation_codes=None,
        jit_compile="auto",
        **options,
    ):
        """Trains on codes, as `keras.Model.fit`.

        Args:
            codes: int32 array (N, *code_shape).
            optimizer: a Keras optimizer or its name.
            validation_codes: further codes, to validate on.
            jit_compile: as in `keras.Model.compile`.
            options: of `keras.Model.fit`, such as `epochs` and `batch_size`.

        Returns:
            `keras.callbacks.History` with `loss` and `val_loss` in nats a code.
        """
        inputs = keras.Input(self.code_shape, dtype="int32")
        trainable, self.trainable = self.trainable, True
        try:
            model = keras.Model(inputs, self(inputs))
            model.compile(
                optimizer,
                keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                jit_compile=jit_compile,
            )

            def pair(values):
                return values, np.reshape(values, (-1, self.length))

            if validation_codes is not None:
                options["validation_data"] = pair(validation_codes)
            return model.fit(*pair(codes), **options)
        finally:
            self.trainable = trainable

    def get_config(self):
        config = super().get_config()
        # Its model freezes it, weights and all: a layer that starts out frozen has
        # sub-layers that are not, and on TensorFlow cannot be frozen any more.
        config.pop("trainable", None)
        return {
            **config,
            "codebook_size": self.codebook_size,
            "code_shape": list(self.code_shape),
            "width": self.transformer.width,
            "num_layers": len(self.transformer.blocks),
            "num_heads": self.transformer.num_heads,
            "seed": self.seed,
        }
