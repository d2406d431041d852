"""What all models of the zoo share: data in, an ELBO out, presets."""

from typing import Any, Self

import keras
import numpy as np
from keras import ops

from zoo import event, likelihoods, objectives, precision, validation
from zoo.building import Building
from zoo.draws import flatten_draws, of_first_draw, repeat
from zoo.generation import Generation
from zoo.inference import InferenceFunctions
from zoo.label_hooks import LabelHooks
from zoo.losses import Losses
from zoo.presets.loading import from_preset
from zoo.presets.saving import save_to_preset
from zoo.replicas import own_rows
from zoo.scoring import Scoring
from zoo.serialization import to_json
from zoo.training import Trainer


class Autoencoder(
    Generation, Scoring, Losses, LabelHooks, Building, Trainer, keras.Model
):
    """Base of all models, whatever their latents are.

    A subclass has `latents` and `elbo_terms`, from which `fit`, `elbo`, `encode` and
    `reconstruct` follow; `draw_latents`, from which `generate` and `sample` do; and
    `decode_parameters`. Its constructor ends with `complete()`.

    Args:
        encoder, decoder: Keras layers.
        image_shape: what the model is of: (H, W, C) of images, H and W at least 8, or
            a `zoo.event.Event`.
        likelihood, beta, objective, dynamic_binarization, seed, dtype, name, adversary:
            as in `zoo.VAE`.
        parts: {attribute: layer}, further networks of a subclass, as plain attributes.

    >>> import zoo
    >>> issubclass(zoo.VQVAE, zoo.Autoencoder)
    True
    """

    # How many numbers about its label a model sees; 0 for models without labels.
    label_dim = 0
    # Names of parts that are trained against the rest, by an optimizer of their own.
    auxiliary: tuple[str, ...] = ()
    # Names of what `fit` logs beside the terms of the ELBO: see `log`.
    extra_metrics: tuple[str, ...] = ()
    # Whether the KL to the prior is a sum over latents; None if that is not known
    # before a batch has been seen.
    has_kl_per_unit: bool | None = None

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        image_shape: Any,
        likelihood: Any = "bernoulli",
        beta: Any = 1.0,
        objective: Any = None,
        dynamic_binarization: bool = False,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
        adversary: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)  # pyright: ignore
        self.event = event.of(image_shape)
        self.seed = None if seed is None else int(seed)
        self.dynamic_binarization = bool(dynamic_binarization)
        self.preset_name = None
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.get(likelihood)
        self.objective = objectives.get(objective, beta)
        self.take_adversary(adversary)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        for attribute, part in (parts or {}).items():
            setattr(self, attribute, part)

    def complete(self):
        """Makes metrics, compiled functions and weights, once all parts are there."""
        precision.check_scope(self.dtype_policy)
        self.objective.check_model(self)
        self.create_trackers()
        self.inference = InferenceFunctions(self)
        self.build((None, *self.event.shape))

    @property
    def image_shape(self):
        """(H, W, C) of the images that it is a model of.

        Raises:
            AttributeError: if it is one of something else.
        """
        if not isinstance(self.event, event.Image):
            raise AttributeError(
                f"A {type(self).__name__} is a model of {self.event.noun}: it has no "
                "image_shape."
            )
        return self.event.shape

    # Hooks: what a variant overrides.

    def elbo_terms(
        self, x, labels=None, num_draws=1, noise=None, training=False
    ) -> objectives.ELBOTerms:
        """Runs the model once: encode, draw, decode, score.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as the likelihood is to see them.
            labels: as `check_labels` returned them.
            num_draws: posterior draws an example, K.
            noise: (K, N, ...), what `posterior_noise` gives for each example; None
                draws it from `seed_generator`.
            training: passed to the networks.
        """
        raise NotImplementedError

    def decode_parameters(self, z, labels=None, training=False):
        """Latents, as `draw_latents` gives them, to the likelihood's parameters."""
        return self.decoder(z, training=training)

    def decode_draws(self, z, labels=None, training=False):
        """Draws (K, N, *shape), side by side, to likelihood parameters (K, N, H, W, P).

        Of several groups `z` is {name: draws}.
        """
        draws = ops.shape(keras.tree.flatten(z)[0])[0]
        flat = keras.tree.map_structure(flatten_draws, z)
        flat = self.decode_parameters(flat, repeat(labels, draws), training)
        return ops.reshape(flat, (draws, -1, *flat.shape[1:]))

    def log_likelihood(self, x, z, labels=None, training=False):
        """log p(x|z) in nats, (K, N), of images (N, H, W, C) at draws (K, N, *shape).

        Of several groups `z` is {name: draws}.
        """
        return self.score_draws(x, z, labels, training)[0]

    def score_draws(self, x, z, labels=None, training=False):
        """`log_likelihood`, and the parameters (K, N, H, W, P) that it is of."""
        parameters = self.decode_draws(z, labels, training)
        return self.likelihood.log_prob(x, parameters), parameters

    def prepare_images(self, x):
        """What training and evaluation steps do to images before anything else."""
        x = self.event.as_tensor(x)
        if self.dynamic_binarization:
            threshold = own_rows(
                ops.shape(x)[0],
                lambda rows: keras.random.uniform(
                    (rows, *x.shape[1:]), seed=self.seed_generator
                ),
            )
            x = ops.cast(threshold < x, "float32")
        return x

    def posterior_noise(self, rng, num_draws):
        """What `elbo_terms` takes as noise for one image: standard normal numbers.

        Args:
            rng: a `numpy.random.Generator`.
            num_draws: posterior draws, K.

        Returns:
            float32 array (K, ...); here (K, number of latents of all groups).
        """
        shape = (num_draws, sum(spec.size for spec in self.latents))
        return rng.standard_normal(shape, dtype=np.float32)

    def posterior_statistics(self, x, labels=None) -> dict[str, Any]:
        """What describes q(z|x), {name: tensor}: the outputs of encoder.onnx.

        Empty for models that have no such description.
        """
        return {}

    # The model, as its users call it.

    def call(self, x, labels=None, training=False):
        """E[x|z] at the posterior mean: (N, H, W, C) in [0, 1]."""
        z = self._at_the_mean(x, labels, training)[1]
        return self.likelihood.mean(self.decode_parameters(z, labels, training))

    def _at_the_mean(self, x, labels=None, training=False):
        """({name: posterior}, z as `draw_latents` gives it) without noise."""
        noise = self.posterior_noise(np.random.default_rng(0), 1)
        zeros = ops.zeros((1, ops.shape(x)[0], *noise.shape[1:]), noise.dtype)
        groups = self.elbo_terms(x, labels, noise=zeros, training=training).groups
        z = {group.spec.name: group.z[0] for group in groups}
        posteriors = {}
        for (name, shape, _), q, p in ((g.spec, g.posterior, g.prior) for g in groups):
            posteriors[name] = of_first_draw(q, shape)
            posteriors[name].prior = of_first_draw(p, shape)
        return posteriors, z if len(z) > 1 else next(iter(z.values()))

    def encode(self, x: Any, labels: Any = None) -> Any:
        """The posterior q(z|x): see `zoo.distributions`.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            what the class says; here {group's name: posterior}, those of lower levels
            given the means of the levels above.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = self.event.check(x)
        labels = self.known_labels(x, labels)
        self.build_remaining()
        with self.without_gradients(), precision.scope(self.dtype_policy):
            return self._at_the_mean(ops.convert_to_tensor(x), labels)[0]

    def decode(self, z: Any, labels: Any = None) -> Any:
        """E[x|z], the expected image: a tensor (N, H, W, C) in [0, 1].

        Args:
            z: latents as `draw_latents` gives them: (N, *shape) of the one group, or
                {name: (N, *shape)} of several.
            labels: (N,) or one for all, for models that take them.

        Raises:
            ValueError: if `z` has another shape.
        """
        z = self.check_latents(z)
        rows = keras.tree.flatten(z)
        labels = self.check_network_labels(labels, len(rows[0]))

        def decode(*arrays):
            *given, beside = arrays if labels is not None else (*arrays, None)
            return self.expected_images(
                keras.tree.pack_sequence_as(z, list(given)), beside
            )

        name = f"decode {len(rows)}" + (" given labels" if labels is not None else "")
        images = self.inference.batched(name, decode, *rows, labels)
        return self.as_tensors(images)

    def check_latents(self, z):
        """Latents as `decode` takes them, of NumPy arrays.

        Raises:
            ValueError, TypeError: if they are of another kind, shape or range.
        """
        dtype = precision.of_policy(self.dtype_policy)
        return validation.check_latents(z, self.latents, dtype)

    # Saving and loading.

    def save_to_preset(self, folder: Any, metadata: Any = None) -> None:
        """Saves the model to a new folder: see `zoo.presets.save_to_preset`."""
        save_to_preset(self, folder, metadata)

    @classmethod
    def from_preset(cls, name_or_folder, load_weights=True, dtype: Any = None) -> Self:
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
        config = {
            **self.event_config(),
            "likelihood": to_json(self.likelihood),
            "dynamic_binarization": self.dynamic_binarization,
            "seed": self.seed,
            "dtype": self.dtype_policy.name,
            "name": self.name,
        }
        if self.adversary is not None:
            config["adversary"] = to_json(self.adversary)
        return config

    def event_config(self):
        """The constructor arguments that say what the model is of."""
        return {"image_shape": list(self.image_shape)}

    def get_config(self):
        return {**self.base_config(), "objective": to_json(self.objective)}
