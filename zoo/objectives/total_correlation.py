"""beta-TCVAE: the KL taken apart, with a weight of its own on the total correlation."""

import math
from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.objectives.base import Objective
from zoo.precision import at_most_float32
from zoo.validation import check_choice, check_whole_number


@keras.saving.register_keras_serializable(package="zoo")
class TotalCorrelation(Objective):
    """The ELBO with its KL in three parts, each with a weight.

    loss = -E_q[log p(x|z)] + alpha * MI + beta * TC + gamma * DW: Chen et al.,
    "Isolating Sources of Disentanglement in Variational Autoencoders" (beta-TCVAE),
    2018, equation 2 and section 3. Averaged over the data, with q(z) = E_x[q(z|x)]:

        MI = KL(q(z|x) p(x) || q(z) p(x))      index-code mutual information
        TC = KL(q(z) || prod_d q(z_d))         total correlation
        DW = sum_d KL(q(z_d) || p(z_d))        dimension-wise KL

    The densities of q(z) are estimated from the batch, at one draw an image, by one of
    the paper's two estimators (section 3.1, appendix C). Both need the size of the
    data set, and memory for N * N * latent_dim numbers with N images in a batch.

    Args:
        beta: weight of the total correlation, a number >= 0 or a schedule.
        dataset_size: how many images there are to train on.
        estimator: "mws", minibatch weighted sampling: a lower bound of log q(z) in
            expectation. Where posteriors overlap it is log(dataset_size) too small for
            q(z) and for each q(z_d), so that the estimated total correlation is
            (latent_dim - 1) * log(dataset_size) too large, the others too large (MI)
            and too small (DW) as much as to leave the sum of the three exact. The
            excess is nearly constant: gradients are hardly concerned. "mss", minibatch
            stratified sampling: an unbiased estimate of q(z), hence figures to read,
            with more variance.
        alpha, gamma: weights of MI and DW, alike. 1 in the paper.

    Raises:
        ValueError, TypeError: for arguments out of range, or a batch of one image.

    Example:

    >>> import numpy as np, zoo
    >>> objective = zoo.objectives.TotalCorrelation(beta=6.0, dataset_size=32)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), objective=objective)
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> history = model.fit(x, batch_size=16, verbose=0)
    """

    min_batch_size = 2
    needs_one_group = True

    def __init__(
        self,
        beta: Any,
        dataset_size: int,
        estimator: str = "mws",
        alpha: Any = 1.0,
        gamma: Any = 1.0,
    ):
        self.beta = schedules.get(beta, "beta")
        self.dataset_size = check_whole_number(dataset_size, "dataset_size", 1, None)
        self.estimator = check_choice(estimator, "estimator", ("mws", "mss"))
        self.alpha = schedules.get(alpha, "alpha")
        self.gamma = schedules.get(gamma, "gamma")

    def __call__(self, terms, step):
        self.check_batch(terms.group.z.shape[1])
        mutual_information, total_correlation, dimension_wise = self.decompose(terms)
        return (
            terms.reconstruction
            + schedules.value_at(self.alpha, step) * mutual_information
            + schedules.value_at(self.beta, step) * total_correlation
            + schedules.value_at(self.gamma, step) * dimension_wise
        )

    def decompose(self, terms):
        """(MI, TC, DW) as estimated at each example's draws, in nats, (N,) each.

        Their sum is log q(z|x) - log p(z) at the draws: the KL, in expectation.

        Raises:
            ValueError: if the posterior has no density of each dimension.
        """
        group = terms.group
        posterior, z = group.posterior, group.z
        if not hasattr(posterior, "log_prob_per_dim"):
            raise ValueError(
                "TotalCorrelation needs a posterior of independent dimensions, with "
                f"`log_prob_per_dim`; got {type(posterior).__name__}."
            )
        # log q(z_d(i)|x_j): draw i of the batch under the posterior of image j.
        log_densities = posterior.log_prob_per_dim(
            ops.expand_dims(z, axis=2)
        )  # (K, N, N, D)
        log_densities = at_most_float32(log_densities)
        log_weights = self.log_weights(ops.shape(z)[1])  # (N, N)
        # log q(z)
        log_joint = ops.logsumexp(
            log_weights + ops.sum(log_densities, axis=-1), axis=2
        )  # (K, N)
        # log prod_d q(z_d)
        log_marginals = ops.logsumexp(
            ops.expand_dims(log_weights, axis=-1) + log_densities, axis=2
        )  # (K, N, D)
        log_product = ops.sum(log_marginals, axis=-1)
        parts = (
            at_most_float32(posterior.log_prob(z)) - log_joint,
            log_joint - log_product,
            log_product - at_most_float32(group.prior.log_prob(z)),
        )
        return tuple(ops.mean(part, axis=0) for part in parts)

    def log_weights(self, count):
        """Logarithms of the weights of q(z_i|x_j) in the estimate of q(z_i), (N, N).

        Args:
            count: images in the batch, N.
        """
        size = float(self.dataset_size)
        batch = ops.cast(count, "float32")
        if self.estimator == "mws":
            return ops.zeros((count, count)) - (math.log(size) + ops.log(batch))
        # The image itself stands for itself alone; of the M others, one stands for all
        # that the rest leave over.
        others = ops.maximum(batch - 1.0, 1.0)
        rest = ops.maximum(size - others, 1.0)  # at least 1 unless size < N
        index = ops.arange(count, dtype="int32")
        ahead = ops.mod(ops.expand_dims(index, 0) - ops.expand_dims(index, 1), count)
        log_weights = ops.where(
            ahead == 1,
            ops.log(rest) - math.log(size) - ops.log(others),
            -ops.log(others),
        )
        return ops.where(ahead == 0, -math.log(size), log_weights)
