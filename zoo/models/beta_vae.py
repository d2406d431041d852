"""BetaVAE: a weight on the KL, and the family of objectives that came of it."""

import keras

from zoo import likelihoods, objectives
from zoo.networks import make_networks
from zoo.vae import VAE
from zoo.validation import check_image_shape, check_whole_number

DEFAULT_BETA = 4.0


@keras.saving.register_keras_serializable(package="zoo")
class BetaVAE(VAE):
    """A VAE trained towards latents that vary one at a time.

    Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained
    Variational Framework", 2017, equation 4. The rest of the family differs in its
    objective alone: give `zoo.objectives.Capacity`, `zoo.objectives.TotalCorrelation`
    (beta-TCVAE) or `zoo.objectives.DIP`. `zoo.FactorVAE` is a model of its own.

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        beta: weight of the KL, a number >= 0 or a schedule.
        networks: "conv" or "dense".
        objective: what `fit` minimizes, instead of the beta-ELBO.
        likelihood, prior, dynamic_binarization, seed, dtype, name: as in `zoo.VAE`.
        network_options: further options of the networks, such as `hidden_units`, as in
            `zoo.ConvVAE` and `zoo.DenseVAE`.

    Raises:
        ValueError, TypeError: for arguments out of range, or both an objective and a
            beta.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.BetaVAE((8, 8, 1), latent_dim=2, networks="dense", seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> sorted(model.fit(x, verbose=0).history)
    ['active_units', 'elbo', 'kl', 'loss', 'reconstruction']
    >>> model = zoo.BetaVAE((8, 8, 1), 2, filters=(8,), objective="dip_ii")
    >>> model.objective.kind
    'ii'
    """

    def __init__(
        self,
        image_shape,
        latent_dim,
        beta=DEFAULT_BETA,
        likelihood="bernoulli",
        prior="standard_normal",
        seed=None,
        *,
        networks="conv",
        objective=None,
        dynamic_binarization=False,
        dtype=None,
        name=None,
        **network_options,
    ):
        image_shape = check_image_shape(image_shape)
        latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        likelihood = likelihoods.get(likelihood)
        made = make_networks(
            networks,
            image_shape,
            latent_dim,
            likelihood,
            seed=seed,
            dtype=dtype,
            **network_options,
        )
        super().__init__(
            encoder=made.encoder,
            decoder=made.decoder,
            image_shape=image_shape,
            latent_dim=latent_dim,
            likelihood=likelihood,
            prior=prior,
            objective=objectives.get(objective, beta, default_beta=DEFAULT_BETA),
            dynamic_binarization=dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
        )
        self.network_config = {"networks": networks, **made.config}

    def get_config(self):
        return {**self.base_config(), **self.network_config}
