"""FactorVAE: a discriminator measures how dependent the latents are."""

import keras
from keras import ops

from zoo import likelihoods, schedules
from zoo.networks import make_networks
from zoo.networks.discriminator import Discriminator
from zoo.serialization import to_json
from zoo.training.split_optimizer import split
from zoo.vae import VAE
from zoo.validation import check_batch, check_image_shape, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class FactorVAE(VAE):
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
            weights are saved with the model, and nothing but training needs them.
        likelihood, prior, beta, objective, dynamic_binarization, seed, dtype, name:
            as in `zoo.VAE`.
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

    def __init__(
        self,
        image_shape,
        latent_dim,
        gamma=10.0,
        likelihood="bernoulli",
        prior="standard_normal",
        beta=1.0,
        seed=None,
        *,
        networks="conv",
        discriminator_units=(1000,) * 6,
        objective=None,
        dynamic_binarization=False,
        dtype=None,
        name=None,
        **network_options,
    ):
        gamma = schedules.get(gamma, "gamma")
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
        discriminator = Discriminator(
            discriminator_units, seed=seed, dtype=dtype, name="discriminator"
        )
        super().__init__(
            encoder=made.encoder,
            decoder=made.decoder,
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
            parts={"discriminator": discriminator},
        )
        self.gamma = gamma
        self.network_config = {"networks": networks, **made.config}

    def build(self, input_shape):
        super().build(input_shape)
        self.discriminator.build((None, self.latent_dim))

    def create_trackers(self):
        super().create_trackers()
        self.total_correlation_tracker = keras.metrics.Mean(name="total_correlation")
        self.discriminator_loss_tracker = keras.metrics.Mean(name="discriminator_loss")

    def compile(self, optimizer="adam", *, discriminator_optimizer=None, **options):
        """Chooses how to train: see `zoo.VAE.compile`.

        Args:
            optimizer: of the VAE, a Keras optimizer or its name.
            discriminator_optimizer: of the discriminator, alike; None for the paper's,
                Adam with learning rate 1e-4, beta_1 0.5 and beta_2 0.9.
            options: as in `zoo.VAE.compile`.

        Raises:
            ValueError: for a loss or metrics, or if both optimizers are one object.
        """
        optimizer = split(
            optimizer,
            discriminator_optimizer,
            default=lambda: keras.optimizers.Adam(1e-4, beta_1=0.5, beta_2=0.9),
            variables=self.discriminator.variables,
        )
        super().compile(optimizer, **options)

    @property
    def min_batch_size(self):
        return max(2, super().min_batch_size)

    def example_losses(self, terms, step):
        check_batch(terms.z.shape[1], 2, type(self).__name__)
        z = terms.z[0]
        # log q(z) - log prod_d q(z_d)
        log_ratio = self.discriminator.call_held(z)
        gamma = schedules.value_at(self.gamma, step)
        losses = super().example_losses(terms, step) + gamma * log_ratio

        z = ops.stop_gradient(z)
        both = ops.concatenate([z, self.permute_dimensions(z)])
        joint, product = ops.split(self.discriminator(both), 2)
        # -log D(z), -log(1 - D(permuted z))
        cross_entropy = 0.5 * (ops.softplus(-joint) + ops.softplus(product))

        self.total_correlation_tracker.update_state(log_ratio)
        self.discriminator_loss_tracker.update_state(cross_entropy)
        # Minimized with the losses, but without a share in their value.
        return losses + (cross_entropy - ops.stop_gradient(cross_entropy))

    def permute_dimensions(self, z):
        """Each column of z (N, D) in a random order of its own: algorithm 1."""
        noise = keras.random.uniform(ops.shape(z), seed=self.seed_generator)
        return ops.take_along_axis(z, ops.argsort(noise, axis=0), axis=0)

    def get_config(self):
        return {
            **self.base_config(),
            "gamma": to_json(self.gamma),
            "discriminator_units": list(self.discriminator.hidden_units),
            **self.network_config,
        }
