"""HierarchicalVAE: latents in groups, from coarse grids to fine ones."""

from typing import Any, Unpack

import keras
from keras import ops

from zoo import likelihoods, precision, priors, validation
from zoo.autoencoder import Autoencoder
from zoo.class_names import checked_names
from zoo.distributions import DiagonalNormal, GroupPosteriors
from zoo.distributions.groups import in_a_row
from zoo.draws import flatten_draws, repeat
from zoo.latents import LatentSpec, levels_of
from zoo.models.labelled import Labelled
from zoo.models.ladder_prior import LadderPrior
from zoo.models.networked import Options
from zoo.networks.ladder import ladder_networks
from zoo.networks.levels import latent_specs
from zoo.objectives import ELBOTerms, LatentGroup
from zoo.serialization import to_json


@keras.saving.register_keras_serializable(package="zoo")
class HierarchicalVAE(LadderPrior, Labelled, Autoencoder):
    """A ladder of latents: groups on coarse grids first, each given those before it.

    Sønderby et al., "Ladder Variational Autoencoders", 2016; Kingma et al., "Improved
    Variational Inference with Inverse Autoregressive Flow", 2016 (one way down, shared
    by prior and posterior); Vahdat & Kautz, "NVAE", 2020 (posteriors relative to their
    priors). An encoder goes up from the image without noise. One way down, the same for
    prior and posterior, begins with a learned constant, reads group after group, and
    ends in the image.

    Latents are told as standard normal numbers: z_l ~ N(0, I) under the prior, and what
    the ladder reads of it is mean_l + deviation_l z_l, learned functions of the groups
    before. That is a learned prior p(z_l|z_<l) without its units: all figures are the
    same, and the groups of an image, one after another, are the row of normal numbers
    that `generate` makes the image of. `sample` takes one temperature, or one for each
    level.

    The first group has none before it: `prior` is what p(z_1) is instead of N(0, I), of
    all its latents as one vector, as the VampPrior of Tomczak & Welling, 2018, section
    4, is. `decode` takes rows of such latents, `generate` the noise they are drawn
    from.

    Args:
        image_shape: (H, W, C), H and W at least 8. Any size: what does not divide is
            padded and cropped.
        levels: (divisor, groups, channels) of each resolution, coarsest first: on the
            grid of H / divisor x W / divisor positions lie so many groups of so many
            latents a position. Each divisor divides the one before.
        filters: channels of the networks, one number or one for each level.
        blocks_per_level: convolutional blocks of the encoder at each level, >= 0.
        block, activation: as in `zoo.ConvVAE`.
        num_classes, class_names: for p(x|label), as in `zoo.ConditionalVAE`; None for a
            model without labels.
        prior: of the first group, of h w channels dimensions: as in `zoo.VAE`.
        likelihood, beta, seed, options: as in `zoo.VAE`; of `beta`, see `ELBO`.

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
        prior: Any = "standard_normal",
        **options: Unpack[Options],
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
            dtype=options.get("dtype"),
        )
        super().__init__(
            encoder=networks.encoder,
            decoder=networks.decoder,
            image_shape=image_shape,
            likelihood=likelihood,
            beta=beta,
            seed=seed,
            **options,
        )
        self.num_classes = num_classes
        self.class_names = checked_names(class_names, num_classes)
        self.label_dim = num_classes or 0
        self.network_config = networks.config
        self._latents = latent_specs(image_shape, networks.decoder.levels)
        self.prior = priors.get(
            prior, self.latents[0].size, seed, self.label_dim, image_shape
        )
        self.complete()

    def build_networks(self):
        """Makes the weights of both networks, which fit by construction."""
        self.encoder.build((None, *self.image_shape))
        self.decoder.build()

    # The model, as a function of tensors.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        return self._latents

    def way_down(self, x, labels=None, noise=None, told=None, z=None):
        """Every group's posterior, and draws from it.

        Args:
            x: images (N, H, W, C).
            labels: (N,), or None.
            noise: {name: (K, N, *shape)}; None for the means, which are one draw.
            told: how many groups the image tells; the others are drawn from the prior,
                N(0, I), and of them there is no posterior. None for all.
            z: latents that are given, as `noise` is; None draws them.

        Returns:
            [(q(z_l|x, z_<l), z_l (K, N, *shape))], the state (K * N, h, w, filters).
        """
        draws, count, groups = 1, ops.shape(x)[0], []
        given, rows = z, noise or z
        if rows is not None:
            draws = ops.shape(rows[self.latents[0].name])[0]

        def draw(number, statistics):
            spec = self.latents[number]
            if noise is not None and told is not None and number >= told:
                return flatten_draws(noise[spec.name])
            shape = (draws, -1, *spec.shape)
            statistics = (ops.reshape(each, shape) for each in statistics)
            q = DiagonalNormal(*statistics, event_ndim=len(spec.shape))
            drawn = q.mean if noise is None else q.from_noise(noise[spec.name])
            z = drawn if given is None else given[spec.name]
            groups.append((q, z))
            return flatten_draws(z)

        vectors = self.label_vectors(repeat(labels, draws))
        state = self.decoder.state(draw, draws * count, vectors, self.encoder(x))
        return groups, state

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is (K, N, latents of all groups)."""
        return self._terms(x, labels, self.group_noise(x, num_draws, noise), training)

    def upper_elbo_terms(self, x, labels=None, *, noise, levels):
        """`elbo_terms` where the image tells the coarsest levels alone.

        The groups below them are drawn from the prior. The ELBO is the L^{>k} of
        Havtorn et al., "Hierarchical VAEs Know What They Don't Know", 2021, equation 8.

        Args:
            x, labels, noise: as for `elbo_terms`.
            levels: how many, >= 1.
        """
        told = sum(len(level.groups) for level in levels_of(self.latents)[:levels])
        return self._terms(x, labels, self.group_noise(x, 1, noise), told=told)

    def terms_at(self, x, z, labels=None):
        """See `Scoring.terms_at`."""
        return self._terms(x, labels, z=z)

    def _terms(self, x, labels, noise=None, training=False, told=None, z=None):
        # z_l ~ q(z_l|x, z_<l), group after group
        groups, state = self.way_down(x, labels, noise, told, z)
        # log p(x|z)
        flat = self.decode_parameters({"state": state}, training=training)
        draws = ops.shape(groups[0][1])[0]
        parameters = ops.reshape(flat, (draws, -1, *flat.shape[1:]))
        log_likelihood = self.likelihood.log_prob(x, parameters)
        groups = [
            LatentGroup(spec, q, q.default_prior(), z)
            for spec, (q, z) in zip(self.latents, groups, strict=False)
        ]
        groups[0].prior = self.first_prior(groups[0].posterior, labels)
        return ELBOTerms(log_likelihood, tuple(groups), {}, x, parameters)

    def decode_parameters(self, z, labels=None, training=False):
        """To the likelihood's parameters (N, H, W, P).

        Args:
            z: latents of all groups, {name: (N, h, w, channels)} or in a row (N,
                latents of all groups); or {"state": what they add up to at the end of
                the way down (N, h, w, filters)}, which knows of labels.
            labels: (N,), or None.
            training: passed on.
        """
        if not isinstance(z, dict):
            z = self.split_noise(ops.reshape(z, (-1, self.noise.normals)))
        if "state" not in z:
            groups = [z[spec.name] for spec in self.latents]
            count, vectors = ops.shape(groups[0])[0], self.label_vectors(labels)
            z = {"state": self.decoder.state(lambda n, _: groups[n], count, vectors)}
        return self.decoder(z["state"])

    def posterior_statistics(self, x, labels=None):
        """See `Autoencoder.posterior_statistics`: rows of all groups, at the means."""
        posteriors = [posterior for posterior, _ in self.way_down(x, labels)[0]]
        return {
            name: in_a_row([getattr(posterior, name)[0] for posterior in posteriors])
            for name in ("mean", "log_var")
        }

    # The model, as its users call it.

    def encode(self, x: Any, labels: Any = None) -> GroupPosteriors:
        """The posterior q(z|x), of each group and of all in a row.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            `zoo.distributions.GroupPosteriors`: {group's name: posterior}, each given
            the means before; its `mean`, `log_var` and `sample(seed)` are of all groups
            in a row (N, latents), which `decode` and `generate` take.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_labels(labels, len(x))
        which = "" if labels is None else " given labels"
        compute = self.posterior_statistics
        rows = self.inference.batched(f"encode{which}", compute, x, labels)
        with precision.scope(self.dtype_policy):
            mean, log_var = (
                self.split_noise(ops.convert_to_tensor(rows[name]))
                for name in ("mean", "log_var")
            )
            posteriors = {n: DiagonalNormal(mean[n], log_var[n], 3) for n in mean}
            first = posteriors[self.latents[0].name]
            first.prior = self.first_prior(first, labels)

        def rows_of(images, noise, *labels):
            noise = self.split_noise(noise[None])
            groups, _ = self.way_down(images, *labels, noise=noise)
            return in_a_row([z[0] for _, z in groups])

        def draw(noise):
            arrays = x, ops.convert_to_numpy(noise), labels
            drawn = self.inference.batched(f"draw z given x{which}", rows_of, *arrays)
            return self.as_tensors(drawn)

        return GroupPosteriors(posteriors, draw)

    def check_latents(self, z):
        """Latents as `decode` takes them, by groups or in rows, of NumPy arrays.

        Raises:
            ValueError: if they are of other groups or of another shape.
        """
        if isinstance(z, dict):
            return super().check_latents(z)
        dtype = precision.of_policy(self.dtype_policy)
        return validation.check_latents(z, [self.latent_row], dtype)

    def get_config(self):
        return {
            **super().get_config(),
            **self.network_config,
            "prior": to_json(self.prior),
            "num_classes": self.num_classes,
            "class_names": self.class_names and list(self.class_names),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
