"""The base model: encode, draw, decode, and the ELBO of what came out."""

import keras
import numpy as np
from keras import ops

from zoo import priors, threefry, validation
from zoo.autoencoder import Autoencoder
from zoo.objectives import ELBOTerms
from zoo.posteriors import DiagonalGaussian
from zoo.serialization import to_json
from zoo.training.metrics import ActiveUnits


@keras.saving.register_keras_serializable(package="zoo")
class VAE(Autoencoder):
    """A variational autoencoder: networks, posterior, prior, likelihood, objective.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. Subclasses choose the
    networks, or override one of the hooks `prepare_images`, `encode_parameters`,
    `make_posterior`, `make_prior`, `decode_parameters`, `check_labels`,
    `example_losses`.

    Args:
        encoder: layer from images (N, H, W, C) to (N, 2 * latent_dim).
        decoder: layer from latents (N, latent_dim) to likelihood parameters
            (N, H, W, likelihood.parameters(C)).
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        likelihood: "bernoulli", "gaussian", "categorical" or
            "discretized_logistic_mixture", or a `zoo.likelihoods.Likelihood`.
        prior: "standard_normal"; "flow" to learn one of any shape, for which
            `zoo.priors.Flow` has options; or an object of their kind.
        beta: weight of the KL, a number or a schedule.
        objective: what `fit` minimizes, instead of the beta-ELBO.
        dynamic_binarization: draw each pixel from Bernoulli(x) anew every time it is
            trained or evaluated on in `fit` and `evaluate` (Salakhutdinov & Murray,
            2008). Images that are binary already are left as they are.
        seed: integer that fixes noise and the subclass's initial weights, or None.
        dtype: dtype or policy of the networks, such as "mixed_bfloat16"; terms of the
            ELBO are float32 in any case.
        label_dim: how many numbers about its label the decoder sees beside a latent.
        parts: {attribute: layer}, further networks of a subclass, which builds them in
            its `build`.

    Raises:
        ValueError, TypeError: for arguments out of range.

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
        encoder,
        decoder,
        image_shape,
        latent_dim,
        likelihood="bernoulli",
        prior="standard_normal",
        beta=1.0,
        objective=None,
        dynamic_binarization=False,
        seed=None,
        dtype=None,
        name=None,
        label_dim=0,
        parts=None,
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
        )
        self.label_dim = label_dim
        self.latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        for attribute, part in (parts or {}).items():
            setattr(self, attribute, part)
        self.prior = priors.get(prior, self.latent_dim, seed)
        self.complete()

    def build(self, input_shape):
        super().build(input_shape)
        self.decoder.build((None, self.latent_dim + self.label_dim))

    # Hooks: what a variant overrides.

    def encode_parameters(self, x, labels=None, training=False):
        """Images (N, H, W, C) to the posterior's parameters (N, 2 * latent_dim)."""
        return self.encoder(x, training=training)

    def make_posterior(self, parameters):
        """The posterior that the encoder's output describes."""
        return DiagonalGaussian.from_parameters(parameters)

    def make_prior(self, labels=None):
        """The prior p(z), or p(z|y)."""
        return self.prior

    def decode_parameters(self, z, labels=None, training=False):
        """Latents (N, latent_dim) to the likelihood's parameters (N, H, W, P)."""
        return self.decoder(z, training=training)

    # The model, as a function of tensors.

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """Runs the model once: encode, draw, decode, score.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as the likelihood is to see them.
            labels: as `check_labels` returned them.
            num_draws: posterior draws an example, K.
            noise: standard normal (K, N, latent_dim); None draws it.
            training: passed to the networks.

        Returns:
            `zoo.objectives.ELBOTerms`.
        """
        # q(z|x)
        posterior = self.make_posterior(self.encode_parameters(x, labels, training))
        # z ~ q(z|x)
        if noise is None:
            shape = (num_draws, ops.shape(posterior.mean)[0], self.latent_dim)
            noise = keras.random.normal(shape, seed=self.seed_generator)
        z = posterior.from_noise(noise)
        # log p(x|z)
        draws = ops.shape(noise)[0]
        flat = self.decode_parameters(
            ops.reshape(z, (-1, self.latent_dim)), _repeat(labels, draws), training
        )
        parameters = ops.reshape(flat, (draws, -1, *flat.shape[1:]))
        log_likelihood = self.likelihood.log_prob(x, parameters)
        return ELBOTerms(posterior, self.make_prior(labels), z, log_likelihood)

    def call(self, x, labels=None, training=False):
        """E[x|z] at the posterior mean: (N, H, W, C) in [0, 1]."""
        posterior = self.make_posterior(self.encode_parameters(x, labels, training))
        return self.likelihood.mean(
            self.decode_parameters(posterior.mean, labels, training)
        )

    def expected_images(self, z, labels=None):
        """E[x|z] in [0, 1], of tensors that have been checked."""
        return self.likelihood.mean(self.decode_parameters(z, labels))

    def draw_noise(self, rng, num_draws):
        """Standard normal float32 (num_draws, latent_dim), from a NumPy generator."""
        return rng.standard_normal((num_draws, self.latent_dim), dtype=np.float32)

    def create_trackers(self):
        """The metrics of `fit` and `evaluate`."""
        super().create_trackers()
        self.active_units_tracker = ActiveUnits(self.latent_dim)

    def update_trackers(self, terms, sample_weight=None):
        """Adds a batch's `ELBOTerms` to the metrics."""
        super().update_trackers(terms, sample_weight)
        self.active_units_tracker.update_state(terms.posterior.mean)

    # The model, as its users call it.

    def encode(self, x, labels=None):
        """The posterior q(z|x).

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            `zoo.posteriors.DiagonalGaussian`: `mean`, `log_var` (N, latent_dim),
            `sample(seed)`, `kl()` in nats.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        return self.make_posterior(
            self.encode_parameters(ops.convert_to_tensor(x), labels)
        )

    def decode(self, z, labels=None):
        """E[x|z], the expected image: a tensor (N, H, W, C) in [0, 1].

        Args:
            z: latents (N, latent_dim).
            labels: (N,) or one for all, for models that take them.

        Raises:
            ValueError: if `z` has another shape.
        """
        z = ops.convert_to_tensor(z, "float32")
        if len(z.shape) != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(
                f"`z` must be latents of shape (N, {self.latent_dim}); "
                f"got shape {tuple(z.shape)}."
            )
        return self.expected_images(z, self.check_labels(labels, z.shape[0]))

    def sample(self, num_samples, labels=None, temperature=1.0, seed=None):
        """Draws z from the prior and decodes it to E[x|z].

        Args:
            num_samples: how many images, >= 0.
            labels: (num_samples,) or one for all, for models that take them.
            temperature: scale of the prior's standard deviation, or of the noise that
                a flow makes latents from, >= 0.
            seed: integer from 0 to 2**63 - 1 that fixes the draw: the same images on
                every backend, from the exported files' `export.Sampler` and from
                sampler.onnx. None draws anew.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1]. The first n images do not
            change when more are asked for.

        Raises:
            ValueError: for a number, temperature or seed out of range.
        """
        images = self.iter_sample(num_samples, labels, temperature, seed)
        return np.concatenate(list(images))

    def iter_sample(self, num_samples, labels=None, temperature=1.0, seed=None):
        """Yields the images of `sample`, batch by batch."""
        num_samples = validation.check_whole_number(num_samples, "num_samples", 0)
        labels = self.check_labels(labels, num_samples)
        if not 0 <= temperature < float("inf"):
            raise ValueError(
                f"`temperature` must be a finite number >= 0; got {temperature!r}."
            )
        if seed is None:
            seed = threefry.fresh_seed()
        seed = validation.check_whole_number(seed, "seed", 0, threefry.MAX_SEED)
        noise = self.prior.draw(seed, num_samples, self.latent_dim, temperature)

        def decode(noise, labels=None):
            z = self.make_prior(labels).from_noise(noise)
            return self.expected_images(z, labels)

        yield from self.inference.iter_batched("sample", decode, noise, labels)

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


def _repeat(labels, draws):
    """Labels (N, ...) once for each draw: (draws * N, ...), or None."""
    if labels is None:
        return None
    labels = ops.convert_to_tensor(labels)
    repeated = ops.broadcast_to(labels, (draws, *ops.shape(labels)))
    return ops.reshape(repeated, (-1, *labels.shape[1:]))
