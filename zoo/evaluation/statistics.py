"""What latents and codes that are known already say: numpy alone, without Keras."""

import numpy as np


def count_codes(codes, codebook_size):
    """How often each code was chosen.

    Args:
        codes: whole numbers (N, h, w), or of a residual quantizer (N, h, w, depth).
        codebook_size: number of codes.

    Returns:
        int array (levels, codebook_size); one level but of a residual quantizer.
    """
    levels = np.moveaxis(codes, -1, 0) if codes.ndim > 3 else [codes]
    return np.stack(
        [np.bincount(level.ravel(), minlength=codebook_size) for level in levels]
    )


def statistics_of_counts(counts):
    """How evenly codes are used.

    Args:
        counts: as `count_codes` returns them.

    Returns:
        dict of floats, "codebook_usage", "code_entropy" and "perplexity": see
        `zoo.evaluation.codes.code_statistics`.
    """
    entropies, usages = [], []
    for level in counts:
        share = level[level > 0] / level.sum()
        entropies.append(-np.sum(share * np.log(share)))
        usages.append(np.mean(level > 0))
    return {
        "codebook_usage": float(np.mean(usages)),
        "code_entropy": float(np.mean(entropies)),
        "perplexity": float(np.mean(np.exp(entropies))),
    }


def kl_to_standard_normal(mean, log_var):
    """KL(q(z_d|x) || N(0, 1)) averaged over images, float64 (latent_dim,), in nats.

    Args:
        mean, log_var: of N(mean, exp(log_var)) for each image, (N, latent_dim).
    """
    mean, log_var = np.asarray(mean, np.float64), np.asarray(log_var, np.float64)
    return np.mean(0.5 * (mean**2 + np.exp(log_var) - 1 - log_var), axis=0)


def kl_to_own_normal(mean, log_var):
    """The same KL to the normal distribution of a latent's mean and variance over all
    images: of all normal distributions the one with the least.
    """
    mean, log_var = np.asarray(mean, np.float64), np.asarray(log_var, np.float64)
    variance = np.mean(np.exp(log_var), axis=0) + np.var(mean, axis=0)
    return 0.5 * (np.log(variance) - np.mean(log_var, axis=0))
