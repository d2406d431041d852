"""DIP-VAE: the covariance of the latents is drawn to the identity."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.objectives.base import Objective
from zoo.precision import at_most_float32
from zoo.validation import check_choice


@keras.saving.register_keras_serializable(package="zoo")
class DIP(Objective):
    """The ELBO plus a penalty on how far the latents are from uncorrelated.

    loss = -ELBO + lambda_od * sum_{i != j} C_ij^2 + lambda_d * sum_i (C_ii - 1)^2:
    Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled
    Observations", 2018, equations 6 and 7. C is the batch's covariance (divided by the
    number of images) of the posterior means for kind "i"; for kind "ii" the mean of the
    posterior variances is added to its diagonal (of a `FullNormal` posterior, the mean
    of the covariances), which makes it the covariance of q(z). The penalty is a
    batch's, and each of its images is given all of it.

    Args:
        lambda_od: weight of the entries off the diagonal, a number >= 0 or a schedule.
        lambda_d: weight of those on the diagonal, alike. The paper's experiments have
            10 * lambda_od for kind "i" and lambda_od for kind "ii".
        kind: "i" or "ii".

    Raises:
        ValueError, TypeError: for arguments out of range, or a batch of one image.

    Example:

    >>> from zoo.objectives import DIP
    >>> objective = DIP(lambda_od=5.0, lambda_d=5.0, kind="ii")
    """

    min_batch_size = 2
    needs_one_group = True

    def __init__(self, lambda_od: Any = 10.0, lambda_d: Any = 100.0, kind: str = "i"):
        self.lambda_od = schedules.get(lambda_od, "lambda_od")
        self.lambda_d = schedules.get(lambda_d, "lambda_d")
        self.kind = check_choice(kind, "kind", ("i", "ii"))

    def __call__(self, terms, step):
        posterior = terms.group.posterior
        self.check_batch(posterior.mean.shape[0])
        covariance = at_most_float32(self.covariance(posterior))
        identity = ops.eye(covariance.shape[-1], dtype="float32")
        squares = ops.square(covariance - identity)
        lambda_od = schedules.value_at(self.lambda_od, step)
        lambda_d = schedules.value_at(self.lambda_d, step)
        weights = lambda_od * (1.0 - identity) + lambda_d * identity
        return terms.reconstruction + terms.kl + ops.sum(weights * squares)

    def covariance(self, posterior):
        """The covariance that is penalized, (D, D), of a batch's posterior."""
        count = ops.cast(ops.shape(posterior.mean)[0], posterior.mean.dtype)
        centered = posterior.mean - ops.mean(posterior.mean, axis=0, keepdims=True)
        covariance = ops.matmul(ops.transpose(centered), centered) / count
        if self.kind == "i":
            return covariance
        if hasattr(posterior, "covariance"):
            return covariance + ops.mean(posterior.covariance(), axis=0)
        return covariance + ops.diag(ops.mean(ops.exp(posterior.log_var), axis=0))
