"""FactorVAE: a discriminator measures how dependent the latents are."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.models.discriminated import DiscriminatedVAE
from zoo.replicas import gathered, own_rows
from zoo.training.auxiliary import held
from zoo.validation import check_batch


@keras.saving.register_keras_serializable(package="zoo")
class FactorVAE(DiscriminatedVAE):
    """A VAE trained towards independent latents, with the help of a discriminator.

    Kim & Mnih, "Disentangling by Factorising", 2018, equation 2 and algorithm 2. The
    loss is -ELBO + gamma * TC. The total correlation TC = KL(q(z) || prod_d q(z_d)) is
    estimated as the mean log-odds that a discriminator gives to z being from q(z)
    rather than from the product (equation 3), which it learns meanwhile: its
    cross-entropy, on z and on z with each dimension permuted among the batch's images,
    trains the discriminator alone, and the loss the VAE alone. Where the algorithm
    permutes a second batch, this permutes the same one: of N images, a permuted latent
    has each pair of its dimensions from one image with probability 1 / N.

    `fit` also logs `total_correlation` (nats) and `discriminator_loss` (nats; log 2 =
    0.69 when it can tell nothing). `loss` is the VAE's alone.

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        gamma: weight of the total correlation, a number >= 0 or a schedule.
        networks: "conv" or "dense".
        discriminator_units: units of each hidden layer of the discriminator. Its
            weights are saved with the model, and nothing but training needs them. Its
            optimizer is, if `compile` is given none, the paper's: Adam with learning
            rate 1e-4, beta_1 0.5 and beta_2 0.9.
        likelihood, prior, beta, seed, objective, dynamic_binarization, dtype, name,
            parts: as in `zoo.VAE`.
        network_options: further options of the networks, such as `hidden_units`, as in
            `zoo.ConvVAE` and `zoo.DenseVAE`.

    Raises:
        ValueError, TypeError: for arguments out of range, or a batch of one image.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.FactorVAE((8, 8, 1), 2, filters=(8,), discriminator_units=(32, 32))
    >>> model.compile("adam", discriminator_optimizer="adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> sorted(set(model.fit(x, verbose=0).history) - {"loss", "elbo", "active_units"})
    ['discriminator_loss', 'kl', 'reconstruction', 'total_correlation']
    """

    extra_metrics = ("total_correlation", "discriminator_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        gamma: Any = 10.0,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        networks: str = "conv",
        discriminator_units: tuple[int, ...] = (1000,) * 6,
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
            gamma,
            likelihood,
            prior,
            beta,
            seed,
            networks=networks,
            network_options=network_options,
            discriminator_units=discriminator_units,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            dtype=dtype,
            name=name,
            parts=parts,
        )

    @property
    def min_batch_size(self):
        return max(2, super().min_batch_size)

    def example_losses(self, terms, step):
        z = terms.group.z[0]
        check_batch(z.shape[0], 2, type(self).__name__)
        # log q(z) - log prod_d q(z_d)
        log_ratio = held(self.discriminator, z)
        self.log("total_correlation", log_ratio)
        gamma = schedules.value_at(self.gamma, step)
        return super().example_losses(terms, step) + gamma * log_ratio

    def auxiliary_losses(self, terms, step):
        z = terms.group.z[0]
        both = ops.concatenate([z, self.permute_dimensions(z)])
        joint, product = ops.split(self.discriminator(both), 2)
        # -log D(z), -log(1 - D(permuted z))
        cross_entropy = 0.5 * (ops.softplus(-joint) + ops.softplus(product))
        return {"discriminator_loss": cross_entropy}

    def permute_dimensions(self, z):
        """Each column of z (N, D) in a random order of its own: algorithm 1."""

        def of_all(rows):
            noise = keras.random.uniform((rows, z.shape[1]), seed=self.seed_generator)
            return ops.take_along_axis(everyone, ops.argsort(noise, axis=0), axis=0)

        everyone = gathered(z)
        return own_rows(ops.shape(z)[0], of_all)
