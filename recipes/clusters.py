"""How well clusters in latent space are the classes: presets of MNIST, and pixels.

python -m recipes.clusters finds 10 clusters of MNIST's test digits by their latents and
compares them with the digits, which nothing here has seen. --save puts the figures into
the package's own table, which `make readme` shows.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from recipes.commands.options import Backend, DataDir
from recipes.commands.screen import screen
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.files import write_whole

PRESETS = ("dense_vae_mnist", "conv_vae_mnist", "hierarchical_vae_mnist")
METHODS = ("kmeans", "gaussian_mixture")


def of_pixels(x, method):
    """The clusters of images as they are."""
    if method == "kmeans":
        from sklearn.cluster import KMeans

        found = KMeans(10, n_init=10, random_state=0)
    else:
        from sklearn.mixture import GaussianMixture

        found = GaussianMixture(10, covariance_type="diag", random_state=0)
    return found.fit_predict(x.reshape(len(x), -1))


def rows(data_dir):
    """Yields {"clusters of": ..., "by": ..., figure: value}."""
    import zoo
    from recipes.data import binarize, load_images
    from zoo.applications import cluster, cluster_scores

    data = load_images("mnist", data_dir=data_dir, splits="test")
    x = binarize(data.test)

    def row(what, method, labels):
        scores = cluster_scores(labels, data.test_labels)
        method = method.replace("_", " ")
        return {"clusters of": what, "by": method, **scores._asdict()}

    for name in PRESETS:
        model = zoo.from_preset(name)
        for method in METHODS:
            yield row(name, method, cluster(model, x, 10, method=method).labels)
    for method in METHODS:
        yield row("pixels", method, of_pixels(x, method))


def main(
    backend: Backend = None,
    data_dir: DataDir = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the rows in the package.")
    ] = False,
):
    """Compares clusters of MNIST's test digits with the digits."""
    with one_sentence_errors("Interrupted."):
        start_keras(backend)
        done = []
        for row in rows(data_dir):
            done.append(row)
            screen().print(str(row))
        if save:
            text = json.dumps(done, indent=1) + "\n"
            write_whole(Path(__file__).with_suffix(".json"), text.encode())


if __name__ == "__main__":
    typer.run(main)
