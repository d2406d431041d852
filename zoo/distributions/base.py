"""What distributions of latents have in common."""

import copy
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import threefry
from zoo.distributions.divergence import DENSITY, kl_divergence
from zoo.precision import at_most_float32, scope_of

# A KL without a closed form, where a posterior is asked for its own: so many times so
# many draws, as all at once would fill the memory.
_KL_TIMES, _KL_DRAWS = 4, 16


class Distribution:
    """A batch of distributions over one group of latents: q(z|x), p(z|y), ...

    A posterior must have `mean`, `from_noise` and `log_prob`. Without the optional

    - `entropy`, a KL that has no closed form is estimated from the posterior's density
      at the draws, too, with more variance;
    - a rule for the pair with the model's prior (`zoo.distributions.kl_rule`), the KL
      has no closed form: it is estimated at the draws and may fall below 0, and
      objectives that count the KL of each latent refuse it;
    - `log_prob_per_dim`, `zoo.objectives.TotalCorrelation` refuses it;
    - `statistics`, encoder.onnx gives `mean` alone.

    Attributes:
        mean: E[z], (N, *shape); of a level of a hierarchy (K, N, *shape).
        prior: what `kl` compares with; `encode` sets the model's own prior.
        event_ndim: how many of the last axes are the latents of one image.
    """

    mean: Any
    prior: Any = None
    event_ndim = 1

    def from_noise(self, noise):
        """z of standard normal noise (..., N, *shape), differentiable."""
        raise NotImplementedError

    def log_prob(self, z):
        """log q(z|x) in nats, summed over the latents: (..., N, *shape) to (..., N)."""
        raise NotImplementedError

    def statistics(self):
        """What describes it, {name: tensor}: the outputs of encoder.onnx."""
        return {"mean": self.mean}

    def sample(self, seed=None):
        """One reparameterized draw (N, *shape) an example.

        Args:
            seed: an integer, a `keras.random.SeedGenerator` or None for fresh noise.
        """
        with scope_of(self):
            noise = keras.random.normal(ops.shape(self.mean), seed=seed)
            return self.from_noise(noise)

    def kl(self, prior=None):
        """KL(q(z|x) || p(z)) in nats, (N,).

        In closed form where the pair has one, and then >= 0; else estimated from 64
        draws, which are the same at every call and on every backend.

        Args:
            prior: p(z), anything with `log_prob`; None for that of the model whose
                `encode` returned this, and for normal distributions made by hand,
                N(0, I).

        Raises:
            ValueError: if there is no prior to compare with.
        """
        own = prior is None and self.prior is not None
        prior = self.prior if own else prior
        with scope_of(self, prior):
            kl = at_most_float32(self._kl(prior))
        # What a model's `encode` returned has no gradients, its prior may.
        return ops.stop_gradient(kl) if own else kl

    def _kl(self, prior):
        prior = self.default_prior() if prior is None else prior
        kl = kl_divergence(self, prior)
        if kl is not None:
            return kl
        estimates = (
            estimated_kl(self, prior, self.draws(_KL_DRAWS, seed))
            for seed in range(_KL_TIMES)
        )
        return sum(estimates) / _KL_TIMES

    def default_prior(self):
        """What `kl` compares with if no prior is known.

        Raises:
            ValueError: as there is none in general.
        """
        raise ValueError(
            f"A {type(self).__name__} that no model's `encode` returned has no prior: "
            "give one, as in kl(prior)."
        )

    def draws(self, count, seed):
        """`count` draws (count, N, *shape), fixed by a seed, the same everywhere.

        Those of the first n examples do not change when there are more.
        """
        half = self.numbers((count + 1) // 2, seed, threefry.normals)
        # With each number its negative: what is odd in them cancels out.
        noise = np.concatenate([half, -half])[:count]
        return self.from_noise(ops.convert_to_tensor(noise))

    def numbers(self, count, seed, draw):
        """Random numbers of `zoo.threefry` for `count` draws: (count, N, *shape)."""
        shape = tuple(self.mean.shape)
        rows = math.prod(shape[: len(shape) - self.event_ndim])
        size = math.prod(shape[len(shape) - self.event_ndim :])
        numbers = draw(seed, rows, count * size).reshape(rows, count, size)
        return np.swapaxes(numbers, 0, 1).reshape(count, *shape)

    def map_tensors(self, function):
        """The distribution of the same kind whose tensors are what `function` gives."""
        mapped = copy.copy(self)
        for name, value in vars(self).items():
            if ops.is_tensor(value):
                setattr(mapped, name, function(value))
        return mapped


def estimated_kl(posterior, prior, z):
    """KL in nats, (N,), from draws z (K, N, *shape).

    With the posterior's entropy in closed form where it has one: less variance.
    """
    log_prior = at_most_float32(prior.log_prob(z))
    if not _has_own_entropy(type(posterior)):
        return ops.mean(at_most_float32(posterior.log_prob(z)) - log_prior, axis=0)
    kl = -at_most_float32(posterior.entropy()) - log_prior
    return ops.mean(kl, axis=0)


def _has_own_entropy(posterior_class):
    """Whether `entropy` is that of `log_prob`, and not of a class that it replaced."""
    for ancestor in posterior_class.__mro__:
        if "entropy" in vars(ancestor):
            return True
        if not DENSITY.isdisjoint(vars(ancestor)):
            return False
    return False
