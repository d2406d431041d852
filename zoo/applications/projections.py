"""Points in two dimensions: PCA, t-SNE, UMAP. NumPy, and what each method needs."""

import importlib
import warnings

import numpy as np

from zoo.evaluation.scikit_learn import import_scikit_learn, one_thread

# t-SNE and UMAP see so many principal components at most, which makes them fast.
COMPONENTS = 50


def principal_components(points, count):
    """The coordinates of most variance, by the singular value decomposition.

    Args:
        points: (N, D).
        count: how many, at most D and N.

    Returns:
        float64 (N, count), and the share of all variance of each, (count,). Signs are
        such that the largest loading of each is positive.
    """
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0, dtype=np.float64)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(right).argmax(axis=1)
    signs = np.sign(right[np.arange(len(right)), largest])
    shares = sizes**2 / max(np.sum(sizes**2), 1e-30)
    return (left * sizes * signs)[:, :count], shares[:count]


def pca(points, seed):
    """First two principal components, and names of the axes."""
    coordinates, shares = principal_components(points, 2)
    names = [
        f"principal component {i + 1}, {100 * share:.0f} % of the variance"
        for i, share in enumerate(shares)
    ]
    return coordinates, names


def tsne(points, seed):
    """t-SNE of scikit-learn, from a start by PCA."""
    kind = import_scikit_learn("manifold").TSNE
    points = principal_components(points, COMPONENTS)[0]
    perplexity = min(30.0, (len(points) - 1) / 3)
    model = kind(perplexity=perplexity, init="pca", random_state=seed % 2**32, n_jobs=1)
    with one_thread():
        made = model.fit_transform(points)
    return made, ["t-SNE, first coordinate", "t-SNE, second coordinate"]


def umap(points, seed):
    """UMAP of umap-learn."""
    try:
        # It imports TensorFlow where there is one, and warns where there is none.
        with warnings.catch_warnings(action="ignore"):
            kind = importlib.import_module("umap").UMAP
    except ImportError as error:
        raise ImportError(
            f"UMAP needs umap-learn, which could not be imported ({error}): pip "
            'install "vae-zoo[umap]".'
        ) from error
    points = principal_components(points, COMPONENTS)[0]
    with warnings.catch_warnings(action="ignore"):  # that a seed leaves one thread
        made = kind(
            n_neighbors=min(15, len(points) - 1), random_state=seed % 2**32, n_jobs=1
        ).fit_transform(points)
    return made, ["UMAP, first coordinate", "UMAP, second coordinate"]


METHODS = {"pca": pca, "tsne": tsne, "umap": umap}
