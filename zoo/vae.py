"""The base model: encode, draw, decode, and the ELBO of what came out."""

import keras
import numpy as np
from keras import ops

from zoo import likelihoods, objectives, priors, validation
from zoo.evaluation import likelihood as likelihood_evaluation
from zoo.inference import InferenceFunctions
from zoo.objectives import ELBOTerms
from zoo.posteriors import DiagonalGaussian
from zoo.presets import from_preset, save_to_preset
from zoo.serialization import to_json
from zoo.training import Trainer


@keras.saving.register_keras_serializable(package="zoo")
class VAE(Trainer, keras.Model):
    """A variational autoencoder: networks, posterior, prior, likelihood, objective.

    Kingma & Welling, "Auto-Encoding Variational Bayes", 2014. Subclasses choose the
    networks, or override one of the hooks `prepare_images`, `encode_parameters`,
    `make_posterior`, `make_prior`, `decode_parameters`, `check_labels`.

    Args:
        encoder: layer from images (N, H, W, C) to (N, 2 * latent_dim).
        decoder: layer from latents (N, latent_dim) to likelihood parameters
            (N, H, W, likelihood.parameters(C)).
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        likelihood: "bernoulli", "gaussian", "categorical" or
            "discretized_logistic_mixture", or a `zoo.likelihoods.Likelihood`.
        prior: "standard_normal" or an object of its kind.
        beta: weight of the KL, a number or a schedule.
        objective: what `fit` minimizes, instead of the beta-ELBO.
        dynamic_binarization: draw each pixel from Bernoulli(x) anew every time it is
            trained or evaluated on in `fit` and `evaluate` (Salakhutdinov & Murray,
            2008). Images that are binary already are left as they are.
        seed: integer that fixes noise and the subclass's initial weights, or None.
        dtype: dtype or policy of the networks, such as "mixed_bfloat16"; terms of the
            ELBO are float32 in any case.
        label_dim: how many numbers about its label the decoder sees beside a latent.

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
    ):
        super().__init__(name=name, dtype=dtype)
        self.label_dim = label_dim
        self.image_shape = validation.check_image_shape(image_shape)
        self.latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        self.seed = None if seed is None else int(seed)
        self.dynamic_binarization = bool(dynamic_binarization)
        self.preset_name = None
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.get(likelihood)
        self.prior = priors.get(prior)
        self.objective = objectives.get(objective, beta)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.create_trackers()
        self.inference = InferenceFunctions(self)
        self.build((None, *self.image_shape))

    def build(self, input_shape):
        # A weight, so that schedules go on where a saved run stopped.
        self.steps_trained = self.add_weight(
            shape=(), initializer="zeros", dtype="int", trainable=False, name="steps"
        )
        for part in (self.likelihood, self.prior):
            if not part.built:  # Keras builds what it deserializes
                part.build(None)
        self.encoder.build((None, *self.image_shape))
        self.decoder.build((None, self.latent_dim + self.label_dim))
        self.built = True

    # Hooks: what a variant overrides.

    def prepare_images(self, x):
        """What training and evaluation steps do to images before anything else."""
        x = ops.cast(x, "float32")
        if self.dynamic_binarization:
            threshold = keras.random.uniform(ops.shape(x), seed=self.seed_generator)
            x = ops.cast(threshold < x, "float32")
        return x

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

    def check_presence_of_labels(self, labels):
        """Refuses labels: this model takes none.

        Raises:
            ValueError: if there are labels.
        """
        if labels is not None:
            raise ValueError(
                f"{type(self).__name__} takes no labels, but got labels beside the "
                "images: give images alone."
            )

    def check_labels(self, labels, count=None):
        """Labels as the model takes them, an array with one row an image, or None.

        Args:
            labels: what the caller gave.
            count: how many images there are.

        Raises:
            ValueError, TypeError: if they are not what the model takes.
        """
        self.check_presence_of_labels(labels)
        return labels

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

    def reconstruct(self, x, labels=None):
        """E[x|z] at the posterior mean of each image.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            float32 array (N, H, W, C) in [0, 1].

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        return self.inference.batched("reconstruct", self.call, x, labels)

    def sample(self, num_samples, labels=None, temperature=1.0, seed=None):
        """Draws z from the prior and decodes it to E[x|z].

        Args:
            num_samples: how many images, >= 0.
            labels: (num_samples,) or one for all, for models that take them.
            temperature: scale of the prior's standard deviation, >= 0.
            seed: integer that fixes the draw, the same on every backend and in the
                exported decoder's `Sampler`; None draws anew.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1]. The first n images do not
            change when more are asked for.

        Raises:
            ValueError: for a negative number or temperature.
        """
        num_samples = validation.check_whole_number(num_samples, "num_samples", 0)
        labels = self.check_labels(labels, num_samples)
        if not 0 <= temperature < float("inf"):
            raise ValueError(
                f"`temperature` must be a finite number >= 0; got {temperature!r}."
            )
        rng = np.random.default_rng(seed)
        noise = self.prior.draw(rng, num_samples, self.latent_dim, temperature)

        def decode(noise, labels=None):
            z = self.make_prior(labels).from_noise(noise)
            return self.expected_images(z, labels)

        return self.inference.batched("sample", decode, noise, labels)

    def elbo(self, x, labels=None, seed=None):
        """Each image's evidence lower bound, with one posterior draw an image.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], scored as they are given:
                binarize grey ones first where the model was trained on binary ones.
            labels: (N,), for models that take them; all figures are then given y.
            seed: integer that fixes the noise, the same on every backend.

        Returns:
            dict of float32 arrays (N,), in nats: "elbo", "log_likelihood", "kl".

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        return likelihood_evaluation.elbo(self, x, labels, seed)

    def log_marginal_likelihood(
        self,
        x,
        labels=None,
        num_importance_samples=100,
        batch_size=64,
        seed=None,
    ):
        """Each image's log p(x), estimated by importance sampling from the posterior.

        log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), a lower bound in expectation that
        tightens with K (Burda et al. 2016, equation 8). Memory does not grow with K.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as for `elbo`.
            labels: as for `elbo`.
            num_importance_samples: K.
            batch_size: images worked on at a time; does not change the result.
            seed: integer that fixes the noise, the same on every backend.

        Returns:
            float64 array (N,), in nats.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        return np.concatenate(
            list(
                self.iter_log_marginal_likelihood(
                    x, labels, num_importance_samples, batch_size, seed
                )
            )
        )

    def iter_log_marginal_likelihood(
        self, x, labels=None, num_importance_samples=100, batch_size=64, seed=None
    ):
        """Yields `log_marginal_likelihood` batch by batch, for a progress bar."""
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        k = validation.check_whole_number(
            num_importance_samples, "num_importance_samples", 1
        )
        batch_size = validation.check_whole_number(batch_size, "batch_size", 1)
        return likelihood_evaluation.iter_log_marginal_likelihood(
            self, x, labels, k, batch_size, seed
        )

    # Saving and loading.

    def save_to_preset(self, folder, metadata=None):
        """Saves the model to a new folder: see `zoo.presets.save_to_preset`."""
        save_to_preset(self, folder, metadata)

    @classmethod
    def from_preset(cls, name_or_folder, load_weights=True):
        """`zoo.from_preset`, for a preset of this class.

        Raises:
            ValueError: if it is of another class.
        """
        model = from_preset(name_or_folder, load_weights=load_weights)
        if not isinstance(model, cls):
            raise ValueError(
                f"{str(name_or_folder)!r} is a {type(model).__name__}, not a "
                f"{cls.__name__}: load it with zoo.from_preset."
            )
        return model

    def base_config(self):
        """The constructor arguments that all models share, as JSON values."""
        return {
            "image_shape": list(self.image_shape),
            "latent_dim": self.latent_dim,
            "likelihood": to_json(self.likelihood),
            "prior": to_json(self.prior),
            "objective": to_json(self.objective),
            "dynamic_binarization": self.dynamic_binarization,
            "seed": self.seed,
            "dtype": self.dtype_policy.name,
            "name": self.name,
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
