"""Images beside others in latent space: the nearest, clusters, a map."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zoo import validation
from zoo.applications import projections, vectors
from zoo.applications.encoding import check_model, decode, encode

# A projection of fewer images shows nothing.
FEWEST = 4


class Clusters(NamedTuple):
    """What `cluster` found.

    Attributes:
        labels: the cluster of each image, int64 (N,): 0 is the largest.
        centres: the mean latent of each, float32 (num_clusters, D).
        images: the centres decoded, float32 (num_clusters, H, W, C).
    """

    labels: npt.NDArray[np.int64]
    centres: npt.NDArray[np.float32]
    images: npt.NDArray[np.float32]


def nearest(
    model: Any,
    x: Any,
    queries: Any,
    num_neighbours: int = 5,
    labels: Any = None,
    query_labels: Any = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The images that lie nearest in latent space.

    Distances are Euclidean, of posterior means in units that make them comparable:
    those of `zoo.applications.vectors.Measure` over `x`.

    Args:
        model: a model of the zoo whose latents are numbers.
        x: images (N, H, W, C), float32 in [0, 1], to look among.
        queries: images (Q, H, W, C) alike, to look for.
        num_neighbours: how many of each, from 1 to N. A query that is in `x` is its own
            nearest.
        labels, query_labels: (N,) and (Q,), for models that take them.

    Returns:
        indices into `x`, int64 (Q, num_neighbours), and distances, float64 alike, the
        nearest first.

    Raises:
        ValueError, TypeError: for arguments out of range or that the model does not
            take.

    Example:

    >>> import zoo
    >>> from zoo.applications import nearest
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> x = model.sample(32, seed=0)
    >>> indices, distances = nearest(model, x, x[5:7], num_neighbours=3)
    >>> indices[:, 0].tolist(), distances.shape
    ([5, 6], (2, 3))
    """
    check_model(model, "nearest")
    mean, log_var, _ = encode(model, x, labels)
    count = validation.check_whole_number(
        num_neighbours, "num_neighbours", 1, len(mean)
    )
    wanted = encode(model, queries, query_labels, "queries").mean
    measure = _measure(model, mean, log_var)
    return vectors.neighbours(measure(mean), measure(wanted), count)


def cluster(
    model: Any,
    x: Any,
    num_clusters: int,
    method: str = "kmeans",
    seed: int = 0,
    labels: Any = None,
) -> Clusters:
    """Images in clusters, by their latents.

    Posterior means are clustered in units that make them comparable, without those of
    no use: see `zoo.applications.vectors.Measure`. `cluster_scores` compares what was
    found with classes.

    Args:
        model: a model of the zoo whose latents are numbers.
        x: images (N, H, W, C), float32 in [0, 1].
        num_clusters: from 1 to N.
        method: "kmeans", or "gaussian_mixture" for one of diagonal covariances, whose
            clusters differ in size and shape.
        seed: whole number that fixes where both start.
        labels: (N,), for models that take them. Centres are decoded with the commonest
            class of their images, or with the mean of their attributes.

    Returns:
        `Clusters`: `labels`, `centres` and their `images`.

    Raises:
        ValueError, TypeError: for arguments out of range or that the model does not
            take.

    Example:

    >>> import zoo
    >>> from zoo.applications import cluster
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> found = cluster(model, model.sample(64, seed=0), num_clusters=4)
    >>> found.labels.shape, found.images.shape
    ((64,), (4, 28, 28, 1))
    """
    check_model(model, "cluster")
    validation.check_choice(method, "method", vectors.METHODS)
    seed = validation.check_whole_number(seed, "seed", 0, None)
    mean, log_var, labels = encode(model, x, labels)
    count = validation.check_whole_number(num_clusters, "num_clusters", 1, len(mean))
    points = _measure(model, mean, log_var)(mean)
    assigned = vectors.partition(points, count, method, seed)
    centres = vectors.centres_of(mean, assigned, count)
    if labels is not None:
        labels = vectors.labels_of(labels, assigned, count)
    return Clusters(assigned, centres, decode(model, centres, labels))


def project(
    model: Any, x: Any, method: str = "pca", seed: int = 0, labels: Any = None
) -> npt.NDArray[np.floating]:
    """Images as points in two dimensions: their posterior means, projected.

    Args:
        model: a model of the zoo whose latents are numbers, two or more.
        x: images (N, H, W, C), float32 in [0, 1], 4 or more.
        method: "pca"; "tsne" (van der Maaten & Hinton, "Visualizing Data using t-SNE",
            2008); or "umap" (McInnes et al., "UMAP", 2018), which needs umap-learn. Of
            the last two, distances between far points mean little.
        seed: whole number that fixes the last two.
        labels: (N,), for models that take them.

    Returns:
        float array (N, 2).

    Raises:
        ValueError, TypeError: for arguments out of range or that the model does not
            take.
        ImportError: if a package is missing; says what to install.

    Example:

    >>> import zoo
    >>> from zoo.applications import project
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> project(model, model.sample(32, seed=0)).shape
    (32, 2)
    """
    check_model(model, "project")
    validation.check_choice(method, "method", tuple(projections.METHODS))
    seed = validation.check_whole_number(seed, "seed", 0, None)
    mean = encode(model, x, labels).mean
    if mean.shape[1] < 2:
        raise ValueError("`project` needs two latents or more; this model has one.")
    if len(mean) < FEWEST:
        raise ValueError(
            f"`x` must be {FEWEST} {model.event.noun} or more; got {len(mean)}."
        )
    return projections.METHODS[method](mean, seed)[0]


def _measure(model, mean, log_var):
    return vectors.Measure.of(mean, log_var, ladder=len(model.latents) > 1)
