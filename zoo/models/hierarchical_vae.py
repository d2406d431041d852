"""HierarchicalVAE: latents in groups, from coarse grids to fine ones."""

from typing import Any

import keras
from keras import ops

from zoo import likelihoods, validation
from zoo.autoencoder import Autoencoder
from zoo.class_names import checked_names
from zoo.distributions import DiagonalNormal
from zoo.draws import flatten_draws, repeat
from zoo.labels import check_labels, check_presence, wanted_labels
from zoo.latents import LatentSpec
from zoo.networks.ladder import grid_of, ladder_networks
from zoo.objectives import ELBOTerms, LatentGroup

# Axes of one image's latents in a group: a grid of channels.
_GRID = 3


@keras.saving.register_keras_serializable(package="zoo")
class HierarchicalVAE(Autoencoder):
    """A ladder of latents: groups on coarse grids first, each given those before it.

    Sønderby et al., "Ladder Variational Autoencoders", 2016; Kingma et al., "Improved
    Variational Inference with Inverse Autoregressive Flow", 2016 (one way down, shared
    by prior and posterior); Vahdat & Kautz, "NVAE", 2020 (posteriors relative to their
    priors). An encoder goes up from the image without noise. One way down, the same for
    prior and posterior, begins with a learned constant, reads group after group, and
    ends in the image.

    Latents are told as standard normal numbers: group l is z_l ~ N(0, I) under the
    prior, and what the ladder reads of it is mean_l + deviation_l z_l, both learned
    functions of the groups before. This is a learned prior p(z_l|z_<l) told without
    its units: all figures are the same. So the groups of an image, one after another,
    are the row of normal numbers that `generate` makes the image of.

    Args:
        image_shape: (H, W, C), H and W at least 8. Any size: what does not divide is
            padded and cropped.
        levels: (divisor, groups, channels) of each resolution, coarsest first: on the
            grid of H / divisor x W / divisor positions lie so many groups of so many
            latents a position. Each divisor divides the one before.
        filters: channels of the networks, one number or one for each level.
        blocks_per_level: convolutional blocks of the encoder at each level, >= 0.
        block, activation: as in `zoo.ConvVAE`.
        num_classes: for p(x|label): labels are whole numbers (N,) from 0 to
            num_classes - 1; None for a model without labels.
        class_names: names of the classes, as in `zoo.ConditionalVAE`.
        likelihood, beta, seed, objective, dynamic_binarization, dtype, name, parts:
            as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.HierarchicalVAE(
    ...     (28, 28, 1), levels=((4, 1, 2), (2, 2, 1)), filters=8, seed=0)
    >>> [(spec.name, spec.shape) for spec in model.latents]
    [('z_7x7_1', (7, 7, 2)), ('z_14x14_1', (14, 14, 1)), ('z_14x14_2', (14, 14, 1))]
    >>> model.sample(2, seed=0).shape
    (2, 28, 28, 1)
    """

    has_kl_per_unit = True

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        levels: tuple[tuple[int, int, int], ...] = ((4, 3, 4), (2, 3, 4)),
        likelihood: Any = "bernoulli",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        filters: int | tuple[int, ...] = 64,
        blocks_per_level: int = 2,
        block: str = "gated",
        activation: str = "silu",
        num_classes: int | None = None,
        class_names: list[str] | None = None,
        objective: Any = None,
        dynamic_binarization: bool = False,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
    ):
        image_shape = validation.check_image_shape(image_shape)
        likelihood = likelihoods.get(likelihood)
        if num_classes is not None:
            num_classes = validation.check_whole_number(num_classes, "num_classes", 1)
        networks = ladder_networks(
            image_shape,
            levels,
            likelihood,
            filters=filters,
            blocks_per_level=blocks_per_level,
            block=block,
            activation=activation,
            label_dim=num_classes or 0,
            seed=seed,
            dtype=dtype,
        )
        super().__init__(
            encoder=networks.encoder,
            decoder=networks.decoder,
            image_shape=image_shape,
            likelihood=likelihood,
            beta=beta,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
            parts=parts,
        )
        self.num_classes = num_classes
        self.class_names = checked_names(class_names, num_classes)
        self.label_dim = num_classes or 0
        self.network_config = networks.config
        self._latents = _specs(image_shape, networks.decoder.levels)
        self.complete()

    def build_networks(self):
        """Makes the weights of both networks, which fit by construction."""
        self.encoder.build((None, *self.image_shape))
        self.decoder.build()

    # Labels.

    def check_presence_of_labels(self, labels):
        """Refuses images without labels, or labels that the model does not take.

        Raises:
            ValueError: if there are none, or some.
        """
        if self.num_classes is None:
            return super().check_presence_of_labels(labels)
        wanted = wanted_labels(self.num_classes)
        return check_presence(labels, type(self).__name__, wanted)

    def check_labels(self, labels, count=None):
        """Labels as `zoo.labels.check_labels` returns them; None without classes.

        Raises:
            ValueError, TypeError: for labels of another number, shape, kind or range.
        """
        self.check_presence_of_labels(labels)
        if self.num_classes is None:
            return None
        return check_labels(
            labels, count, self.num_classes, class_names=self.class_names
        )

    def label_vectors(self, labels, draws=1):
        """One-hot labels, once for each draw (draws * N, num_classes), or None."""
        if self.num_classes is None:
            return None
        labels = ops.cast(repeat(labels, draws), "int32")
        return ops.one_hot(labels, self.num_classes)

    # The model, as a function of tensors.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        return self._latents

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is (K, N, latents of all groups)."""
        noise = self.group_noise(x, num_draws, noise)
        draws, count = ops.shape(next(iter(noise.values())))[:2]
        groups = []

        def draw(number, described):
            # q(z_l|x, z_<l), then z_l ~ q.
            spec = self.latents[number]
            described = {
                name: ops.reshape(value, (draws, -1, *spec.shape))
                for name, value in described.items()
            }
            posterior = DiagonalNormal(**described, event_ndim=_GRID)
            z = posterior.from_noise(noise[spec.name])
            groups.append(LatentGroup(spec, posterior, posterior.default_prior(), z))
            return flatten_draws(z)

        features = self.encoder(x)
        vectors = self.label_vectors(labels, draws)
        state = self.decoder.state(draw, draws * count, vectors, features)
        # log p(x|z)
        parameters = self.decode_parameters(state, training=training)
        parameters = ops.reshape(parameters, (draws, -1, *parameters.shape[1:]))
        log_likelihood = self.likelihood.log_prob(x, parameters)
        return ELBOTerms(log_likelihood, tuple(groups))

    def decode_parameters(self, z, labels=None, training=False):
        """To the likelihood's parameters (N, H, W, P).

        Args:
            z: {name: latents (N, h, w, channels)} of all groups, or the state that they
                add up to at the end of the way down, which knows of labels.
            labels: (N,), or None.
            training: passed on.
        """
        if isinstance(z, dict):
            z = self.state(z, labels)
        return self.decoder(z)

    def state(self, z, labels=None):
        """What groups of latents add up to, (N, h, w, filters): the decoder's input."""
        names = [spec.name for spec in self.latents]
        count = ops.shape(z[names[0]])[0]
        vectors = self.label_vectors(labels)
        return self.decoder.state(lambda n, _: z[names[n]], count, vectors)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw_latents`: the noise itself."""
        return self.split_noise(noise, temperature)

    def get_config(self):
        return {
            **super().get_config(),
            **self.network_config,
            "num_classes": self.num_classes,
            "class_names": self.class_names and list(self.class_names),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _specs(image_shape, levels):
    specs = []
    for divisor, groups, channels, _ in levels:
        height, width = grid_of(image_shape, divisor, levels[0].divisor)
        for number in range(groups):
            name = f"z_{height}x{width}_{number + 1}"
            specs.append(LatentSpec(name, (height, width, channels)))
    return tuple(specs)
