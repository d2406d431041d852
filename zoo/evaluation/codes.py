"""How a VQVAE uses its codebook, and how well its prior knows the codes."""

import numpy as np

from zoo import validation
from zoo.evaluation.statistics import count_codes, statistics_of_counts
from zoo.priors import CodePrior


def code_statistics(model, x, labels=None):
    """Figures of the codes of images, each code the most probable one.

    Args:
        model: a `zoo.VQVAE`.
        x: images (N, H, W, C), float32 in [0, 1].
        labels: (N,), for a prior that takes them.

    Returns:
        dict of floats. "codebook_usage": share of the codebook chosen at least once.
        "code_entropy": entropy of the codes, pooled over positions, in nats.
        "perplexity": its exponential. All three are means over the levels of a residual
        quantizer. With a learned prior "prior_nats_per_code": -log p(codes) of an
        image, divided by the number of its codes, and its standard error over images.

    Raises:
        ValueError, TypeError: if `x` is not what the model takes.

    Example:

    >>> import numpy as np, zoo
    >>> from zoo.evaluation.codes import code_statistics
    >>> model = zoo.VQVAE((8, 8, 1), 4, 2, filters=(4,), blocks_per_stage=0, seed=0)
    >>> x = np.random.default_rng(0).random((16, 8, 8, 1), dtype="float32")
    >>> sorted(code_statistics(model, x))
    ['code_entropy', 'codebook_usage', 'perplexity']
    """
    codes = _codes(model, x)
    figures = statistics_of_counts(count_codes(codes, model.codebook_size))
    if isinstance(model.prior, CodePrior):
        labels = model.check_labels(labels, len(x))
        log_probs = model.inference.batched(
            "log p(codes)", model.prior.log_prob, codes, labels
        )
        nats = -np.asarray(log_probs, np.float64) / model.prior.length
        figures["prior_nats_per_code"] = float(np.mean(nats))
        error = np.std(nats, ddof=1) / np.sqrt(len(nats)) if len(nats) > 1 else 0.0
        figures["prior_nats_per_code_standard_error"] = float(error)
    return figures


def code_counts(model, x):
    """How often each code is the most probable one of images.

    Args:
        model: a `zoo.VQVAE`.
        x: images (N, H, W, C), float32 in [0, 1].

    Returns:
        int array (levels, codebook_size); one level but of a residual quantizer.

    Raises:
        ValueError, TypeError: if `x` is not what the model takes.
    """
    return count_codes(_codes(model, x), model.codebook_size)


def _codes(model, x):
    x = validation.check_images(x, model.image_shape)
    return model.inference.batched(
        "codes", lambda batch: model.quantize_images(batch).codes, x
    )
