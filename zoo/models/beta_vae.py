"""BetaVAE: a weight on the KL, and the family of objectives that came of it."""

from typing import Any

import keras

from zoo import objectives
from zoo.models.networked import NetworkedVAE

DEFAULT_BETA = 4.0


@keras.saving.register_keras_serializable(package="zoo")
class BetaVAE(NetworkedVAE):
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
        likelihood, prior, seed, dynamic_binarization, dtype, name, parts: as in
            `zoo.VAE`.
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
        image_shape: tuple[int, int, int],
        latent_dim: int,
        beta: Any = DEFAULT_BETA,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        seed: int | None = None,
        *,
        networks: str = "conv",
        objective: Any = None,
        dynamic_binarization: bool = False,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
        **network_options: Any,
    ):
        super().__init__(
            image_shape,
            latent_dim,
            likelihood,
            prior,
            seed=seed,
            networks=networks,
            network_options=network_options,
            objective=objectives.get(objective, beta, default_beta=DEFAULT_BETA),
            dynamic_binarization=dynamic_binarization,
            dtype=dtype,
            name=name,
            parts=parts,
        )
