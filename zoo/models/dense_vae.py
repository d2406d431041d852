"""DenseVAE: fully connected networks."""

import keras

from zoo import likelihoods
from zoo.networks import dense_networks
from zoo.vae import VAE
from zoo.validation import check_image_shape, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class DenseVAE(VAE):
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
        likelihood, prior, beta, objective, dynamic_binarization, seed, dtype, name:
            as in `zoo.VAE`.

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

    def __init__(
        self,
        image_shape,
        latent_dim,
        hidden_units=(400, 400),
        likelihood="bernoulli",
        prior="standard_normal",
        beta=1.0,
        seed=None,
        *,
        gated=False,
        activation="relu",
        objective=None,
        dynamic_binarization=False,
        dtype=None,
        name=None,
    ):
        image_shape = check_image_shape(image_shape)
        latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        likelihood = likelihoods.get(likelihood)
        networks = dense_networks(
            image_shape,
            latent_dim,
            likelihood,
            hidden_units=hidden_units,
            gated=gated,
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
