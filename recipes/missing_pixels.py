"""How well missing pixels are filled in: `zoo.applications.impute` beside plain ways.

python -m recipes.missing_pixels takes the lower halves of binarized MNIST test digits
away and measures, of the mean of 20 draws, the cross-entropy in nats a missing pixel,
and how often an interval of the draws holds what was there: the number of white pixels,
between the smallest and the largest of 20 draws, is there 19 times of 21 if draws are
right. What was finished before a kill is kept. --save puts the figures into the
package's own table, which `make readme` shows.
"""

import json
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from recipes.commands.options import Backend, DataDir, Out
from recipes.commands.screen import screen
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.files import make_folder, write_whole
from recipes.documents.readme import MISSING

PRESETS = ("dense_vae_mnist",)
METHODS = ("metropolis", "pseudo_gibbs", "importance")
DRAWS = 20


def cross_entropy(expected, truth):
    """In nats a pixel, of E[x] and binary pixels."""
    p = np.clip(expected.astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-np.mean(np.where(truth > 0.5, np.log(p), np.log1p(-p))))


def coverage(drawn, truth, seed=0):
    """How often the number of white pixels lies within that of all draws.

    Args:
        drawn: binary (K, N, ...); truth: (N, ...), the same pixels of each.
        seed: of the order in which equal numbers are put.
    """
    counts = drawn.sum(axis=tuple(range(2, drawn.ndim)))
    true = truth.sum(axis=tuple(range(1, truth.ndim)))
    less, equal = (counts < true).sum(axis=0), (counts == true).sum(axis=0)
    rank = less + np.random.default_rng(seed).integers(0, equal + 1)
    return float(np.mean((rank > 0) & (rank < len(drawn))))


def by_draws(draw, x, mask):
    """What is measured of `draw(pixels)`, which gives (K, N, H, W, C)."""
    missing = ~mask
    expected = draw("mean").mean(axis=0)[:, missing]
    return {
        "nats a missing pixel": cross_entropy(expected, x[:, missing]),
        "intervals that hold the truth": coverage(
            draw("draws")[:, :, missing], x[:, missing]
        ),
    }


def imputed(name, method, x, mask):
    """By a preset and a method."""
    import zoo
    from zoo.applications import impute

    model = zoo.from_preset(name)

    def draw(pixels):
        with warnings.catch_warnings():  # of chains that have not mixed: it is measured
            warnings.simplefilter("ignore")
            return impute(model, x, mask, DRAWS, method=method, pixels=pixels)

    return by_draws(draw, x, mask)


def of_neighbours(train, number, x, mask):
    """By the training images whose observed pixels are nearest."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=number).fit(train[:, mask])
    found = index.kneighbors(x[:, mask], return_distance=False)
    if number == 1:  # it is as good as certain: half a pixel of doubt
        expected = (train[found[:, 0]] + 0.5) / 2
        return {"nats a missing pixel": cross_entropy(expected[:, ~mask], x[:, ~mask])}
    drawn = np.swapaxes(train[found], 0, 1)
    return by_draws(lambda _: drawn, x, mask)


def parts(count, data_dir):
    """Yields (what fills in, function that measures it)."""
    from recipes.data import binarize, load_images

    data = load_images("mnist", data_dir=data_dir, splits=("train", "test"))
    x, train = binarize(data.test)[:: len(data.test) // count], binarize(data.train)
    mask = np.ones(data.image_shape, bool)
    mask[data.image_shape[0] // 2 :] = False
    for name in PRESETS:
        for method in METHODS:
            yield f"{name}, {method}", lambda n=name, m=method: imputed(n, m, x, mask)
    mean = np.broadcast_to(data.train.mean(axis=0), x.shape)[:, ~mask]
    yield (
        "mean of all training images",
        lambda: {"nats a missing pixel": cross_entropy(mean, x[:, ~mask])},
    )
    for number in (1, DRAWS):
        name = "the nearest training image" if number == 1 else f"the {number} nearest"
        yield name, lambda n=number: of_neighbours(train, n, x, mask)


def main(
    num_images: Annotated[
        int, typer.Option(min=1, max=10_000, help="Test images, evenly spaced.")
    ] = 1000,
    backend: Backend = None,
    data_dir: DataDir = None,
    out: Out = Path("runs") / MISSING,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the rows in the package.")
    ] = False,
):
    """Measures how well missing halves of digits are filled in."""
    with one_sentence_errors("Interrupted: the same command goes on."):
        start_keras(backend)
        kept = make_folder(out) / f"{MISSING}.json"
        done = json.loads(kept.read_text("utf-8")) if kept.is_file() else []
        for name, measure in parts(num_images, data_dir):
            known = {(row["filled in by"], row["images"]) for row in done}
            if (name, num_images) not in known:
                done.append({"filled in by": name, "images": num_images, **measure()})
                write_whole(kept, _text(done))
                screen().print(str(done[-1]))
        if save:
            write_whole(Path(__file__).with_suffix(".json"), _text(done))


def _text(rows):
    return (json.dumps(rows, indent=1) + "\n").encode()


if __name__ == "__main__":
    typer.run(main)
