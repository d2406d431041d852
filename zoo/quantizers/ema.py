"""A codebook of moving averages."""

from typing import Any

import keras
from keras import ops

from zoo.quantizers import estimators
from zoo.quantizers.base import (
    Quantized,
    Quantizer,
    nearest_codes,
    sum_over_positions,
    unit_vectors,
)
from zoo.quantizers.gradient import check_commitment
from zoo.replicas import gathered
from zoo.validation import check_share


@keras.saving.register_keras_serializable(package="zoo")
class EMAQuantizer(Quantizer):
    """Each position's nearest code, a moving average of the features that chose it.

    van den Oord et al., "Neural Discrete Representation Learning", 2017, appendix A.1;
    Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2", 2019,
    equation 2. In each training step, for code i, n_i features choose it and s_i is
    their sum:

        N_i <- decay N_i + (1 - decay) n_i        M_i <- decay M_i + (1 - decay) s_i
        e_i <- M_i / smoothed(N_i)

    where Laplace smoothing, (N_i + epsilon) / (N + K epsilon) N with N the sum of all
    N_i, keeps codes without features away from a division by zero. The loss is the
    commitment alone: commitment |f - sg[e]|^2.

    Codes that are hardly chosen any more restart at a random feature of the batch, and
    their N_i and M_i with them (as in Dhariwal et al., "Jukebox", 2020, section 3.1).
    The first training step takes the whole codebook from its batch in that way.

    Args:
        codebook_size, code_dim, seed: as in `zoo.quantizers.Quantizer`.
        decay: of the moving averages, in [0, 1). Features move fast at first: with 0.99
            few codes keep up (measured on MNIST, 128 codes, 300 steps: perplexity 6,
            and 97 with 0.9).
        commitment: weight of the loss, >= 0.
        expire_below: a code restarts once its N_i is less than this share of the
            average number of choices a code and batch; 0 lets codes die.
        initialize_from_data: take the first codebook from the first batch.
        epsilon: of the Laplace smoothing, > 0.
        gradient_estimator: "straight_through" or "rotation": see
            `zoo.quantizers.estimators`.
        cosine: features and codes are vectors of length 1, so that the nearest code is
            that of the most similar direction (Yu et al., "Vector-quantized Image
            Modeling with Improved VQGAN", 2022, section 3.2).

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> from keras import ops
    >>> from zoo.quantizers import EMAQuantizer
    >>> quantizer = EMAQuantizer(codebook_size=8, code_dim=2, seed=0)
    >>> out = quantizer(ops.ones((3, 7, 7, 2)), training=True)
    >>> float(out.features[0, 0, 0, 0])  # a code of the batch itself
    1.0
    """

    def __init__(
        self,
        codebook_size: int,
        code_dim: int,
        decay: float = 0.9,
        commitment: float = 0.25,
        expire_below: float = 0.05,
        initialize_from_data: bool = True,
        epsilon: float = 1e-5,
        gradient_estimator: str = "straight_through",
        cosine: bool = False,
        seed: int | None = None,
        name: str = "ema_quantizer",
        **kwargs: Any,
    ):
        super().__init__(codebook_size, code_dim, seed, name=name, **kwargs)
        if not 0 < epsilon < float("inf"):
            raise ValueError(f"`epsilon` must be a finite number > 0; got {epsilon!r}.")
        self.decay = check_share(decay, "decay")
        self.commitment = check_commitment(commitment)
        self.expire_below = check_share(expire_below, "expire_below")
        self.initialize_from_data = bool(initialize_from_data)
        self.epsilon = float(epsilon)
        self.gradient_estimator = estimators.check_estimator(gradient_estimator)
        self.cosine = bool(cosine)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        shape = (self.codebook_size, self.code_dim)
        first = keras.initializers.RandomNormal(self.code_dim**-0.5, seed=self.seed)
        first = self._placed(first(shape, dtype=self.variable_dtype))
        first = ops.convert_to_numpy(first)
        for name, value in (
            ("codebook", first),
            ("usage", first[:, 0] * 0 + 1),  # N_i
            ("sums", first),  # M_i
            ("initialized", float(not self.initialize_from_data)),
        ):
            weight = self.add_float_weight(
                name,
                getattr(value, "shape", ()),
                lambda shape, dtype, value=value: ops.convert_to_tensor(value, dtype),
                trainable=False,
            )
            setattr(self, name, weight)
        super().build(input_shape)

    def call(self, features, training=False, step=0.0):
        """See `Quantizer.call`."""
        features = self._placed(ops.cast(features, self.variable_dtype))
        given = ops.stop_gradient(features)
        if training:  # the codebook is one, whichever replicas share the batch
            everyone = gathered(given)
            candidates = self._candidates(everyone)
            self._start(candidates, everyone)
        codes = nearest_codes(given, self.codebook)
        counts = self.count(codes)
        chosen = self.lookup(codes)
        if training:
            chosen_by_all = gathered(codes)
            self._follow(
                candidates, everyone, chosen_by_all, self.count(chosen_by_all)[0]
            )
        estimator = estimators.BY_NAME[self.gradient_estimator]
        return Quantized(
            features=estimator(features, chosen),
            codes=codes,
            loss=self.commitment * sum_over_positions(ops.square(features - chosen)),
            counts=counts,
        )

    def _placed(self, vectors):
        """Where vectors (..., D) lie: on the unit sphere, if directions count alone."""
        return unit_vectors(vectors) if self.cosine else vectors

    def _candidates(self, features):
        """Features of the batch to start codes from, (K, D), all of different places.

        A batch with fewer places than codes gives some of them twice.
        """
        flat = ops.reshape(features, (-1, self.code_dim))
        places = ops.shape(flat)[0]
        order = ops.argsort(keras.random.uniform((places,), seed=self.seed_generator))
        rows = ops.mod(ops.arange(self.codebook_size, dtype="int32"), places)
        return ops.take(flat, ops.take(order, rows), axis=0)

    def _average_usage(self, features):
        """How many features of the batch there are for each code."""
        places = ops.size(features) / self.code_dim
        return ops.cast(places, self.variable_dtype) / self.codebook_size

    def _restart(self, where, candidates, usage, sums, codebook, average):
        """State with the codes chosen by a boolean (K,) or () started anew."""
        rows = ops.reshape(where, (-1, 1))
        self.usage.assign(ops.where(where, average, usage))
        self.sums.assign(ops.where(rows, candidates * average, sums))
        self.codebook.assign(ops.where(rows, candidates, codebook))

    def _start(self, candidates, features):
        """Takes the codebook from the data if it has not been yet."""
        first = ops.convert_to_tensor(self.initialized) < 0.5
        state = map(ops.convert_to_tensor, (self.usage, self.sums, self.codebook))
        average = self._average_usage(features)
        self._restart(first, candidates, *state, average=average)
        self.initialized.assign(ops.ones(()))

    def _follow(self, candidates, features, codes, counts):
        """Moves the averages towards a batch, and restarts codes that died out."""
        sums = ops.segment_sum(
            ops.reshape(features, (-1, self.code_dim)),
            ops.reshape(codes, (-1,)),
            num_segments=self.codebook_size,
        )
        usage = self.decay * self.usage + (1 - self.decay) * counts
        sums = self.decay * self.sums + (1 - self.decay) * sums
        total = ops.sum(usage)
        smoothed = usage + self.epsilon
        smoothed = smoothed / (total + self.codebook_size * self.epsilon) * total
        average = self._average_usage(features)
        dead = usage < self.expire_below * average
        codebook = self._placed(sums / smoothed[:, None])
        self._restart(dead, candidates, usage, sums, codebook, average)

    def lookup(self, codes):
        """See `Quantizer.lookup`."""
        return ops.take(self.codebook, codes, axis=0)

    def get_config(self):
        return {
            **super().get_config(),
            "decay": self.decay,
            "commitment": self.commitment,
            "expire_below": self.expire_below,
            "initialize_from_data": self.initialize_from_data,
            "epsilon": self.epsilon,
            "gradient_estimator": self.gradient_estimator,
            "cosine": self.cosine,
        }
