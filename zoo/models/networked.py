"""What models with networks of the zoo's own share: options instead of layers."""

from typing import Any, TypedDict

from zoo import likelihoods
from zoo.networks import make_networks
from zoo.vae import VAE
from zoo.validation import check_image_shape, check_whole_number


class Options(TypedDict, total=False):
    """Arguments that all models of the zoo hand on: see `zoo.VAE`."""

    objective: Any
    dynamic_binarization: bool
    dtype: Any
    name: str | None
    parts: dict[str, Any] | None
    adversary: Any


class NetworkedVAE(VAE):
    """Base of the models whose encoder and decoder the zoo makes.

    Args:
        image_shape, latent_dim, likelihood, prior, beta, seed: as in `zoo.VAE`.
        networks: "dense" or "conv".
        network_options: options of these networks, as in `zoo.networks`.
        label_dim: how many numbers about its label both networks see.
        options: the rest of `zoo.VAE`'s arguments.

    Raises:
        ValueError, TypeError: for arguments out of range.
    """

    # The kind of networks of a class that leaves no choice.
    networks: str | None = None

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        networks: str,
        network_options: dict[str, Any],
        label_dim: int = 0,
        dtype: Any = None,
        **options: Any,
    ):
        image_shape = check_image_shape(image_shape)
        latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        likelihood = likelihoods.get(likelihood)
        if label_dim:
            network_options = {**network_options, "condition_dim": label_dim}
        made = make_networks(
            networks,
            image_shape,
            latent_dim,
            likelihood,
            seed=seed,
            dtype=dtype,
            **network_options,
        )
        config = made.config if self.networks else {"networks": networks, **made.config}
        super().__init__(
            encoder=made.encoder,
            decoder=made.decoder,
            image_shape=image_shape,
            latent_dim=latent_dim,
            likelihood=likelihood,
            prior=prior,
            beta=beta,
            seed=seed,
            dtype=dtype,
            label_dim=label_dim,
            **options,
        )
        self.network_config = config

    def build_networks(self):
        """Makes the weights of both networks, which fit by construction."""
        self.encoder.build((None, *self.image_shape))
        self.decoder.build((None, self.latent_dim + self.label_dim))

    def get_config(self):
        return {**self.base_config(), **self.network_config}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
