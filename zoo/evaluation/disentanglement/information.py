"""The mutual information gap: how much more the best dimension knows of a factor."""

import numpy as np


def mig(representation, num_train=10_000, num_bins=20, seed=0):
    """The mutual information gap.

    Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders",
    2018, equation 6: for each factor, the mutual information with the dimension that
    knows most of it, less that with the second, over the factor's entropy; averaged
    over factors. Each dimension is discretized into bins of equal width, so that no
    code scores 1 where a factor has more values: dSprites' factors themselves score
    0.90.

    Args:
        representation: a `Representation`.
        num_train: images drawn. Mutual information of few images is overestimated.
        num_bins: bins that the range of each dimension is cut into.
        seed: fixes the draw.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: as `Representation.varied_sample`.

    Example:

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation, mig
    >>> grid = SimpleNamespace(
    ...     factor_names=("a", "b"), factor_sizes=(4, 4), images=lambda f: f)
    >>> both = Representation(lambda x: np.stack([x[:, 0], x[:, 0]], axis=1), grid)
    >>> round(mig(both), 2)  # two dimensions that know the same
    0.0
    """
    gaps = mig_per_factor(representation, num_train, num_bins, seed)
    return float(np.mean(list(gaps.values())))


def mig_per_factor(representation, num_train=10_000, num_bins=20, seed=0):
    """The gap of each factor, whose mean `mig` is: {name: float in [0, 1]}.

    Args:
        representation, num_train, num_bins, seed: as for `mig`.

    Raises:
        ValueError: as `Representation.varied_sample`.
    """
    factors, codes = representation.varied_sample(
        num_train, np.random.default_rng(seed)
    )
    bins = [_binned(column, num_bins) for column in codes.T]
    gaps = {}
    for name, factor in zip(representation.factor_names, factors.T, strict=True):
        information = np.sort([mutual_information(code, factor) for code in bins])
        entropy = mutual_information(factor, factor)
        gaps[name] = float((information[-1] - information[-2]) / entropy)
    return gaps


def mutual_information(first, second):
    """Mutual information of two variables of whole numbers >= 0, from their counts.

    Args:
        first, second: integers (N,).

    Returns:
        float, in nats. That of a variable with itself is its entropy.

    Example:

    >>> round(mutual_information([0, 0, 1, 1], [0, 0, 1, 1]), 4)  # ln 2
    0.6931
    >>> round(mutual_information([0, 0, 1, 1], [0, 1, 0, 1]), 4)
    0.0
    """
    first, second = np.asarray(first), np.asarray(second)
    counts = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(counts, (first, second), 1)
    joint = counts / len(first)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    seen = joint > 0
    return float(np.sum(joint[seen] * np.log(joint[seen] / independent[seen])))


def _binned(values, num_bins):
    """Which of the bins between the extremes each value is in: 0..num_bins - 1."""
    edges = np.linspace(values.min(), values.max(), num_bins + 1)
    return np.digitize(values, edges[1:-1])
