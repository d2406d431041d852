"""VampPrior: the mixture of the posteriors of images that are learned."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import precision
from zoo.distributions import MixtureNormal
from zoo.priors.base import Prior, register
from zoo.validation import check_image_shape, check_images, check_whole_number

# Pixels of images that pseudo-inputs begin as stay this far from 0 and 1, where the
# logarithms of their odds end.
_EDGE = 0.01


@register("vamp", of_images=True)
@keras.saving.register_keras_serializable(package="zoo")
class Vamp(Prior):
    """A learned prior p(z) = 1/M sum_k q(z|u_k), of pseudo-inputs u_k.

    Tomczak & Welling, "VAE with a VampPrior", 2018, equation 9. The pseudo-inputs are
    images, learned with the rest of the model, whose encoder says the posterior of
    each: once a batch, which takes as long as encoding M images more. The density is
    exact; the KL of a posterior to it has no closed form, and is estimated at the
    posterior's draws: it may be below 0 for an image. Exported files hold the mixture
    that it has become.

    Only a model whose encoder sees images alone takes it, and whose posterior has
    `mean` and `log_var`.

    Args:
        image_shape: (H, W, C) of the model's images.
        num_components: number of pseudo-inputs, M >= 1.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> prior = zoo.priors.Vamp((8, 8, 1), num_components=10, seed=0)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), prior=prior, seed=0)
    >>> prior.begin_with(x[:10])  # else with noise
    >>> model.compile("adam")
    >>> history = model.fit(x, verbose=0)
    >>> model.sample(3, seed=0).shape
    (3, 8, 8, 1)
    """

    # It chooses the component.
    num_uniforms = 1
    made_of_posteriors = True

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_components: int = 500,
        seed: int | None = None,
        name: str = "vamp",
        **kwargs: Any,
    ):
        dtype = precision.of_policy(kwargs.get("dtype"))
        super().__init__(name=name, **{**kwargs, "dtype": dtype})
        self.image_shape = check_image_shape(image_shape)
        self.num_components = check_whole_number(num_components, "num_components", 1)
        self.seed = None if seed is None else int(seed)

    def build(self, input_shape=None):
        # Logarithms of odds, so that pixels stay in [0, 1].
        self.logits = self.add_weight(
            shape=(self.num_components, *self.image_shape),
            initializer=keras.initializers.RandomNormal(stddev=2.0, seed=self.seed),
            name="logits",
        )
        self.built = True

    def pseudo_inputs(self):
        """The images u_k, (M, H, W, C) in [0, 1]."""
        return ops.sigmoid(self.logits)

    def begin_with(self, images: Any) -> None:
        """Makes images the pseudo-inputs: a start from data instead of noise.

        They go on learning, unless `trainable` is set to False before `compile`.

        Args:
            images: (M, H, W, C), float32 in [0, 1], such as some of the training set.

        Raises:
            ValueError, TypeError: if there are more or fewer than `num_components`, or
                they are of another shape.
        """
        images = check_images(images, self.image_shape, "images")
        if len(images) != self.num_components:
            raise ValueError(
                f"`images` must be {self.num_components}, one a component; got "
                f"{len(images)}."
            )
        pixels = np.clip(np.asarray(images, "float32"), _EDGE, 1 - _EDGE)
        if not self.built:
            self.build()
        self.logits.assign(np.log(pixels) - np.log1p(-pixels))

    def of_posteriors(self, posterior_of):
        """The mixture, a `zoo.distributions.MixtureNormal`.

        Raises:
            ValueError: if the posteriors are not diagonal normal distributions.
        """
        each = posterior_of(self.pseudo_inputs())
        if getattr(each, "log_var", None) is None:
            raise ValueError(
                "A VampPrior is a mixture of posteriors with `mean` and `log_var`; "
                f"this model's is a {type(each).__name__}."
            )
        weights = ops.zeros((self.num_components,))
        return MixtureNormal(weights, each.mean, each.log_var)

    def log_prob(self, z):
        """There is none without an encoder.

        Raises:
            ValueError: always; `model.make_prior().log_prob(z)` is what there is.
        """
        raise ValueError("A VampPrior needs its model: see `make_prior` of the model.")

    def get_config(self):
        return {
            **super().get_config(),
            "image_shape": list(self.image_shape),
            "num_components": self.num_components,
            "seed": self.seed,
        }
