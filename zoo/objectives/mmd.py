"""MMD: all latents together are held to the prior, by distances and no adversary."""

import math
import numbers
from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.objectives.base import Objective
from zoo.precision import at_most_float32
from zoo.validation import check_choice

# As multiples of 2 D, what two draws of N(0, I) are apart, squared and on average.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@keras.saving.register_keras_serializable(package="zoo")
class MMD(Objective):
    """Holds the latents of all images together to the prior, instead of each image's.

    loss = -E_q[log p(x|z)] + beta * KL(q(z|x) || p(z)) + lambda_mmd * MMD^2(q(z), p(z))
    with the maximum mean discrepancy MMD^2 = E k(z, z') + E k(p, p') - 2 E k(z, p),
    where z, z' are latents of images and p, p' draws of the prior. It is 0 if and only
    if q(z) = E_x[q(z|x)] is the prior. With beta = 0 this is WAE-MMD: Tolstikhin et
    al., "Wasserstein Auto-Encoders", 2018, algorithm 2; with others InfoVAE: Zhao et
    al., "InfoVAE: Balancing Learning and Inference in Variational Autoencoders", 2019,
    equation 6, whose alpha and lambda are beta = 1 - alpha and lambda_mmd = alpha +
    lambda - 1.

    A batch of N images gives N latents, which are compared with N draws of the prior;
    the distance is the batch's, and each of its images is given all of it. A prior that
    learns is fitted to the latents meanwhile, by their mean log-density, in which they
    are held fixed, and not by the distance. With beta = 0, such a model has no
    likelihood to report: `elbo` and `evaluate` say so.

    Args:
        lambda_mmd: weight of the distance, a number >= 0 or a schedule. Small batches
            estimate it with much noise: a large weight makes the encoder follow that.
        beta: weight of the KL, alike.
        kernel: k(a, b) of the squared distance r = |a - b|^2, a sum over scales s:
            "inverse_multiquadratic", C / (C + r) with C = 2 D s in D dimensions, or
            "rbf", exp(-r / C).
        scales: the numbers s. By default those of Tolstikhin et al.: 0.1 to 10.
        estimator: "unbiased", means over pairs of different latents, which may give
            less than 0; or "biased", means over all pairs, each latent with itself
            among them, never below 0 and about (2 / N) * (k(0) - E k(p, p')) too large.

    Raises:
        ValueError, TypeError: for arguments out of range, a model of codes or of
            several groups of latents, or a batch of one image.

    Example:

    >>> import numpy as np, zoo
    >>> objective = zoo.objectives.MMD(lambda_mmd=20.0)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), objective=objective)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, batch_size=16, verbose=0)
    """

    min_batch_size = 2
    needs_one_group = True

    def __init__(
        self,
        lambda_mmd: Any = 10.0,
        beta: Any = 0.0,
        kernel: str = "inverse_multiquadratic",
        scales: tuple[float, ...] = SCALES,
        estimator: str = "unbiased",
    ):
        self.lambda_mmd = schedules.get(lambda_mmd, "lambda_mmd")
        self.beta = schedules.get(beta, "beta")
        self.kernel = check_choice(kernel, "kernel", ("inverse_multiquadratic", "rbf"))
        self.scales = _check_scales(scales)
        self.estimator = check_choice(estimator, "estimator", ("unbiased", "biased"))

    @property
    def holds_kl(self):
        return self.beta != 0

    def check_model(self, model):
        super().check_model(model)
        if model.latents[0].is_codes:
            raise ValueError(
                "MMD compares real latents with draws of the prior; the latents of "
                f"{type(model).__name__} are codes."
            )

    def __call__(self, terms, step):
        group = terms.group
        z = at_most_float32(group.z[0])
        self.check_batch(z.shape[0])
        drawn = ops.stop_gradient(self.draw_prior(group.prior, ops.shape(z)))
        drawn = at_most_float32(drawn)
        distance = self.squared(z, drawn)
        # Minimized with the loss, but without a share in its value.
        surprise = -group.prior.log_prob(ops.stop_gradient(group.z))[0]
        surprise = at_most_float32(surprise)
        return (
            terms.reconstruction
            + schedules.value_at(self.beta, step) * terms.kl
            + schedules.value_at(self.lambda_mmd, step) * distance
            + (surprise - ops.stop_gradient(surprise))
        )

    def draw_prior(self, prior, shape):
        """Draws of the prior of a `LatentGroup`, of this shape (N, *latents)."""
        numbers = [keras.random.normal(shape, seed=self.seed_generator)]
        if uniforms := getattr(prior, "num_uniforms", 0):
            size = (shape[0], uniforms)
            numbers.append(keras.random.uniform(size, seed=self.seed_generator))
        # Of a level of a hierarchy with an axis of draws, which are one.
        return ops.reshape(prior.from_noise(*numbers), (-1, *shape[1:]))

    def squared(self, z, drawn):
        """The estimate of MMD^2, a scalar, from (N, ...) draws of both."""
        z, drawn = (ops.reshape(a, (-1, math.prod(a.shape[1:]))) for a in (z, drawn))
        return (
            self._mean_within(z)
            + self._mean_within(drawn)
            - 2 * ops.mean(self.kernel_matrix(z, drawn))
        )

    def _mean_within(self, a):
        """E k(a, a') of draws (N, D)."""
        matrix = self.kernel_matrix(a, a)
        if self.estimator == "biased":
            return ops.mean(matrix)
        count = ops.cast(ops.shape(a)[0], "float32")
        others = ops.sum(matrix) - ops.sum(ops.diagonal(matrix))
        return others / (count * (count - 1.0))

    def kernel_matrix(self, a, b):
        """k(a_i, b_j) of (N, D) and (M, D): (N, M)."""
        # |a - b|^2 multiplied out, which rounding may leave below 0.
        lengths = [ops.sum(ops.square(v), axis=-1) for v in (a, b)]
        product = ops.matmul(a, ops.transpose(b))
        r = ops.relu(lengths[0][:, None] + lengths[1] - 2 * product)
        total = 0.0
        for scale in self.scales:
            c = 2 * a.shape[-1] * scale
            total += ops.exp(-r / c) if self.kernel == "rbf" else c / (c + r)
        return total


def _check_scales(scales):
    """Scales of a kernel as a list of floats.

    Raises:
        ValueError: if they are none, or not all finite numbers above 0.
    """
    given = list(scales) if isinstance(scales, (tuple, list)) else []
    if not given or not all(map(_is_scale, given)):
        raise ValueError(
            "`scales` must be one or more finite numbers greater than 0; got "
            f"{scales!r}."
        )
    return [float(scale) for scale in given]


def _is_scale(scale):
    number = isinstance(scale, numbers.Real) and not isinstance(scale, bool)
    return number and 0 < float(scale) < math.inf
