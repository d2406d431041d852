"""ConvVAE: convolutional networks."""

from typing import Any, Unpack

import keras

from zoo.models.networked import NetworkedVAE, Options


@keras.saving.register_keras_serializable(package="zoo")
class ConvVAE(NetworkedVAE):
    """A VAE whose encoder and decoder are convolutional.

    Each number in `filters` is a stage: images are halved before it in the encoder and
    doubled after it in the decoder. `zoo.networks.stages` says which operations were
    chosen by which measurement.

    Args:
        image_shape: (H, W, C), H and W at least 8. Any size: what does not halve
            evenly is rounded up and cropped.
        latent_dim: number of latent dimensions.
        filters: channels of each stage, finest first.
        blocks_per_stage: convolutional blocks in each stage, >= 0.
        block: "plain", "residual" or "gated": see `zoo.networks.stages.ConvBlock`.
        hidden_units: width of the dense layer between convolutions and latents. None
            for no dense layers: the latents lie on the coarsest grid, the same number
            at each of its positions, which suits images that must be kept in detail.
        activation: name of the activation.
        likelihood, prior, beta, seed, options: as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import zoo
    >>> model = zoo.ConvVAE((30, 20, 3), latent_dim=4, filters=(8, 16), seed=0)
    >>> model.sample(2, seed=0).shape
    (2, 30, 20, 3)
    """

    networks = "conv"

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        filters: tuple[int, ...] = (32, 64),
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        blocks_per_stage: int = 2,
        block: str = "gated",
        hidden_units: int | None = 256,
        activation: str = "silu",
        **options: Unpack[Options],
    ):
        network_options = {
            "filters": filters,
            "blocks_per_stage": blocks_per_stage,
            "block": block,
            "hidden_units": hidden_units,
            "activation": activation,
        }
        super().__init__(
            image_shape,
            latent_dim,
            likelihood,
            prior,
            beta,
            seed,
            networks="conv",
            network_options=network_options,
            **options,
        )
