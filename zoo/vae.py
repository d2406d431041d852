"""The base model: encode, draw, decode, and the ELBO of what came out."""

from typing import Any

import keras
from keras import ops

from zoo import precision, priors, validation
from zoo.autoencoder import Autoencoder
from zoo.building import symbolically
from zoo.distributions import DiagonalNormal
from zoo.distributions.divergence import find_rule
from zoo.event import image_shape_of
from zoo.generation import scaled
from zoo.latents import LatentSpec, NoiseSpec
from zoo.objectives import ELBOTerms, LatentGroup
from zoo.serialization import to_json


@keras.saving.register_keras_serializable(package="zoo")
class VAE(Autoencoder):
    """A variational autoencoder: networks, posterior, prior, likelihood, objective.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. Subclasses choose the
    networks, or override one of the hooks `prepare_images`, `encode_parameters`,
    `make_posterior`, `make_prior`, `decode_parameters`, `check_labels`,
    `example_losses`, which hold everywhere: in `fit`, `elbo`, `sample` and in every
    exported file.

    Args:
        encoder: layer from images (N, H, W, C) to (N, 2 * latent_dim).
        decoder: layer from latents (N, latent_dim) to likelihood parameters
            (N, H, W, likelihood.parameters(C)).
        image_shape: (H, W, C), H and W at least 8; or a `zoo.event.Event`.
        latent_dim: number of latent dimensions.
        likelihood: "bernoulli", "continuous_bernoulli", "gaussian", "categorical" or
            "discretized_logistic_mixture", or a `zoo.likelihoods.Likelihood`.
        prior: "standard_normal"; "flow", "mixture" or "vamp" to learn one, for which
            `zoo.priors.Flow`, `Mixture` and `Vamp` have options; another name of
            `zoo.priors`; or a `zoo.priors.Prior`.
        beta: weight of the KL, a number or a schedule.
        objective: what `fit` minimizes, instead of the beta-ELBO.
        dynamic_binarization: draw each pixel from Bernoulli(x) anew every time it is
            trained or evaluated on in `fit` and `evaluate` (Salakhutdinov & Murray,
            2008). Images that are binary already are left as they are.
        seed: integer that fixes noise and the subclass's initial weights, or None.
        dtype: dtype or policy of the networks, such as "mixed_bfloat16"; terms of the
            ELBO are float32 in any case. Of "float64" all else is in it, too: see
            `zoo.precision` for JAX.
        label_dim: how many numbers about its label the decoder sees beside a latent.
        parts: as in `zoo.autoencoder.Autoencoder`.
        adversary: "patches" or a `zoo.Adversary`, to sharpen images in training; None
            for none.

    Raises:
        ValueError, TypeError: for arguments out of range, and for networks whose
            outputs are not of the shapes above.

    Example:

    >>> import keras, numpy as np, zoo
    >>> encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4)])
    >>> decoder = keras.Sequential(
    ...     [keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))])
    >>> model = zoo.VAE(encoder, decoder, image_shape=(8, 8, 1), latent_dim=2)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, epochs=1, verbose=0)
    >>> model.sample(3, seed=0).shape
    (3, 8, 8, 1)
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        image_shape: Any,
        latent_dim: int,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        objective: Any = None,
        dynamic_binarization: bool = False,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        label_dim: int = 0,
        parts: dict[str, Any] | None = None,
        adversary: Any = None,
    ):
        super().__init__(
            encoder=encoder,
            decoder=decoder,
            image_shape=image_shape,
            likelihood=likelihood,
            beta=beta,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
            parts=parts,
            adversary=adversary,
        )
        self.label_dim = label_dim
        self.latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        self.prior = priors.get(
            prior, self.latent_dim, seed, label_dim, image_shape_of(self.event)
        )
        self.complete()

    def build_networks(self):
        """Makes the weights of encoder and decoder, and checks their outputs' shapes.

        Raises:
            ValueError: if they do not fit the model.
        """
        if self.label_dim:  # what a variant makes of labels is its own affair
            self.encoder.build((None, *self.image_shape))
            self.decoder.build((None, self.latent_dim + self.label_dim))
            return
        for network, shape, hook in (
            (self.encoder, self.image_shape, "encode_parameters"),
            (self.decoder, (self.latent_dim,), "decode_parameters"),
        ):
            ours = getattr(type(self), hook) is getattr(VAE, hook)
            # A Sequential keeps the shape that it is built with: of any batch.
            if ours and isinstance(network, keras.Sequential) and not network.built:
                network.build((None, *shape))
        x = keras.Input(batch_shape=(2, *self.image_shape), dtype="float32")
        z = keras.Input(batch_shape=(2, self.latent_dim), dtype="float32")
        try:
            mean = symbolically(self._posterior_mean, x=x)
            parameters = symbolically(self.decode_parameters, z=z)
        except AttributeError:
            return  # of a part that a variant sets later: `build_remaining` sees to it
        if tuple(mean.shape) != (2, self.latent_dim):
            raise ValueError(
                f"The encoder's outputs must describe {self.latent_dim} latents, with "
                f"the default posterior by {2 * self.latent_dim} numbers an image; it "
                f"gives means of shape {('N', *mean.shape[1:])}."
            )
        height, width, channels = self.image_shape
        wanted = (height, width, self.likelihood.parameters(channels))
        if tuple(parameters.shape[1:]) != wanted:
            raise ValueError(
                f"The decoder must give {type(self.likelihood).__name__} parameters of "
                f"shape {('N', *wanted)} for images of {self.image_shape}; it gives "
                f"{('N', *parameters.shape[1:])}."
            )

    # Hooks: what a variant overrides.

    def encode_parameters(self, x, labels=None, training=False):
        """Images (N, H, W, C) to the posterior's parameters (N, 2 * latent_dim)."""
        return self.encoder(x, training=training)

    def make_posterior(self, parameters):
        """The posterior that the encoder's output describes."""
        return DiagonalNormal.from_parameters(parameters)

    def make_prior(self, labels=None):
        """The prior p(z), or p(z|y)."""
        if getattr(self.prior, "made_of_posteriors", False):
            return self.prior.of_posteriors(self._posterior)
        return self.prior

    def decode_parameters(self, z, labels=None, training=False):
        """Latents (N, latent_dim) to the likelihood's parameters (N, H, W, P)."""
        return self.decoder(z, training=training)

    # The model, as a function of tensors.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        return (LatentSpec("z", (self.latent_dim,)),)

    @property
    def noise(self) -> NoiseSpec:
        return NoiseSpec(self.latent_dim, getattr(self.prior, "num_uniforms", 0))

    @property
    def has_kl_per_unit(self):
        ours = VAE.make_posterior, VAE.make_prior
        if (type(self).make_posterior, type(self).make_prior) != ours:
            return None
        rule = find_rule(DiagonalNormal, type(self.prior))
        return rule is not None and rule.per_unit

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is (K, N, latent_dim)."""
        # q(z|x)
        posterior = self._posterior(x, labels, training)
        # z ~ q(z|x)
        if noise is None:
            noise = self.draw_noise(ops.shape(posterior.mean)[0], num_draws)
        z = posterior.from_noise(noise)
        return self._terms(x, labels, posterior, z, training)

    def terms_at(self, x, z, labels=None) -> ELBOTerms:
        """See `Scoring.terms_at`; z is {"z": (K, N, latent_dim)}."""
        return self._terms(x, labels, self._posterior(x, labels), z["z"])

    def _terms(self, x, labels, posterior, z, training=False):
        # log p(x|z)
        log_likelihood, parameters = self.score_draws(x, z, labels, training)
        prior = self.make_prior(labels)
        group = LatentGroup(self.latents[0], posterior, prior, z)
        return ELBOTerms(log_likelihood, (group,), images=x, parameters=parameters)

    def call(self, x, labels=None, training=False):
        """E[x|z] at the posterior mean: (N, H, W, C) in [0, 1]."""
        mean = self._posterior(x, labels, training).mean
        return self.likelihood.mean(self.decode_parameters(mean, labels, training))

    def _posterior(self, x, labels=None, training=False):
        return self.make_posterior(self.encode_parameters(x, labels, training))

    def _posterior_mean(self, x):
        return self._posterior(x).mean

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw_latents`: z (N, latent_dim)."""
        noise, prior = self.as_reals(noise), self.make_prior(labels)
        noise = scaled(noise, temperature)
        if uniforms is None:
            return prior.from_noise(noise)
        return prior.from_noise(noise, uniforms)

    def posterior_statistics(self, x, labels=None):
        """See `Autoencoder.posterior_statistics`: `mean` and `log_var`."""
        return self._posterior(x, labels).statistics()

    # The model, as its users call it.

    def encode(self, x: Any, labels: Any = None) -> Any:
        """The posterior q(z|x).

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            `zoo.distributions.DiagonalNormal`: `mean`, `log_var` (N, latent_dim),
            `sample(seed)`, `kl()` in nats, to the model's own prior.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = self.event.check(x)
        labels = self.known_labels(x, labels)
        name = "encode" if labels is None else "encode given labels"
        parameters = self.inference.batched(name, self.encode_parameters, x, labels)
        with precision.scope(self.dtype_policy):
            posterior = self.make_posterior(self.as_tensors(parameters))
            posterior.prior = self.make_prior(labels)
        return posterior

    # Saving and loading.

    def base_config(self):
        """The constructor arguments that all models of this kind share."""
        return {
            **super().base_config(),
            "latent_dim": self.latent_dim,
            "prior": to_json(self.prior),
            "objective": to_json(self.objective),
        }

    def get_config(self):
        return {
            "encoder": to_json(self.encoder),
            "decoder": to_json(self.decoder),
            **self.base_config(),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for network in ("encoder", "decoder"):
            if isinstance(config.get(network), dict):
                config[network] = keras.saving.deserialize_keras_object(config[network])
        return cls(**config)
