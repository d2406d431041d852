"""An adversary of images: a discriminator of patches that sharpens what is decoded."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.networks.seeding import InitializerSeeds
from zoo.networks.sizes import check_sizes
from zoo.serialization import to_json


@keras.saving.register_keras_serializable(package="zoo")
class Adversary(keras.layers.Layer):
    """Tells images from a model's reconstructions, patch by patch, while both learn.

    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016
    (VAE/GAN), and Esser et al., "Taming Transformers for High-Resolution Image
    Synthesis", 2021 (VQ-GAN). To the loss of a model that has an `adversary`,

        gamma * sum over patches of -log D(E[x|z])
        + feature_weight * 1/2 |features of x - features of E[x|z]|^2

    is added, in nats, where D is the probability that a patch is of an image, and
    features are what D reads it from: Larsen et al.'s equation 7. The adversary learns
    meanwhile by its cross-entropy on patches of both, which trains it alone, and the
    loss the model alone. As in VQ-GAN it judges reconstructions, whose gradient the
    encoder sees too; Larsen et al. have it judge images drawn from the prior besides.

    Such a model has no likelihood to report: `elbo`, `evaluate` and
    `log_marginal_likelihood` give true lower bounds of log p(x), and say in a warning
    that training did not make them tight. Compare it by its images.

    `fit` also logs `adversarial_loss` (-log D, nats a patch), `feature_loss` (the half
    of the squared distance) and `discriminator_loss` (nats a patch; both log 2 = 0.69
    when the adversary can tell nothing). `loss` is the model's alone.

    Args:
        gamma: weight of -log D, a number >= 0 or a schedule, such as
            `zoo.schedules.LinearWarmup` for images that are blurred but right at first.
        feature_weight: weight of the features' distance, alike.
        pixel_weight: weight of -log p(x|z) in the loss, alike; 0 for VAE/GAN, whose
            features stand in its place.
        filters: channels of each stage, finest first; each halves the image. A patch is
            a position of the last one's grid, and sees 2 ** (stages + 1) - 1 pixels
            each way.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.ConvVAE((8, 8, 3), 2, filters=(8,), likelihood="gaussian",
    ...     adversary=zoo.Adversary(filters=(8, 8), seed=0), seed=0)
    >>> model.compile("adam", auxiliary_optimizer="adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 3), dtype="float32")
    >>> history = model.fit(x, verbose=0).history
    >>> {"adversarial_loss", "discriminator_loss", "feature_loss"} <= set(history)
    True
    """

    metric_names = ("adversarial_loss", "feature_loss", "discriminator_loss")

    def __init__(
        self,
        gamma: Any = 1.0,
        feature_weight: Any = 1.0,
        pixel_weight: Any = 1.0,
        filters: tuple[int, ...] = (64, 128),
        seed: int | None = None,
        name: str = "adversary",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.gamma = schedules.get(gamma, "gamma")
        self.feature_weight = schedules.get(feature_weight, "feature_weight")
        self.pixel_weight = schedules.get(pixel_weight, "pixel_weight")
        self.filters = list(check_sizes(filters, "filters"))
        if not self.filters:
            raise ValueError("`filters` must name at least one stage; got none.")
        self.seed = seed
        seeds = InitializerSeeds(seed)
        self.stages = [
            keras.layers.Conv2D(
                channels,
                3,
                strides=2,
                padding="same",
                data_format="channels_last",
                kernel_initializer=seeds.he_normal(),
                dtype=self.dtype_policy,
                name=f"stage_{i}",
            )
            for i, channels in enumerate(self.filters)
        ]
        self.head = keras.layers.Conv2D(
            1,
            1,
            data_format="channels_last",
            kernel_initializer=seeds.glorot_uniform(),
            dtype="float32",
            name="head",
        )

    def build(self, input_shape):
        shape = tuple(input_shape)
        for stage in self.stages:
            stage.build(shape)
            shape = (None, -(-shape[1] // 2), -(-shape[2] // 2), stage.filters)
        self.head.build(shape)
        self.built = True

    def call(self, images):
        """Images (N, H, W, C) in [0, 1] to log-odds (N, patches) of being no decoded
        ones, and the features (N, h, w, filters[-1]) that these were read from.
        """
        x = 2 * images - 1
        for stage in self.stages:
            x = ops.leaky_relu(stage(x), negative_slope=0.2)
        log_odds = self.head(x)
        patches = log_odds.shape[1] * log_odds.shape[2]
        return ops.reshape(log_odds, (-1, patches)), x

    def judge(self, log_odds, features):
        """What a model is to make less, of images and, after them, decoded ones.

        Returns:
            -log D of decoded patches (N, patches); half the squared distance between
            the features of an image and of the decoded one (N,), nats.
        """
        of_images, of_decoded = ops.split(ops.cast(features, "float32"), 2)
        distance = 0.5 * ops.sum(ops.square(of_images - of_decoded), axis=(1, 2, 3))
        return ops.softplus(-ops.split(log_odds, 2)[1]), distance

    def cross_entropy(self, log_odds):
        """-log D of images' patches and -log(1 - D) of decoded ones', halved: (N,)."""
        of_images, of_decoded = ops.split(log_odds, 2)
        both = ops.softplus(-of_images) + ops.softplus(of_decoded)
        return 0.5 * ops.mean(both, axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "gamma": to_json(self.gamma),
            "feature_weight": to_json(self.feature_weight),
            "pixel_weight": to_json(self.pixel_weight),
            "filters": list(self.filters),
            "seed": self.seed,
        }
