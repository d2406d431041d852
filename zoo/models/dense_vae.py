"""DenseVAE: fully connected networks."""

from typing import Any, Unpack

import keras

from zoo.models.networked import NetworkedVAE, Options


@keras.saving.register_keras_serializable(package="zoo")
class DenseVAE(NetworkedVAE):
    """A VAE whose encoder and decoder are fully connected.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, appendix C.

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        hidden_units: units of each hidden layer of the encoder; the decoder has the
            same in reverse.
        gated: gated hidden layers (Tomczak & Welling, "VAE with a VampPrior", 2018)
            instead of plain ones.
        activation: activation of plain hidden layers.
        batch_norm: batch normalization (Ioffe & Szegedy, 2015) before the activations.
        likelihood, prior, beta, seed, options: as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.DenseVAE((28, 28, 1), latent_dim=2, hidden_units=(64,), seed=0)
    >>> model.compile("adam")
    >>> x = np.zeros((16, 28, 28, 1), "float32")
    >>> sorted(model.fit(x, verbose=0).history)
    ['active_units', 'elbo', 'kl', 'loss', 'reconstruction']
    """

    networks = "dense"

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        hidden_units: tuple[int, ...] = (400, 400),
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        gated: bool = False,
        activation: str = "relu",
        batch_norm: bool = False,
        **options: Unpack[Options],
    ):
        network_options = {
            "hidden_units": hidden_units,
            "gated": gated,
            "activation": activation,
            "batch_norm": batch_norm,
        }
        super().__init__(
            image_shape,
            latent_dim,
            likelihood,
            prior,
            beta,
            seed,
            networks="dense",
            network_options=network_options,
            **options,
        )
