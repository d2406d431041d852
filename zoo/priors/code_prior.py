"""CodePrior: how probable a grid of codes is."""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.class_names import checked_names
from zoo.networks.transformer import Transformer
from zoo.precision import at_least_float32
from zoo.priors.drawing import draw_codes
from zoo.training.code_prior import fit_code_prior
from zoo.validation import check_share, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class CodePrior(keras.layers.Layer):
    """p(codes) as a product of p(code|codes before it), row by row, by a transformer.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, section 3.3,
    with a causal transformer in place of their PixelCNN. Codes of a residual quantizer
    follow one another at each place. With `num_classes` it is p(codes|label): sequences
    begin with the label's vector instead of one that all share. Until it is trained it
    is exactly uniform.

    Args:
        codebook_size: number of codes, K.
        code_shape: shape of an image's codes, such as (7, 7).
        width, num_layers, num_heads: of the transformer.
        dropout: share of what each of its layers adds that training leaves out, in
            [0, 1): for images too few for its size.
        num_classes: labels are whole numbers from 0 to num_classes - 1; None for a
            prior without labels.
        class_names: names of the classes, kept with the model and its exports; labels
            may be given by them.
        seed: integer that fixes the initial weights, or None.
        fitted_to: `codes_digest` of the model whose codes it knows, which `fit_prior`
            notes; None if that is not known.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> import numpy as np
    >>> from zoo.priors.code_prior import CodePrior
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
        codebook_size: int,
        code_shape: tuple[int, ...],
        width: int = 128,
        num_layers: int = 4,
        num_heads: int = 4,
        num_classes: int | None = None,
        class_names: list[str] | None = None,
        seed: int | None = None,
        fitted_to: str | None = None,
        name: str = "code_prior",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.codebook_size = check_whole_number(codebook_size, "codebook_size", 1)
        self.code_shape = tuple(int(size) for size in code_shape)
        self.depth = self.code_shape[2] if len(self.code_shape) > 2 else 1
        self.length = math.prod(self.code_shape)
        if num_classes is not None:
            num_classes = check_whole_number(num_classes, "num_classes", 1)
        self.num_classes = num_classes
        self.class_names = checked_names(class_names, num_classes)
        self.seed = None if seed is None else int(seed)
        self.fitted_to = fitted_to
        self.dropout = check_share(dropout, "dropout")
        dtype = self.dtype_policy
        self.transformer = Transformer(
            self.length,
            width,
            num_layers,
            num_heads,
            self.dropout,
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
                ("start", self.num_classes or 1),
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

    @property
    def cache_shape(self):
        """(tensors, heads, head_dim) of what `step` keeps of each place."""
        return self.transformer.cache_shape

    def given(self, labels=None):
        """p(codes|labels), for labels (N,): a `CodesGivenLabels`; itself without."""
        self.check_presence_of(labels)
        return self if labels is None else CodesGivenLabels(self, labels)

    def check_presence_of(self, labels):
        """Refuses labels that are missing or not wanted.

        Raises:
            ValueError: saying which.
        """
        if (labels is None) != (self.num_classes is None):
            needs = "needs labels" if labels is None else "takes no labels"
            raise ValueError(
                f"This CodePrior {needs}: its `num_classes` is {self.num_classes}."
            )

    def _embed(self, codes, places):
        """Vectors of codes, which differ between the levels of residual codes."""
        tokens = ops.cast(codes, "int32")
        if self.depth > 1:
            tokens = tokens + self.codebook_size * (places % self.depth)
        return ops.cast(ops.take(self.tokens, tokens, axis=0), self.compute_dtype)

    def _begin(self, labels):
        """What sequences begin with: (N, width), or (1, width) for all."""
        self.check_presence_of(labels)
        if labels is None:
            vectors = ops.convert_to_tensor(self.start)
        else:
            vectors = ops.take(self.start, ops.cast(labels, "int32"), axis=0)
        return ops.cast(vectors, self.compute_dtype)

    def _logits(self, features):
        return at_least_float32(self.head(self.norm(features)))

    def call(self, codes, labels=None):
        """Logits of each code given those before.

        Args:
            codes: int32 (N, *code_shape).
            labels: int32 (N,), for a prior with `num_classes`.

        Returns:
            float32 (N, T, K), T the number of codes of an image.
        """
        flat = ops.reshape(codes, (-1, self.length))
        places = ops.arange(self.length, dtype="int32")
        before = self._embed(flat[:, :-1], places[:-1])
        # Adding zeros broadcasts what all sequences share.
        zeros = ops.cast(0 * flat[:, :1, None], self.compute_dtype)
        begin = self._begin(labels)[:, None] + zeros
        inputs = ops.concatenate([begin, before], axis=1)
        vectors = ops.convert_to_tensor(self.places)
        inputs = inputs + ops.cast(vectors, self.compute_dtype)
        return self._logits(self.transformer(inputs))

    def log_prob(self, codes, labels=None):
        """log p(codes) in nats: int32 (..., *code_shape) to (...).

        Args:
            codes: int32 (..., *code_shape).
            labels: int32, of a shape that broadcasts to (...).

        Raises:
            ValueError: if labels are missing or not wanted.
        """
        self.check_presence_of(labels)
        codes = ops.convert_to_tensor(codes, "int32")
        leading = ops.shape(codes)[: len(codes.shape) - len(self.code_shape)]
        flat = ops.reshape(codes, (-1, self.length))
        if labels is not None:
            labels = ops.convert_to_tensor(labels, "int32")
            labels = ops.reshape(ops.broadcast_to(labels, leading), (-1,))
        log_probs = ops.log_softmax(self(flat, labels), axis=-1)
        every = ops.arange(self.codebook_size, dtype="int32")
        chosen = ops.where(flat[..., None] == every, log_probs, 0.0)
        return ops.reshape(ops.sum(chosen, axis=(-2, -1)), leading)

    def step(self, code, cache, labels=None):
        """Logits of one place, given the code before it: float32 (N, K).

        Args:
            code: int32 (N,), the code of the place before; at the first it is ignored.
            cache: a `zoo.networks.cache` of the places before, to which this is added.
            labels: int32 (N,), for a prior with `num_classes`.
        """
        place = cache.place
        before = self._embed(code, ops.maximum(place - 1, 0))
        x = ops.where(place == 0, self._begin(labels), before)
        x = x + ops.cast(ops.take(self.places, place, axis=0), x.dtype)
        return self._logits(self.transformer.step(x, cache))

    def from_uniforms(self, uniforms, temperature, top_k=None, labels=None):
        """Draws codes one after another, by inverting their distribution functions.

        Args:
            uniforms: float32 numbers in [0, 1), (N, T).
            temperature: (N,), divides the logits; 0 takes the most probable codes.
            top_k: draw from this many most probable codes alone; None from all.
            labels: int32 (N,), for a prior with `num_classes`.

        Returns:
            int32 (N, *code_shape). The same uniforms give the same codes everywhere,
            but where one lies within rounding of the edge between two codes.
        """
        return draw_codes(self, uniforms, temperature, top_k, labels)

    def fit(self, codes, labels=None, optimizer="adam", **options):
        """Trains on codes: see `zoo.training.code_prior.fit_code_prior`.

        Args:
            codes: int32 array (N, *code_shape).
            labels: int32 array (N,), for a prior with `num_classes`.
            optimizer: a Keras optimizer or its name.
            options: `validation_data`, (codes, labels); `jit_compile`; and those of
                `keras.Model.fit`, such as `epochs` and `batch_size`.

        Returns:
            `keras.callbacks.History` with `loss` and `val_loss` in nats a code.

        Raises:
            ValueError: if labels are missing or not wanted.
        """
        return fit_code_prior(self, codes, labels, optimizer, **options)

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
            "dropout": self.dropout,
            "num_classes": self.num_classes,
            "class_names": self.class_names,
            "seed": self.seed,
            "fitted_to": self.fitted_to,
        }


@dataclass(frozen=True)
class CodesGivenLabels:
    """p(codes|labels), one distribution an image.

    Attributes:
        prior: a `CodePrior` with `num_classes`.
        labels: int32 (N,).
    """

    prior: CodePrior
    labels: Any

    @property
    def dtype_policy(self):
        """That of the prior."""
        return self.prior.dtype_policy

    def log_prob(self, codes):
        """log p(codes|labels) in nats: int32 (..., N, *code_shape) to (..., N)."""
        return self.prior.log_prob(codes, self.labels)
