"""What training may do to images before the encoder sees them, so that it denoises.

Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders",
2008; Im et al., "Denoising Criterion for Variational Auto-Encoding Framework", 2017:
latents are inferred from the corrupted image, and the likelihood is that of the clean
one. `reconstruct` of a model trained so takes noise away.
"""

from typing import Any

import keras
from keras import ops

from zoo.replicas import own_rows
from zoo.serialization import get_component
from zoo.validation import check_share


class Corruption:
    """Base of all corruptions: a function of images, and of a generator of seeds.

    A subclass has `__call__(x, seed)`, which takes images (N, H, W, C) in [0, 1] and a
    `keras.random.SeedGenerator` and returns such images, and `get_config`; it is
    registered with Keras, so that a compiled model can be saved.
    """

    def __call__(self, x: Any, seed: Any) -> Any:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _uniforms(x, seed):
    """A number in [0, 1) for each pixel, (N, H, W, 1)."""
    return own_rows(
        ops.shape(x)[0],
        lambda rows: keras.random.uniform((rows, *x.shape[1:3], 1), seed=seed),
    )


class _OfPixels(Corruption):
    """Each pixel, all of its channels, with probability `share`."""

    def __init__(self, share: float):
        self.share = check_share(share, "share")

    def _chosen(self, x, seed):
        return _uniforms(x, seed) < self.share

    def get_config(self):
        return {"share": self.share}


@keras.saving.register_keras_serializable(package="zoo")
class Masking(_OfPixels):
    """Pixels set to 0.

    Args:
        share: probability of each, in [0, 1).

    Raises:
        ValueError: if it is not.

    Example:

    >>> import keras
    >>> from zoo.corruptions import Masking
    >>> x = keras.ops.ones((1, 100, 100, 3))
    >>> masked = Masking(0.5)(x, keras.random.SeedGenerator(0))
    >>> round(float(keras.ops.mean(masked)), 1)
    0.5
    """

    def __init__(self, share: float = 0.5):
        super().__init__(share)

    def __call__(self, x, seed):
        return ops.where(self._chosen(x, seed), 0.0, x)


@keras.saving.register_keras_serializable(package="zoo")
class SaltAndPepper(_OfPixels):
    """Pixels set to 0 or to 1, either with the same chance.

    Args:
        share: probability of each, in [0, 1).

    Raises:
        ValueError: if it is not.

    Example:

    >>> from zoo.corruptions import SaltAndPepper
    >>> SaltAndPepper(0.2).get_config()
    {'share': 0.2}
    """

    def __init__(self, share: float = 0.1):
        super().__init__(share)

    def __call__(self, x, seed):
        chosen = self._chosen(x, seed)
        white = ops.cast(_uniforms(x, seed) < 0.5, x.dtype)
        return ops.where(chosen, white, x)


@keras.saving.register_keras_serializable(package="zoo")
class GaussianNoise(Corruption):
    """Normal noise added to each channel; what leaves [0, 1] is set to its edge.

    Args:
        scale: its standard deviation, > 0, in units of the pixels' range.

    Raises:
        ValueError: if it is no positive number.

    Example:

    >>> import keras, zoo
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), seed=0)
    >>> model.compile("adam", corruption=zoo.corruptions.GaussianNoise(0.2))
    >>> history = model.fit(keras.ops.zeros((8, 8, 8, 1)), verbose=0)
    """

    def __init__(self, scale: float = 0.1):
        if not isinstance(scale, int | float) or not 0 < scale < float("inf"):
            raise ValueError(f"`scale` must be a positive number; got {scale!r}.")
        self.scale = float(scale)

    def __call__(self, x, seed):
        noise = own_rows(
            ops.shape(x)[0],
            lambda rows: keras.random.normal(
                (rows, *x.shape[1:]), stddev=self.scale, seed=seed
            ),
        )
        return ops.clip(x + noise, 0.0, 1.0)

    def get_config(self):
        return {"scale": self.scale}


NAMES = {
    "masking": Masking,
    "salt_and_pepper": SaltAndPepper,
    "gaussian": GaussianNoise,
}


def get(identifier: Any) -> Corruption | None:
    """A corruption by its name, its configuration, or as it is; None is none.

    Raises:
        ValueError, TypeError: if it is none of these.
    """
    if identifier is None:
        return None
    return get_component(identifier, NAMES, "corruption", "__call__")
