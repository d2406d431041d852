"""What all models of the zoo share: images in, an ELBO out, presets."""

import keras
import numpy as np
from keras import ops

from zoo import likelihoods, objectives, validation
from zoo.evaluation import likelihood as likelihood_evaluation
from zoo.inference import InferenceFunctions
from zoo.presets.loading import from_preset
from zoo.presets.saving import save_to_preset
from zoo.serialization import to_json
from zoo.training import Trainer


class Autoencoder(Trainer, keras.Model):
    """Base of all models, whatever their latents are.

    A subclass's constructor ends with `complete()`. It has `elbo_terms`, which `fit`
    and `elbo` run, `call`, `encode`, `decode`, `sample`, `iter_sample` and
    `draw_noise`.

    Args:
        encoder, decoder: Keras layers.
        image_shape: (H, W, C), H and W at least 8.
        likelihood, beta, objective, dynamic_binarization, seed, dtype, name: as in
            `zoo.VAE`.
    """

    # How many numbers about its label a model sees; 0 for models without labels.
    label_dim = 0

    def __init__(
        self,
        encoder,
        decoder,
        image_shape,
        likelihood="bernoulli",
        beta=1.0,
        objective=None,
        dynamic_binarization=False,
        seed=None,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.image_shape = validation.check_image_shape(image_shape)
        self.seed = None if seed is None else int(seed)
        self.dynamic_binarization = bool(dynamic_binarization)
        self.preset_name = None
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.get(likelihood)
        self.objective = objectives.get(objective, beta)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def complete(self):
        """Makes metrics, compiled functions and weights, once all parts are there."""
        self.objective.check_prior(self.prior)
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
        self.built = True

    # Hooks: what a variant overrides.

    def prepare_images(self, x):
        """What training and evaluation steps do to images before anything else."""
        x = ops.cast(x, "float32")
        if self.dynamic_binarization:
            threshold = keras.random.uniform(ops.shape(x), seed=self.seed_generator)
            x = ops.cast(threshold < x, "float32")
        return x

    def draw_noise(self, rng, num_draws):
        """What `elbo_terms` takes as noise for one image.

        Args:
            rng: a `numpy.random.Generator`.
            num_draws: posterior draws, K.

        Returns:
            float32 array (K, ...).
        """
        raise NotImplementedError

    def example_losses(self, terms, step):
        """The loss of each example in nats, (N,): see `zoo.objectives`."""
        return self.objective(terms, step)

    @property
    def min_batch_size(self):
        """How many images a batch must have for `example_losses` to mean anything."""
        return self.objective.min_batch_size

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

    def check_network_labels(self, labels, count=None):
        """Labels as `check_labels` returns them, for what leaves the prior out.

        `fit`, `encode`, `decode` and `reconstruct` ask here, so that a model whose
        prior alone sees labels can do without.
        """
        return self.check_labels(labels, count)

    # The model, as its users call it.

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
        labels = self.check_network_labels(labels, len(x))
        return self.inference.batched("reconstruct", self.call, x, labels)

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
        self,
        x,
        labels=None,
        num_importance_samples=100,
        batch_size=64,
        seed=None,
        skip=0,
    ):
        """Yields `log_marginal_likelihood` batch by batch: for a bar, or a restart.

        Args:
            x, labels, num_importance_samples, batch_size, seed: as there.
            skip: images at the beginning that are left out, having been scored before.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        k = validation.check_whole_number(
            num_importance_samples, "num_importance_samples", 1
        )
        batch_size = validation.check_whole_number(batch_size, "batch_size", 1)
        skip = validation.check_whole_number(skip, "skip", 0)
        return likelihood_evaluation.iter_log_marginal_likelihood(
            self, x, labels, k, batch_size, seed, skip
        )

    # Saving and loading.

    def save_to_preset(self, folder, metadata=None):
        """Saves the model to a new folder: see `zoo.presets.save_to_preset`."""
        save_to_preset(self, folder, metadata)

    @classmethod
    def from_preset(cls, name_or_folder, load_weights=True, dtype=None):
        """`zoo.from_preset`, for a preset of this class.

        Raises:
            ValueError: if it is of another class.
        """
        model = from_preset(name_or_folder, load_weights, dtype)
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
            "likelihood": to_json(self.likelihood),
            "dynamic_binarization": self.dynamic_binarization,
            "seed": self.seed,
            "dtype": self.dtype_policy.name,
            "name": self.name,
        }
