"""ConvVAE: convolutional networks."""

import keras

from zoo import likelihoods
from zoo.networks import conv_networks
from zoo.vae import VAE
from zoo.validation import check_image_shape, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class ConvVAE(VAE):
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
        likelihood, prior, beta, objective, dynamic_binarization, seed, dtype, name:
            as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import zoo
    >>> model = zoo.ConvVAE((30, 20, 3), latent_dim=4, filters=(8, 16), seed=0)
    >>> model.sample(2, seed=0).shape
    (2, 30, 20, 3)
    """

    def __init__(
        self,
        image_shape,
        latent_dim,
        filters=(32, 64),
        likelihood="bernoulli",
        prior="standard_normal",
        beta=1.0,
        seed=None,
        *,
        blocks_per_stage=2,
        block="gated",
        hidden_units=256,
        activation="silu",
        objective=None,
        dynamic_binarization=False,
        dtype=None,
        name=None,
    ):
        image_shape = check_image_shape(image_shape)
        latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        likelihood = likelihoods.get(likelihood)
        networks = conv_networks(
            image_shape,
            latent_dim,
            likelihood,
            filters=filters,
            blocks_per_stage=blocks_per_stage,
            block=block,
            hidden_units=hidden_units,
            activation=activation,
            seed=seed,
            dtype=dtype,
        )
        super().__init__(
            encoder=networks.encoder,
            decoder=networks.decoder,
            image_shape=image_shape,
            latent_dim=latent_dim,
            likelihood=likelihood,
            prior=prior,
            beta=beta,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
        )
        self.network_config = networks.config

    def get_config(self):
        return {**self.base_config(), **self.network_config}
