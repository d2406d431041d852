"""Several codes a position, each of what the ones before left over."""

from typing import Any

import keras
from keras import ops

from zoo.networks.seeding import InitializerSeeds
from zoo.quantizers import estimators
from zoo.quantizers.base import Quantized, Quantizer
from zoo.quantizers.ema import EMAQuantizer
from zoo.quantizers.gradient import GradientQuantizer
from zoo.serialization import to_json
from zoo.validation import check_whole_number

LEVELS = {"ema": EMAQuantizer, "gradient": GradientQuantizer}


@keras.saving.register_keras_serializable(package="zoo")
class ResidualQuantizer(Quantizer):
    """A stack of codebooks: each quantizes what is left of the features.

    Zeghidour et al., "SoundStream", 2021, algorithm 1; Lee et al., "Autoregressive
    Image Generation using Residual Quantization", 2022, equation 4. The features are
    the sum of the codes; the loss is the sum of the levels' losses.

    Args:
        codebook_size, code_dim, seed: as in `zoo.quantizers.Quantizer`; each level has
            a codebook of its own of this size.
        depth: number of levels, >= 1.
        level: "ema" or "gradient", or an `EMAQuantizer` or `GradientQuantizer` whose
            options all levels take over.
        gradient_estimator: "straight_through" or "rotation", through the whole stack.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> from keras import ops
    >>> from zoo.quantizers import ResidualQuantizer
    >>> quantizer = ResidualQuantizer(codebook_size=8, code_dim=2, depth=3, seed=0)
    >>> tuple(quantizer(ops.ones((1, 7, 7, 2))).codes.shape)
    (1, 7, 7, 3)
    """

    def __init__(
        self,
        codebook_size: int,
        code_dim: int,
        depth: int = 2,
        level: Any = "ema",
        gradient_estimator: str = "straight_through",
        seed: int | None = None,
        name: str = "residual_quantizer",
        **kwargs: Any,
    ):
        super().__init__(codebook_size, code_dim, seed, name=name, **kwargs)
        self.depth = check_whole_number(depth, "depth", 1)
        self.depth_axes = (self.depth,)
        self.gradient_estimator = estimators.check_estimator(gradient_estimator)
        if isinstance(level, dict):
            level = keras.saving.deserialize_keras_object(level)
        if isinstance(level, str) and level in LEVELS:
            level = LEVELS[level](codebook_size, code_dim)
        if not isinstance(level, tuple(LEVELS.values())):
            raise ValueError(
                f"`level` must be one of {', '.join(map(repr, LEVELS))} or a quantizer "
                f"of that kind; got {level!r}."
            )
        if getattr(level, "cosine", False):
            raise ValueError(
                "`level` must not compare directions alone (cosine=True): what one "
                "level leaves to the next is a matter of lengths, too."
            )
        seeds, kind = InitializerSeeds(self.seed), type(level)
        shared = {
            **level.get_config(),  # pyright: ignore
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "dtype": self.dtype_policy,
        }
        self.levels: list[Any] = [
            kind(**{**shared, "seed": seeds.next_seed(), "name": f"level_{i}"})
            for i in range(self.depth)
        ]

    def build(self, input_shape):
        for level in self.levels:
            level.build(input_shape)
        super().build(input_shape)

    def call(self, features, training=False, step=0.0):
        """See `Quantizer.call`."""
        features = ops.cast(features, self.variable_dtype)
        rest, loss, codes, counts = features, 0.0, [], []
        for level in self.levels:
            out = level(rest, training=training, step=step)
            rest = rest - ops.stop_gradient(out.features)
            loss = loss + out.loss
            codes.append(out.codes)
            counts.append(out.counts)
        total = ops.stop_gradient(features - rest)
        return Quantized(
            features=estimators.BY_NAME[self.gradient_estimator](features, total),
            codes=ops.stack(codes, axis=-1),
            loss=loss,
            counts=ops.concatenate(counts, axis=0),
        )

    def lookup(self, codes):
        """See `Quantizer.lookup`: int32 (..., h, w, depth) to (..., h, w, D)."""
        return sum(level.lookup(codes[..., i]) for i, level in enumerate(self.levels))

    def get_config(self):
        return {
            **super().get_config(),
            "depth": self.depth,
            "level": to_json(self.levels[0]),
            "gradient_estimator": self.gradient_estimator,
        }
