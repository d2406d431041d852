"""A learned prior of any shape: noise, transformed step by step."""

import math
from typing import Any

import keras
from keras import ops

from zoo import precision
from zoo.networks.coupling import AffineCoupling, AffineMixing
from zoo.networks.seeding import InitializerSeeds
from zoo.priors.base import Prior, register
from zoo.validation import check_whole_number

# Of a flow that is not told how many layers it has.
LEAST_LAYERS = 6


@register("flow")
@keras.saving.register_keras_serializable(package="zoo")
class Flow(Prior):
    """A learned prior p(z): standard normal noise through affine coupling layers.

    Dinh et al., "Density estimation using Real NVP", 2017; as the prior of a VAE, Chen
    et al., "Variational Lossy Autoencoder", 2017, section 3.2. The density is exact.
    The KL of a posterior to it has no closed form, and is estimated at the posterior's
    draws: it may be below 0 for an image. It starts as N(0, I), so that a model which
    was trained with that prior can be trained on with this one.

    Each layer moves the dimensions with a 0, or those with a 1, at one binary digit of
    their index, given the others; the digit changes after every second layer. All of it
    is float32, or float64 in a model of that dtype. With `mixing` each layer also
    scales, moves and mixes all dimensions (Kingma & Dhariwal, "Glow", 2018), so that
    the layers after it see other directions: for a deep flow, of 20 layers, say. With
    `label_dim` it is p(z|y): each layer's network sees the label besides.

    It has learned nothing of noise larger than its own: at a `temperature` above 1
    latents soon lie far from any that a decoder knows, and from 1.5 on (measured of 24
    layers) programs round them to different images.

    Args:
        latent_dim: number of latent dimensions, >= 2.
        num_layers: number of coupling layers, from 1 to 32. None is two for each binary
            digit of an index, and at least 6: 12 of 40 dimensions. Of any two of them
            one then moves given the other; with fewer layers some pairs meet through
            others alone.
        hidden_units: units of the hidden layer in each coupling layer.
        mixing: whether each layer has an invertible matrix besides.
        label_dim: size of the label's vector, where classes are one-hot; 0 for a p(z)
            without labels. Only a model with labels of that many numbers takes it.
        seed: integer that fixes the initial weights, or None.

    Raises:
        ValueError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> prior = zoo.priors.Flow(latent_dim=2, num_layers=4, hidden_units=16)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), prior=prior, seed=0)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, verbose=0)
    >>> tuple(prior.log_prob(model.encode(x).mean).shape)
    (32,)
    """

    def __init__(
        self,
        latent_dim: int,
        num_layers: int | None = None,
        hidden_units: int = 128,
        seed: int | None = None,
        name: str = "flow",
        mixing: bool = False,
        label_dim: int = 0,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.latent_dim = check_whole_number(latent_dim, "latent_dim", 1)
        if self.latent_dim < 2:
            raise ValueError(
                "A flow moves latent dimensions given the others: `latent_dim` must be "
                "at least 2; got 1."
            )
        if num_layers is None:
            num_layers = max(LEAST_LAYERS, 2 * _digits(self.latent_dim))
        self.num_layers = check_whole_number(num_layers, "num_layers", 1, 32)
        self.hidden_units = check_whole_number(hidden_units, "hidden_units", 1)
        self.label_dim = check_whole_number(label_dim, "label_dim", 0)
        self.seed = None if seed is None else int(seed)
        seeds = InitializerSeeds(self.seed)
        dtype = precision.of_policy(self.dtype_policy)
        self.couplings = [
            AffineCoupling(
                fixed_dimensions(self.latent_dim, i),
                self.hidden_units,
                self.label_dim,
                seed=seeds.next_seed(),
                dtype=dtype,
                name=f"coupling_{i}",
            )
            for i in range(self.num_layers)
        ]
        self.mixing = bool(mixing)
        self.mixings = [
            AffineMixing(self.latent_dim, dtype, name=f"mixing_{i}")
            for i in range(self.num_layers if self.mixing else 0)
        ]

    def build(self, input_shape=None):
        for layer in (*self.couplings, *self.mixings):
            layer.build((None, self.latent_dim))
        self.built = True

    def given(self, label_vectors):
        """p(z|y) of labels (N, label_dim), of as many images; itself without labels."""
        return _FlowGivenLabels(self, label_vectors) if self.label_dim else self

    def from_noise(self, noise, uniforms=None, label_vectors=None):
        """See `Prior.from_noise`; raises as `log_prob`."""
        self._check_given(label_vectors)
        z = ops.cast(noise, precision.of_policy(self.dtype_policy))
        for step in self._steps():
            z = step(z, label_vectors)
        return z

    def _check_given(self, label_vectors):
        if self.label_dim and label_vectors is None:
            raise ValueError("p(z|y) needs labels: see Flow.given.")

    def _steps(self):
        """All layers in the order from noise to latents."""
        if not self.mixing:
            return self.couplings
        pairs = zip(self.couplings, self.mixings, strict=True)
        return [step for pair in pairs for step in pair]

    def to_noise(self, z, label_vectors=None):
        """The inverse of `from_noise`, and how much it spreads.

        Args:
            z: latents (..., D).
            label_vectors: (N, label_dim) for latents (..., N, D), or None.

        Returns:
            noise (..., D), and log |det d noise / d z| (...) in nats.

        Raises:
            ValueError: without labels, if p is p(z|y).
        """
        self._check_given(label_vectors)
        noise = ops.cast(z, precision.of_policy(self.dtype_policy))
        log_det = 0.0
        for step in reversed(self._steps()):
            noise, spread = step.inverse(noise, label_vectors)
            log_det = log_det + spread
        return noise, log_det

    def log_prob(self, z, label_vectors=None):
        """log p(z) in nats, by the change of variables: (..., D) -> (...).

        Raises:
            ValueError: without labels, if p is p(z|y).
        """
        noise, log_det = self.to_noise(z, label_vectors)
        squared = ops.square(noise) + math.log(2 * math.pi)
        return log_det - 0.5 * ops.sum(squared, axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "num_layers": self.num_layers,
            "hidden_units": self.hidden_units,
            "mixing": self.mixing,
            "label_dim": self.label_dim,
            "seed": self.seed,
        }


class _FlowGivenLabels:
    """A `Flow` and the labels (N, label_dim) that it is given."""

    def __init__(self, flow, label_vectors):
        self.flow = flow
        dtype = precision.of_policy(flow.dtype_policy)
        self.label_vectors = ops.cast(label_vectors, dtype)

    def from_noise(self, noise, uniforms=None):
        return self.flow.from_noise(noise, uniforms, self.label_vectors)

    def to_noise(self, z):
        return self.flow.to_noise(z, self.label_vectors)

    def log_prob(self, z):
        return self.flow.log_prob(z, self.label_vectors)


def _digits(latent_dim):
    """How many binary digits tell the dimensions apart."""
    return (latent_dim - 1).bit_length()


def fixed_dimensions(latent_dim, layer):
    """Which dimensions a layer leaves as they are: a list of booleans, some of each.

    Any two dimensions differ in some digit, and so one of them moves given the other
    in one of the layers, if there are two for each digit.
    """
    digit = layer // 2 % _digits(latent_dim)
    return [(d >> digit) % 2 == layer % 2 for d in range(latent_dim)]
