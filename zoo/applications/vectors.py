"""Latents as rows of numbers: near, in clusters, apart. NumPy and scikit-learn alone.

What a model is needed for lies beside: plots of exported files do without.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.evaluation.scikit_learn import best_matching, import_scikit_learn, one_thread

METHODS = ("kmeans", "gaussian_mixture")
# A latent whose means have less than this share of its variance is noise.
IN_USE = 0.1
# Starts of k-means and of a mixture, of which the best is kept.
STARTS, MIXTURES = 10, 3
# Variance that a component of a mixture has at least, of comparable latents.
LEAST_VARIANCE = 0.01


@dataclass(frozen=True, eq=False)
class Measure:
    """What makes latents comparable: those in use, each in a unit of its own.

    A latent has the variance that its posterior means have over images plus that of
    the posteriors: the aggregate posterior's. Latents of which the means have less than
    a tenth do not count: a clustering would see their noise. (Where that is so of all,
    all count.)

    The unit of the others is the aggregate posterior's deviation, so that all count
    alike, whatever the prior's scale. In a ladder it is the deviation of the posterior:
    there a few precise latents tell what an image is and hundreds tell single pixels a
    little, which would drown them. On 2,000 test images of MNIST, k-means finds 64 % of
    the classes with conv_vae_mnist in the first unit and 54 % in the second; with
    hierarchical_vae_mnist 32 % and 56 %.

    Attributes:
        used: which latents, bool (D,).
        unit: of each, (D,).
    """

    used: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, mean, log_var, ladder=False):
        """The measure of posteriors (N, D), as they are over these images."""
        between = np.var(mean, axis=0, dtype=np.float64)
        within = np.mean(np.exp(np.asarray(log_var, np.float64)), axis=0)
        total = between + within
        used = between >= IN_USE * total
        if not np.any(used):
            used[:] = True
        return cls(used, np.sqrt(within if ladder else total))

    def __call__(self, mean):
        """Comparable latents, float64 (N, latents in use)."""
        return (np.asarray(mean, np.float64) / self.unit)[:, self.used]


def neighbours(points, queries, count):
    """The nearest points of each query, the nearest first.

    Args:
        points: (N, D).
        queries: (Q, D).
        count: how many, at most N.

    Returns:
        indices int64 (Q, count), distances float64 (Q, count).
    """
    kind = import_scikit_learn("neighbors").NearestNeighbors
    distances, indices = kind(n_neighbors=count).fit(points).kneighbors(queries)
    return indices.astype(np.int64), distances


def partition(points, count, method, seed):
    """The cluster of each point, int64 (N,): 0 is the largest.

    Args:
        points: (N, D).
        count: how many clusters, at most N.
        method: one of `METHODS`.
        seed: whole number >= 0.
    """
    options = {"random_state": seed % 2**32}
    if method == "kmeans":
        kind = import_scikit_learn("cluster").KMeans
        model = kind(count, n_init=STARTS, **options)
    else:
        kind = import_scikit_learn("mixture").GaussianMixture
        options |= {"covariance_type": "diag", "reg_covar": LEAST_VARIANCE}
        model = kind(count, n_init=MIXTURES, **options)
    with one_thread():
        found = model.fit_predict(points)
    sizes = np.bincount(found, minlength=count)
    return np.argsort(np.argsort(-sizes, kind="stable"))[found]


def centres_of(mean, assigned, count):
    """The mean latent of each cluster: (count, D); of an empty one that of all."""
    members = (mean[assigned == cluster] for cluster in range(count))
    return np.stack([np.mean(m if len(m) else mean, axis=0) for m in members])


def labels_of(labels, assigned, count):
    """What the centre of each cluster is labelled: (count, ...).

    Args:
        labels: classes, integers (N,), of which the commonest is taken; or attributes,
            floats (N, L), of which the mean is.
    """
    if labels.ndim > 1:
        return centres_of(labels, assigned, count)
    members = (labels[assigned == cluster] for cluster in range(count))
    return np.array([np.bincount(m, minlength=1).argmax() for m in members])


def difference_of_means(mean, has_attribute, balance=None):
    """The mean latent with an attribute less that without: (D,).

    Args:
        mean: (N, D).
        has_attribute: bool (N,).
        balance: another label (N,): the difference is taken for each of its values that
            has both kinds, and averaged over these; None takes one of all.

    Raises:
        ValueError: if there are not both kinds.
    """
    values = np.zeros(len(mean)) if balance is None else balance
    differences = []
    for value in np.unique(values):
        here = values == value
        both = here & has_attribute, here & ~has_attribute
        if all(map(np.any, both)):
            differences.append(np.subtract(*(np.mean(mean[k], axis=0) for k in both)))
    if not differences:
        count = int(np.sum(has_attribute))
        of = "" if balance is None else " of one value of `balance`"
        raise ValueError(
            f"`has_attribute` must be True for some images{of} and False for others; "
            f"got {count:,} True and {len(mean) - count:,} False."
        )
    return np.mean(differences, axis=0)


class ClusterScores(NamedTuple):
    """How well clusters agree with classes: see `cluster_scores`."""

    accuracy: float
    nmi: float
    ari: float


def cluster_scores(assigned, truth):
    """How well clusters agree with classes that they were found without.

    Args:
        assigned: the cluster of each image, whole numbers or names (N,).
        truth: its class (N,).

    Returns:
        `accuracy`: the share of images whose class is the one that their cluster stands
        for, under the best matching of one cluster to one class (Kuhn, 1955; Xie et
        al., "Unsupervised Deep Embedding for Clustering Analysis", 2016, equation 10);
        `nmi`, the mutual information over the mean of both entropies; `ari`, Hubert &
        Arabie's adjusted Rand index, 1985, 0 for clusters drawn at random.

    Raises:
        ValueError: unless both are vectors of one length, of at least one image.

    Example:

    >>> from zoo.applications import cluster_scores
    >>> cluster_scores([1, 1, 0, 0], [3, 3, 7, 7])
    ClusterScores(accuracy=1.0, nmi=1.0, ari=1.0)
    """
    assigned, truth = np.asarray(assigned), np.asarray(truth)
    if assigned.ndim != 1 or assigned.shape != truth.shape or not len(truth):
        raise ValueError(
            "`assigned` and `truth` must be one label an image, (N,) both; got shapes "
            f"{assigned.shape} and {truth.shape}."
        )
    metrics = import_scikit_learn("metrics")
    clusters, assigned = np.unique(assigned, return_inverse=True)
    classes, truth = np.unique(truth, return_inverse=True)
    counts = np.zeros((len(clusters), len(classes)), np.int64)
    np.add.at(counts, (assigned, truth), 1)
    matched = counts[best_matching(counts)]
    return ClusterScores(
        float(np.sum(matched) / len(truth)),
        float(metrics.normalized_mutual_info_score(truth, assigned)),
        float(metrics.adjusted_rand_score(truth, assigned)),
    )
