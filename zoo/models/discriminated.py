"""What models with a discriminator of latents share."""

from typing import Any

from zoo import schedules
from zoo.models.networked import NetworkedVAE
from zoo.networks.discriminator import Discriminator
from zoo.serialization import to_json


class DiscriminatedVAE(NetworkedVAE):
    """Base of the models whose latents a discriminator judges: see its subclasses.

    A subclass has `example_losses`, in which the discriminator is called by
    `zoo.training.auxiliary.held`, and `auxiliary_losses`, which train it.

    Args:
        image_shape, latent_dim, likelihood, prior, beta, seed, networks,
            network_options: as in `NetworkedVAE`.
        gamma: weight of what the discriminator says, a number >= 0 or a schedule.
        discriminator_units: units of each of its hidden layers.
        options: the rest of `zoo.VAE`'s arguments.

    Raises:
        ValueError, TypeError: for arguments out of range.
    """

    auxiliary = ("discriminator",)

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        gamma: Any,
        likelihood: Any,
        prior: Any,
        beta: Any,
        seed: int | None,
        *,
        networks: str,
        network_options: dict[str, Any],
        discriminator_units: tuple[int, ...],
        dtype: Any = None,
        parts: dict[str, Any] | None = None,
        **options: Any,
    ):
        gamma = schedules.get(gamma, "gamma")
        discriminator = Discriminator(
            discriminator_units, seed=seed, dtype=dtype, name="discriminator"
        )
        super().__init__(
            image_shape,
            latent_dim,
            likelihood,
            prior,
            beta,
            seed,
            networks=networks,
            network_options=network_options,
            dtype=dtype,
            parts={**(parts or {}), "discriminator": discriminator},
            **options,
        )
        self.gamma = gamma

    def build_networks(self):
        super().build_networks()
        self.discriminator.build((None, self.latent_dim))

    def compile(
        self,
        optimizer: Any = "adam",
        *,
        discriminator_optimizer: Any = None,
        **options: Any,
    ) -> None:
        """Chooses how to train: see `zoo.VAE.compile`.

        Args:
            optimizer: of the rest of the model, a Keras optimizer or its name.
            discriminator_optimizer: of the discriminator, alike; None for Adam with
                learning rate 1e-4, beta_1 0.5 and beta_2 0.9.
            options: as in `zoo.VAE.compile`.

        Raises:
            ValueError: for a loss or metrics, without an optimizer, or if both are one
                object.
        """
        if discriminator_optimizer is not None:
            if options.get("auxiliary_optimizer") is not None:
                raise ValueError(
                    "`discriminator_optimizer` and `auxiliary_optimizer` are two names "
                    "of one argument: give one of them."
                )
            options["auxiliary_optimizer"] = discriminator_optimizer
        super().compile(optimizer, **options)

    def get_config(self):
        return {
            **super().get_config(),
            "gamma": to_json(self.gamma),
            "discriminator_units": list(self.discriminator.hidden_units),
        }
