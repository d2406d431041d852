"""StackedSemiSupervisedVAE: few labels, on the latents of a VAE trained without any."""

from typing import Any

import keras
from keras import ops

from zoo import priors, validation
from zoo.autoencoder import Autoencoder
from zoo.class_names import checked_names
from zoo.distributions import DiagonalNormal, GroupPosteriors
from zoo.distributions.groups import in_a_row
from zoo.generation import scaled
from zoo.latents import LatentSpec
from zoo.models.few_labels import FewLabels
from zoo.models.on_features import OnFeatures, copy_without_prior, in_units, in_units_of
from zoo.networks.dense import DenseDecoder, DenseEncoder
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.sizes import check_sizes
from zoo.objectives import ELBOTerms, LatentGroup
from zoo.serialization import to_json


@keras.saving.register_keras_serializable(package="zoo")
class StackedSemiSupervisedVAE(OnFeatures, FewLabels, Autoencoder):
    """Few labels on top of a VAE that needed none: M1+M2.

    Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014, section
    2: p(y) p(z) p(f|y, z) p(x|f), where f are the latents of a trained VAE, `base`,
    whose networks stay as they are. Its prior p(f) is replaced by that of the label and
    of further latents z; q(y|f) and q(z|y, f) see f alone. That trains in minutes, on
    what the base has learned from all images, and tells classes better than a
    `zoo.SemiSupervisedVAE` of the same size.

    Labels, `fit`, `predict_proba` and figures are as there. The two groups of latents
    beside the label are told as standard normal numbers, as in `zoo.HierarchicalVAE`:
    f is mean + deviation * features, learned functions of y and z; `generate` and
    `decode` take z and features in one row.

    Args:
        base: a model of one latent vector with a normal posterior, without labels, such
            as zoo.from_preset("dense_vae_mnist"). A copy of it without its prior
            becomes a part of this model, and is frozen: `model.base.trainable = True`
            trains it with the rest.
        latent_dim: dimensions of z.
        num_classes, class_names, classification_weight, labelled_share,
            num_summed_classes: as in `zoo.SemiSupervisedVAE`.
        hidden_units, activation, batch_norm: of all three networks, each of which sees
            f, z or y, not images.
        beta, seed, objective, dtype, name: as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range, or a base of another kind.

    Example:

    >>> import numpy as np, zoo
    >>> base = zoo.DenseVAE((8, 8, 1), latent_dim=4, hidden_units=(16,), seed=0)
    >>> model = zoo.StackedSemiSupervisedVAE(base, 2, num_classes=3, seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> y = np.full(32, -1)
    >>> y[:3] = [0, 1, 2]
    >>> history = model.fit(x, y, verbose=0)
    >>> model.predict_proba(x).shape
    (32, 3)
    >>> model.sample(2, labels=1, seed=0).shape
    (2, 8, 8, 1)
    """

    extra_metrics = (*FewLabels.extra_metrics, "kl_features")

    def __init__(
        self,
        base: Any,
        latent_dim: int,
        num_classes: int,
        *,
        hidden_units: tuple[int, ...] = (256, 256),
        activation: str = "relu",
        batch_norm: bool = True,
        class_names: list[str] | None = None,
        classification_weight: float = 1.0,
        labelled_share: float = 0.25,
        num_summed_classes: int | None = 2,
        beta: Any = 1.0,
        seed: int | None = None,
        objective: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ):
        if isinstance(base, dict):
            base = keras.saving.deserialize_keras_object(base)
        else:
            base = copy_without_prior(base)
        latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        num_classes = validation.check_whole_number(num_classes, "num_classes", 1)
        hidden_units = check_sizes(hidden_units, "hidden_units")
        seeds = InitializerSeeds(seed)

        def network(kind, outputs, hidden, name, **further):
            return kind(
                outputs,
                hidden,
                False,
                activation,
                seed=seeds.next_seed(),
                batch_norm=batch_norm,
                dtype=dtype,
                name=name,
                **further,
            )

        decoded = (1, 1, 2 * base.latent_dim)
        classifier = network(DenseEncoder, num_classes, hidden_units, "classifier")
        super().__init__(
            encoder=network(
                DenseEncoder,
                2 * latent_dim,
                hidden_units,
                "encoder",
                condition_dim=num_classes,
            ),
            decoder=network(DenseDecoder, decoded, hidden_units[::-1], "decoder"),
            image_shape=base.image_shape,
            likelihood=base.likelihood,
            beta=beta,
            objective=objective,
            dynamic_binarization=base.dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
            parts={"base": base, "classifier": classifier},
        )
        base.trainable = False
        self.latent_dim = latent_dim
        self.num_classes = self.label_dim = num_classes
        self.class_names = checked_names(class_names, num_classes)
        self.prior = priors.StandardNormal()
        self.network_config = {
            "hidden_units": list(hidden_units),
            "activation": activation,
            "batch_norm": bool(batch_norm),
        }
        self.take_few_labels(classification_weight, labelled_share, num_summed_classes)
        self.complete()

    has_kl_per_unit = True

    def build_networks(self):
        """Makes the weights of the networks, which fit by construction."""
        features = (None, 1, 1, self.base.latent_dim)
        self.encoder.build(features)
        self.classifier.build(features)
        self.decoder.build((None, self.latent_dim + self.num_classes))

    # The model, as a function of tensors.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        return (
            LatentSpec("z", (self.latent_dim,)),
            LatentSpec("features", (self.base.latent_dim,)),
        )

    @property
    def latent_row(self) -> LatentSpec:
        return LatentSpec("z", (self.latent_dim + self.base.latent_dim,))

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is (K, N, latents of both groups)."""
        drawn = noise is None
        noise = self.group_noise(x, num_draws, noise)
        # f ~ q(f|x)
        told = self.base_posterior(x, training)
        features = told.from_noise(noise["features"])
        # log p(x|f)
        parameters = self.base.decode_draws(
            features, training=training and self.base.trainable
        )
        log_likelihood = self.likelihood.log_prob(x, parameters)
        log_probs = ops.log_softmax(self.logits_of(features, training))
        if drawn and num_draws == 1:  # what training sums over may depend on it
            log_probs = log_probs[0]

        def terms_of_classes(classes):
            copies = classes.shape[0]
            pairs = ops.tile(features, (1, copies, 1))
            of_pairs = DiagonalNormal(
                ops.tile(told.mean, (copies, 1)), ops.tile(told.log_var, (copies, 1))
            )
            labels = ops.reshape(classes, (-1,))
            # z ~ q(z|f, y), with the same noise for all classes
            q = self.z_posterior(pairs, labels, training)
            z = q.from_noise(ops.tile(noise["z"], (1, copies, 1)))
            groups = self._groups(q, z, of_pairs, pairs, labels, training)
            return ELBOTerms(ops.tile(log_likelihood, (1, copies)), groups)

        terms = self.summed_terms(log_probs, labels, terms_of_classes, training)
        terms.images, terms.parameters = x, parameters
        return terms

    def _groups(self, q, z, told, features, labels, training=False):
        """The groups of latents, of pairs of class and image."""
        p = self.features_prior(z, labels, training)
        told, features = in_units(told, p), in_units_of(features, p)
        groups = (q, z), (told, features)
        return tuple(
            LatentGroup(spec, posterior, posterior.default_prior(), draws)
            for spec, (posterior, draws) in zip(self.latents, groups, strict=True)
        )

    def terms_at(self, x, z, labels=None):
        """See `Scoring.terms_at`."""
        p = self.features_prior(z["z"], labels)
        features = p.mean + ops.exp(0.5 * p.log_var) * z["features"]
        parameters = self.base.decode_draws(features)
        q = self.z_posterior(features, labels)
        told = self.base_posterior(x)
        groups = self._groups(q, z["z"], told, features, labels)
        log_likelihood = self.likelihood.log_prob(x, parameters)
        return ELBOTerms(log_likelihood, groups, {}, x, parameters)

    def decode_parameters(self, z, labels=None, training=False):
        """To the likelihood's parameters (N, H, W, P).

        Args:
            z: latents in a row (N, latents of both groups), or {name: (N, *shape)}.
            labels: (N,).
            training: passed on.
        """
        if not isinstance(z, dict):
            z = self.split_noise(z)
        p = self.features_prior(z["z"], labels, training)
        features = p.mean + ops.exp(0.5 * p.log_var) * z["features"]
        return self.base.decode_parameters(features, training=training)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw_latents`: rows of both groups."""
        return scaled(noise, temperature)

    def posterior_statistics(self, x, labels=None):
        """See `Autoencoder.posterior_statistics`: rows of both groups, at the means.

        Labels must be known, as they are to an encoder.onnx.
        """
        told = self.base_posterior(x)
        q = self.z_posterior(told.mean, labels)
        p = self.features_prior(q.mean, labels)
        parts = q, in_units(told, p)
        return {
            name: in_a_row([getattr(part, name) for part in parts])
            for name in ("mean", "log_var")
        }

    def call(self, x, labels=None, training=False):
        """E[x|f] at the mean of what the base tells: as its own reconstruction."""
        return self.base.call(x, training=training)

    # The model, as its users call it.

    def encode(self, x: Any, labels: Any = None) -> GroupPosteriors:
        """The posterior q(z, features|x, y), of each group and of both in a row.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,); those that are -1, or all if None, are taken to be the most
                probable of q(y|x).

        Returns:
            `zoo.distributions.GroupPosteriors`: {"z": ..., "features": ...}, the latter
            given the mean of z; in a row what `decode` and `generate` take.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.known_labels(x, labels)
        rows = self.inference.batched("encode", self.posterior_statistics, x, labels)
        mean, log_var = (
            self.split_noise(ops.convert_to_tensor(rows[name]))
            for name in ("mean", "log_var")
        )

        def rows_of(images, noise, labels):
            noise = self.split_noise(noise)
            told = self.base_posterior(images)
            features = told.from_noise(noise["features"])
            z = self.z_posterior(features, labels).from_noise(noise["z"])
            p = self.features_prior(z, labels)
            return in_a_row([z, in_units_of(features, p)])

        def draw(noise):
            arrays = x, ops.convert_to_numpy(noise), labels
            drawn = self.inference.batched("draw z given x", rows_of, *arrays)
            return ops.convert_to_tensor(drawn)

        return GroupPosteriors(
            {name: DiagonalNormal(mean[name], log_var[name]) for name in mean}, draw
        )

    def check_latents(self, z):
        """Latents as `decode` takes them, by groups or in rows, of NumPy arrays.

        Raises:
            ValueError: if they are of other groups or of another shape.
        """
        if isinstance(z, dict):
            return super().check_latents(z)
        return validation.check_latents(z, [self.latent_row])

    def get_config(self):
        shared = super().get_config()
        for of_base in ("image_shape", "likelihood", "dynamic_binarization"):
            del shared[of_base]
        return {
            **shared,
            **self.network_config,
            **self.few_labels_config(),
            "base": to_json(self.base),
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "class_names": self.class_names and list(self.class_names),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
