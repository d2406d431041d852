"""How much the latents of a model tell of which image it was."""

import numpy as np

from zoo.distributions import DiagonalNormal

# Images that are told apart: so many show at most log 1,000 = 6.9 nats.
NUM_IMAGES = 1_000


def mutual_information(model, x, labels=None, num_images=NUM_IMAGES, seed=0):
    """I(x; z) under q(z|x), estimated with one draw of z for each of some images.

    It is E KL(q(z|x) || p(z)) less KL(q(z) || p(z)), Hoffman & Johnson, "ELBO surgery",
    2016: a KL to the prior that all images share tells nothing of any. q(z) is the mean
    of q(z|x) over the same images, so that no estimate exceeds the logarithm of their
    number; one that comes near it says that there is at least as much.

    Args:
        model: a `zoo.VAE`.
        x: images (N, H, W, C), float32 in [0, 1].
        labels: (N,), for models that take them; it is I(x; z|y) then, estimated among
            the images of each label.
        num_images: how many of them are taken at random.
        seed: fixes which, and the draws.

    Returns:
        (estimate, bound) in nats; None for posteriors that are not diagonal normal, and
        for labels that are vectors.
    """
    labels = model.check_labels(labels, len(x))
    if labels is not None and np.ndim(labels) > 1:
        return None
    first = None if labels is None else labels[:1]
    if type(model.encode(x[:1], first)) is not DiagonalNormal:
        return None

    def moments_of(images, labels=None):
        posterior = model.make_posterior(model.encode_parameters(images, labels))
        return posterior.mean, posterior.log_var

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(x))[:num_images])
    given = None if labels is None else labels[chosen]
    moments = model.inference.batched("posterior_moments", moments_of, x[chosen], given)
    mean, log_var = (np.asarray(each, np.float64) for each in moments)
    z = mean + np.exp(0.5 * log_var) * rng.standard_normal(mean.shape)
    scale, log_scale = np.exp(-0.5 * log_var), -0.5 * np.sum(log_var, axis=1)
    told, bounds = [], []
    for i in range(len(z)):  # a row at a time: all pairs of 4,096 latents are many
        among = slice(None) if given is None else given == given[i]
        squares = np.square((z[i] - mean[among]) * scale[among])
        log_q = log_scale[among] - 0.5 * np.sum(squares, axis=1)
        own = log_scale[i] - 0.5 * np.sum(np.square((z[i] - mean[i]) * scale[i]))
        bounds.append(np.log(len(log_q)))
        told.append(own - np.logaddexp.reduce(log_q) + bounds[-1])
    return float(np.mean(told)), float(np.mean(bounds))
