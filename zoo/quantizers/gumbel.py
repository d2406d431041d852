"""Codes drawn from a categorical posterior, relaxed in training."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.networks.seeding import InitializerSeeds
from zoo.quantizers.base import (
    Quantized,
    Quantizer,
    matmul,
    most_probable,
    sum_over_positions,
)
from zoo.quantizers.estimators import straight_through
from zoo.serialization import to_json


@keras.saving.register_keras_serializable(package="zoo")
class GumbelQuantizer(Quantizer):
    """q(code|x) is a softmax; training draws from its Gumbel-softmax relaxation.

    Jang et al., "Categorical Reparameterization with Gumbel-Softmax", 2017, equation 2;
    Maddison et al., "The Concrete Distribution", 2017. A training step mixes the codes
    by softmax((log q + Gumbel noise) / temperature); outside training, features are
    those of the most probable code, and the model draws codes from q for its ELBO. The
    KL to the prior, sum q log q + ln K in nats for a uniform one, takes the place of a
    commitment loss.

    Args:
        codebook_size, code_dim, seed: as in `zoo.quantizers.Quantizer`.
        temperature: of the relaxation, a number > 0 or a schedule such as
            `zoo.schedules.ExponentialDecay`.
        hard: in training, give the decoder the one code drawn instead of the mixture,
            with the mixture's gradient (straight-through Gumbel-softmax).

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> from keras import ops
    >>> from zoo.quantizers import GumbelQuantizer
    >>> from zoo.schedules import ExponentialDecay
    >>> annealed = ExponentialDecay(steps=1000, start=1.0, end=0.1)
    >>> quantizer = GumbelQuantizer(8, 2, temperature=annealed, seed=0)
    >>> tuple(quantizer(ops.ones((1, 7, 7, 2))).log_probs.shape)
    (1, 7, 7, 8)
    """

    stochastic = True

    def __init__(
        self,
        codebook_size: int,
        code_dim: int,
        temperature: float = 1.0,
        hard: bool = False,
        seed: int | None = None,
        name: str = "gumbel_quantizer",
        **kwargs: Any,
    ):
        super().__init__(codebook_size, code_dim, seed, name=name, **kwargs)
        self.temperature = schedules.get(temperature, "temperature")
        if self.temperature == 0:
            raise ValueError("`temperature` must be a number > 0 or a schedule; got 0.")
        self.hard = bool(hard)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        seeds = InitializerSeeds(self.seed)
        shape = (self.code_dim, self.codebook_size)
        self.kernel = self.add_float_weight("kernel", shape, seeds.glorot_uniform())
        self.bias = self.add_float_weight("bias", shape[1:])
        normal = keras.initializers.RandomNormal(1.0, seed=seeds.next_seed())
        self.codebook = self.add_float_weight("codebook", shape[::-1], normal)
        super().build(input_shape)

    def call(self, features, training=False, step=0.0):
        """See `Quantizer.call`."""
        features = ops.cast(features, self.variable_dtype)
        log_probs = ops.log_softmax(matmul(features, self.kernel) + self.bias)
        codes = most_probable(log_probs)
        if training:
            mixed = ops.matmul(self._relaxed_draw(log_probs, step), self.codebook)
        else:
            mixed = self.lookup(codes)
        return Quantized(
            features=mixed,
            codes=codes,
            loss=0.0 * sum_over_positions(ops.stop_gradient(features)),
            counts=self.count(codes),
            log_probs=log_probs,
        )

    def _relaxed_draw(self, log_probs, step):
        """Weights of the codes (N, h, w, K) that sum to 1."""
        uniform = keras.random.uniform(ops.shape(log_probs), seed=self.seed_generator)
        gumbel = -ops.log(-ops.log(ops.clip(uniform, 1e-20, 1 - 1e-7)))
        gumbel = ops.cast(gumbel, log_probs.dtype)
        temperature = schedules.value_at(self.temperature, step)
        temperature = ops.cast(temperature, log_probs.dtype)
        weights = ops.softmax((log_probs + gumbel) / temperature)
        if self.hard:
            drawn = ops.one_hot(
                most_probable(weights), self.codebook_size, dtype=weights.dtype
            )
            weights = straight_through(weights, drawn)
        return weights

    def lookup(self, codes):
        """See `Quantizer.lookup`."""
        return ops.take(self.codebook, codes, axis=0)

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": to_json(self.temperature),
            "hard": self.hard,
        }
