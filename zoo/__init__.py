"""A zoo of variational autoencoders in Keras 3: TensorFlow, JAX and PyTorch.

A model is *networks + posterior + prior + likelihood + objective*; see `zoo.vae.VAE`.
"""

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise ImportError(
        "zoo needs Keras and the backend that KERAS_BACKEND names (TensorFlow when "
        "it is not set), but importing Keras failed with "
        f'"{error}": install one with pip install "vae-zoo[tensorflow]", '
        '"vae-zoo[jax]" or "vae-zoo[torch]", and set KERAS_BACKEND to match.'
    ) from error

from zoo import (
    distributions,
    likelihoods,
    objectives,
    priors,
    quantizers,
    schedules,
)
from zoo.models.beta_vae import BetaVAE
from zoo.models.conditional_vae import ConditionalVAE
from zoo.models.conv_vae import ConvVAE
from zoo.models.dense_vae import DenseVAE
from zoo.models.factor_vae import FactorVAE
from zoo.models.vq_vae import VQVAE
from zoo.presets import from_preset, list_presets, preset_info
from zoo.priors import CodePrior
from zoo.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "VAE",
    "BetaVAE",
    "VQVAE",
    "CodePrior",
    "ConditionalVAE",
    "ConvVAE",
    "DenseVAE",
    "FactorVAE",
    "distributions",
    "from_preset",
    "likelihoods",
    "list_presets",
    "objectives",
    "preset_info",
    "priors",
    "quantizers",
    "schedules",
]
