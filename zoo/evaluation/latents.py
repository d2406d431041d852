"""How much of its latents a model uses."""

import numpy as np
from keras import ops

from zoo.distributions import kl_per_unit
from zoo.evaluation.statistics import kl_to_own_normal


def posterior_mean(model, x, labels=None):
    """The mean of q(z|x): an array (N, latent_dim); arguments are checked already."""

    def mean_of(images, labels=None):
        return model.make_posterior(model.encode_parameters(images, labels)).mean

    return model.inference.batched("posterior_mean", mean_of, x, labels)


def active_units(model, x, labels=None, threshold=0.01):
    """Number of latent dimensions whose posterior mean varies over `x`.

    Burda et al., "Importance Weighted Autoencoders", 2016, section 5.2.

    Args:
        model: a `zoo.VAE`.
        x: images (N, H, W, C), float32 in [0, 1].
        labels: (N,), for models that take them.
        threshold: variance of the posterior mean above which a dimension is active.

    Returns:
        int between 0 and latent_dim.
    """
    mean = posterior_mean(model, x, model.known_labels(x, labels))
    return int(np.sum(np.var(mean, axis=0) > threshold))


def kl_per_latent(model, x, labels=None):
    """KL(q(z_d|x) || p(z_d)): what each latent tells of an image, averaged over images.

    The KL to a prior that is learned for all latents together, a flow, is no sum over
    latents. In its place p(z_d) is the normal distribution with the mean and variance
    that z_d has over these images, of all the one with the least such KL.

    Args:
        model, x, labels: as for `active_units`.

    Returns:
        float64 array (latent_dim,), in nats. The sum is the KL of the ELBO where that
        has a closed form.
    """

    def of_images(images, labels=None):
        posterior = model.make_posterior(model.encode_parameters(images, labels))
        prior = model.make_prior(labels)
        kl = kl_per_unit(posterior, prior)
        if kl is not None:
            return kl
        statistics = posterior.statistics()
        return ops.stack([statistics["mean"], statistics["log_var"]], axis=1)

    labels = model.known_labels(x, labels)
    values = model.inference.batched("kl_per_latent", of_images, x, labels)
    if values.ndim == 2:
        return np.mean(values, axis=0, dtype=np.float64)
    return kl_to_own_normal(*np.moveaxis(values, 1, 0))
