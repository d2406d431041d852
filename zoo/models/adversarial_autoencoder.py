"""AdversarialAutoencoder: an adversary holds all latents together to the prior."""

from typing import Any

import keras
from keras import ops

from zoo import objectives, schedules
from zoo.models.discriminated import DiscriminatedVAE
from zoo.training.auxiliary import held

DEFAULT_BETA = 0.0


@keras.saving.register_keras_serializable(package="zoo")
class AdversarialAutoencoder(DiscriminatedVAE):
    """An autoencoder whose latents, taken together, an adversary cannot tell from p(z).

    Makhzani et al., "Adversarial Autoencoders", 2015. Where a VAE holds q(z|x) of each
    image to the prior, this model holds q(z) of all: the loss is -E_q[log p(x|z)] +
    gamma * -log D(z), where D(z) is the probability that a discriminator gives to z
    being from the prior. It learns meanwhile to tell draws of the prior from latents,
    by its cross-entropy, which trains the discriminator alone, and the loss the
    autoencoder alone. -log D(z) is what the paper's log(1 - D(z)) is replaced by in
    practice (Goodfellow et al., "Generative Adversarial Nets", 2014, section 3): its
    gradient does not vanish where the discriminator wins.

    Such a model has no likelihood to report. Its encoder is the paper's Gaussian one,
    so that everything works that works with a VAE: `elbo`, `evaluate` and
    `log_marginal_likelihood` give true lower bounds of log p(x), and say in a warning
    that nothing trained them. With the paper's deterministic encoder the KL would be
    infinite. Compare such models by reconstructions and samples.

    The prior may be any of `zoo.priors`. One that learns is fitted to the latents
    meanwhile: by their mean log-density, in which they are held fixed.

    `fit` also logs `adversarial_loss` (-log D(z), nats) and `discriminator_loss` (nats;
    both log 2 = 0.69 when the discriminator can tell nothing). `loss` is the
    autoencoder's alone.

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        gamma: weight of -log D(z), a number >= 0 or a schedule.
        beta: weight of the KL of each image, in addition: none in the paper.
        objective: what stands in place of -E_q[log p(x|z)] + beta * KL in the loss.
        networks: "conv" or "dense".
        discriminator_units: units of each hidden layer of the discriminator. Its
            weights are saved with the model, and nothing but training needs them.
        likelihood, prior, seed, dynamic_binarization, dtype, name, parts: as in
            `zoo.VAE`.
        network_options: further options of the networks, such as `hidden_units`, as in
            `zoo.ConvVAE` and `zoo.DenseVAE`.

    Raises:
        ValueError, TypeError: for arguments out of range, or both an objective and a
            beta.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.AdversarialAutoencoder((8, 8, 1), 2, filters=(8,), seed=0)
    >>> model.compile("adam", discriminator_optimizer="adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> sorted(set(model.fit(x, verbose=0).history) - {"loss", "elbo", "active_units"})
    ['adversarial_loss', 'discriminator_loss', 'kl', 'reconstruction']
    >>> model.sample(3, seed=0).shape
    (3, 8, 8, 1)
    """

    extra_metrics = ("adversarial_loss", "discriminator_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        gamma: Any = 10.0,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = DEFAULT_BETA,
        seed: int | None = None,
        *,
        networks: str = "conv",
        discriminator_units: tuple[int, ...] = (1000, 1000),
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
            1.0,
            seed,
            networks=networks,
            network_options=network_options,
            discriminator_units=discriminator_units,
            objective=objectives.get(objective, beta, default_beta=DEFAULT_BETA),
            dynamic_binarization=dynamic_binarization,
            dtype=dtype,
            name=name,
            parts=parts,
        )

    def example_losses(self, terms, step):
        # -log D(z)
        adversarial = ops.softplus(-held(self.discriminator, terms.group.z[0]))
        self.log("adversarial_loss", adversarial)
        gamma = schedules.value_at(self.gamma, step)
        return super().example_losses(terms, step) + gamma * adversarial

    def auxiliary_losses(self, terms, step):
        z = terms.group.z[0]
        drawn = ops.stop_gradient(self.draw_prior(ops.shape(z)[0]))
        real, fake = ops.split(self.discriminator(ops.concatenate([drawn, z])), 2)
        # -log D(prior's draw), -log(1 - D(z))
        cross_entropy = 0.5 * (ops.softplus(-real) + ops.softplus(fake))
        # A prior with weights learns from these as well, by the model's optimizer.
        surprise = -self.make_prior().log_prob(z)
        return {"discriminator_loss": cross_entropy, "prior_loss": surprise}

    def draw_prior(self, count):
        """Latents from the prior, (count, latent_dim)."""
        normals, uniforms = self.noise
        noise = keras.random.normal((count, normals), seed=self.seed_generator)
        if not uniforms:
            return self.draw_latents(noise)
        uniforms = keras.random.uniform((count, uniforms), seed=self.seed_generator)
        return self.draw_latents(noise, uniforms)
