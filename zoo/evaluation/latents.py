"""How much of its latents a model uses."""

import numpy as np


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
    mean = posterior_mean(model, x, model.check_labels(labels, len(x)))
    return int(np.sum(np.var(mean, axis=0) > threshold))


def kl_per_latent(model, x, labels=None):
    """KL(q(z_d|x) || N(0, 1)) of each latent, averaged over images.

    Args:
        model, x, labels: as for `active_units`.

    Returns:
        float64 array (latent_dim,), in nats: what each latent tells of an image if the
        prior is standard normal.
    """

    def kl_of(images, labels=None):
        return model.make_posterior(
            model.encode_parameters(images, labels)
        ).kl_per_dim()

    labels = model.check_labels(labels, len(x))
    kl = model.inference.batched("kl_per_latent", kl_of, x, labels)
    return np.mean(kl, axis=0, dtype=np.float64)
