"""How close samples come to real images, measured between their features.

Features are vectors that some network gives images, such as the last hidden layer of a
classifier. Distances depend on that network: compare only figures of the same one.
"""

import numpy as np

# Rows whose distances to all others are in memory at a time.
ROWS = 1000


def frechet_distance(real, generated):
    """Squared Wasserstein-2 distance between Gaussians fitted to two sets of features.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
    Nash Equilibrium", 2017, equation 6: |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)).
    Few rows bias it upwards: give both sets the same number, of many times D.

    Args:
        real, generated: features (N, D) and (M, D), N and M at least 2.

    Returns:
        float >= 0, in squared units of the features.

    Raises:
        ValueError: if they are not such arrays, or not finite.

    Example:

    >>> import numpy as np
    >>> from zoo.evaluation.samples import frechet_distance
    >>> a = np.array([[-1.0], [1.0]])  # mean 0, and moved by 3
    >>> frechet_distance(a, a + 3)
    9.0
    """
    real, generated = _check_features(real, generated, at_least=2)
    difference = real.mean(axis=0) - generated.mean(axis=0)
    first = np.atleast_2d(np.cov(real, rowvar=False))
    second = np.atleast_2d(np.cov(generated, rowvar=False))
    # C1 C2 has the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2).
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    overlap = np.linalg.eigvalsh(root @ second @ root)
    distance = (
        difference @ difference
        + np.trace(first)
        + np.trace(second)
        - 2 * np.sum(np.sqrt(np.clip(overlap, 0, None)))
    )
    return max(0.0, float(distance))


def precision_recall(real, generated, neighbours=3):
    """How many samples look real, and how many real images samples reach.

    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative
    Models", 2019, equations 1 and 2. A point lies in a set's manifold if it is no
    further from one of its points than that point's k-th nearest neighbour in the set.

    Args:
        real, generated: features (N, D) and (M, D), N and M greater than `neighbours`.
        neighbours: k.

    Returns:
        (precision, recall): the share of `generated` in the manifold of `real`, and of
        `real` in that of `generated`.

    Raises:
        ValueError: if they are not such arrays, or not finite.

    Example:

    >>> import numpy as np
    >>> from zoo.evaluation.samples import precision_recall
    >>> real = np.arange(10.0)[:, None]
    >>> precision_recall(real, real[:5], neighbours=1)  # real ones, but half of them
    (1.0, 0.6)
    """
    real, generated = _check_features(real, generated, at_least=neighbours + 1)
    return (
        _share_inside(generated, real, neighbours),
        _share_inside(real, generated, neighbours),
    )


def _share_inside(points, manifold, neighbours):
    radii = np.concatenate(
        [
            # The nearest of all is the point itself. Copied, or all distances stay.
            np.partition(distances, neighbours, axis=1)[:, neighbours].copy()
            for distances in _squared_distances(manifold, manifold)
        ]
    )
    inside = [
        np.any(distances <= radii, axis=1)
        for distances in _squared_distances(points, manifold)
    ]
    return float(np.mean(np.concatenate(inside)))


def _squared_distances(points, others):
    """Squared distances of `points` to all of `others`, `ROWS` rows at a time."""
    norms = np.sum(others**2, axis=1)
    for start in range(0, len(points), ROWS):
        rows = points[start : start + ROWS]
        squared = np.sum(rows**2, axis=1)[:, None] + norms - 2 * rows @ others.T
        yield np.maximum(squared, 0)


def _check_features(real, generated, at_least):
    real, generated = (np.asarray(f, np.float64) for f in (real, generated))
    for name, given in (("real", real), ("generated", generated)):
        if given.ndim != 2 or len(given) < at_least:
            raise ValueError(
                f"`{name}` must be features (N, D) of at least {at_least} images; "
                f"got shape {given.shape}."
            )
        if not np.all(np.isfinite(given)):
            raise ValueError(f"`{name}` must be finite numbers; some are not.")
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            "`real` and `generated` must be features of the same size; got "
            f"{real.shape[1]} and {generated.shape[1]}."
        )
    return real, generated
