"""The networks of a model that sees images by the latents of another one."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

from typing import Any

from keras import ops

from zoo import validation
from zoo.distributions import DiagonalNormal, GroupPosteriors
from zoo.distributions.groups import in_a_row
from zoo.precision import at_least_float32
from zoo.vae import VAE


class OnFeatures:
    """Mixed into `zoo.StackedSemiSupervisedVAE`: distributions given features f.

    The model has `base`, whose latents f are, `latent_dim` and `num_classes`; its
    `classifier`, `encoder` and `decoder` see f as images of 1 x 1 pixels.
    """

    def class_logits(self, x, training=False):
        """See `FewLabels.class_logits`: at the mean of what the base tells."""
        return self.logits_of(self.base_posterior(x).mean, training)

    def base_posterior(self, x, training=False):
        """q(f|x) of images (N, H, W, C)."""
        parameters = self.base.encode_parameters(
            x, training=training and self.base.trainable
        )
        return self.base.make_posterior(parameters)

    def logits_of(self, features, training=False):
        """Of features (..., F): (..., num_classes)."""
        rows = ops.reshape(features, (-1, 1, 1, self.base.latent_dim))
        logits = at_least_float32(self.classifier(rows, training=training))
        return ops.reshape(logits, (*ops.shape(features)[:-1], self.num_classes))

    def z_posterior(self, features, labels, training=False):
        """q(z|f, y) of features (..., N, F) and labels (N,)."""
        vectors = self._vectors(labels, features)
        rows = ops.reshape(features, (-1, 1, 1, self.base.latent_dim))
        found = self.encoder(
            rows, ops.reshape(vectors, (-1, self.num_classes)), training=training
        )
        lead = ops.shape(features)[:-1]
        found = ops.reshape(found, (*lead, 2 * self.latent_dim))
        return DiagonalNormal.from_parameters(found)

    def features_prior(self, z, labels, training=False):
        """p(f|z, y) of latents (..., N, D) and labels (N,)."""
        vectors = ops.cast(self._vectors(labels, z), z.dtype)
        seen = ops.concatenate([z, vectors], axis=-1)
        seen = ops.reshape(seen, (-1, self.latent_dim + self.num_classes))
        found = self.decoder(seen, training=training)
        lead = ops.shape(z)[:-1]
        found = ops.reshape(found, (*lead, 2 * self.base.latent_dim))
        return DiagonalNormal.from_parameters(found)

    def _vectors(self, labels, rows):
        """What the networks see of labels (N,), for rows (..., N, D)."""
        vectors = self.label_vectors(labels)
        return ops.broadcast_to(vectors, (*ops.shape(rows)[:-1], self.num_classes))

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


def in_units(told, p):
    """A normal posterior of features in units of their prior: N(0, I) is the prior."""
    return DiagonalNormal(in_units_of(told.mean, p), told.log_var - p.log_var)


def in_units_of(features, p):
    """Features in units of their prior p."""
    return (features - p.mean) * ops.exp(-0.5 * p.log_var)


def copy_without_prior(base):
    """A copy of a model whose latents are to be features, without a learned prior.

    Raises:
        TypeError: unless it has one latent vector with a normal posterior.
    """
    wanted = (
        "`base` must be a model of the zoo with one latent vector, a normal posterior "
        'and no labels, such as zoo.from_preset("dense_vae_mnist")'
    )
    if not isinstance(base, VAE):
        raise TypeError(f"{wanted}; got {type(base).__name__}.")
    if base.label_dim:
        raise TypeError(f"{wanted}; got a {type(base).__name__} of labels.")
    if type(base).make_posterior is not VAE.make_posterior:
        raise TypeError(
            f"{wanted}; the posterior of this {type(base).__name__} is its own."
        )
    of_prior = {id(weight) for weight in base.prior.weights}
    copy = type(base).from_config({**base.get_config(), "prior": "standard_normal"})
    copy.set_weights(
        [ops.convert_to_numpy(w) for w in base.weights if id(w) not in of_prior]
    )
    return copy
