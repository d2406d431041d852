"""How well odd images are told: scores of VAEs beside detectors of other kinds.

python -m recipes.anomaly_detection measures two tasks, by the area under the ROC curve
on test images. "One class": a model of one digit of MNIST, trained on that digit's
training images alone, against all other digits, for each digit and seed. "Another data
set": models of Fashion-MNIST, as they ship, against digits of MNIST. What was finished
before a kill is kept. --save puts the figures into the package's own table, which `make
readme` shows.

Settings were chosen on images held out of the training split.
"""

import importlib.util
import json
import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from recipes.commands.options import Backend, DataDir, Out
from recipes.commands.screen import screen
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.files import make_folder, write_whole
from recipes.documents.readme import ANOMALIES, ANOTHER, ONE_CLASS

EPOCHS, BATCH, RATE = 25, 64, 2e-3
LATENT_DIM, UNITS, SCALE, DRAWS = 32, (512, 256), 0.25, 16
# "regret" takes a hundred times as long, and told digits 0 to 3 worse than "elbo".
SCORES = ("elbo", "reconstruction", "typicality", "smoothed_error")
# Of a PCA: chosen on held-out images of 10, 20, 40 and 80.
COMPONENTS = 20
# Models of Fashion-MNIST, and how many test images of each kind are told apart. Not by
# "regret", whose sixty gradient steps an image would take hours.
PRESETS = ("hierarchical_vae_fashion", "conditional_vae_fashion")
FASHION_SCORES = ("elbo", "reconstruction", "latent", "typicality", "level_ratio")
SHOWN = 1000


def area(normal, odd):
    """The area under the ROC curve: the chance that a normal image scores higher."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([1, 0], [len(normal), len(odd)])
    return float(roc_auc_score(truth, np.concatenate([normal, odd])))


def one_class(images, digit, seed):
    """{detector: area} of one digit against all others.

    Args:
        images: `ImageData` of MNIST, its training and test splits.
        digit: which is normal.
        seed: of weights, batches and noise.
    """
    train = images.train[images.train_labels == digit]
    is_normal = images.test_labels == digit
    found = {}

    def tell(name, score):
        scores = score(images.test)
        found[name] = area(scores[is_normal], scores[~is_normal])

    model = trained(train, seed)
    from zoo.applications import AnomalyDetector

    for score in SCORES:
        detector = AnomalyDetector(model, score, seed=seed, num_draws=DRAWS)
        # A threshold makes no difference to an area; a reference hardly one.
        tell(f"VAE, {score}", detector.fit(train[:500]).score_samples)
    for name, make in others(seed).items():
        detector = make().fit(rows(train))
        tell(name, lambda x, d=detector: d.score_samples(rows(x)))
    if pyod := of_pyod(seed):
        pyod.fit(rows(train))
        tell("VAE of PyOD", lambda x: -pyod.decision_function(rows(x)))
    return found


def trained(x, seed):
    """A dense VAE of images, with Gaussian pixels of one scale."""
    import keras

    import zoo

    keras.utils.set_random_seed(seed)
    likelihood = zoo.likelihoods.Gaussian(scale=SCALE)
    model = zoo.DenseVAE(x.shape[1:], LATENT_DIM, UNITS, likelihood, seed=seed)
    steps = EPOCHS * math.ceil(len(x) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(x, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return model


def others(seed):
    """{name: what makes a detector of scikit-learn, of rows}."""
    from sklearn.ensemble import IsolationForest

    return {
        "isolation forest": lambda: IsolationForest(random_state=seed),
        "PCA, reconstruction": Reconstruction,
    }


class Reconstruction:
    """Minus the squared error of a PCA's reconstruction, as a score."""

    def fit(self, x):
        from sklearn.decomposition import PCA

        self.pca = PCA(COMPONENTS, random_state=0).fit(x)
        return self

    def score_samples(self, x):
        told = self.pca.inverse_transform(self.pca.transform(x))
        return -np.sum((x - told) ** 2, axis=1)


def of_pyod(seed):
    """PyOD's VAE with its own options, or None where it is not installed."""
    if importlib.util.find_spec("pyod") is None:
        return None
    from pyod.models.vae import VAE

    return VAE(random_state=seed, verbose=0)


def rows(x):
    return x.reshape(len(x), -1)


def another_data_set(name, score, normal, odd, fitted_on):
    """{detector: area} of a preset's own test images against those of another set."""
    import zoo
    from zoo.applications import AnomalyDetector

    detector = AnomalyDetector(zoo.from_preset(name), score, num_draws=DRAWS)
    detector.fit(fitted_on)
    scores = [detector.score_samples(x) for x in (normal, odd)]
    return {f"{name}, {score}": area(*scores)}


def tasks(seeds, data_dir):
    """Yields (task, part, function that measures it): parts by their names."""
    from recipes.data import load_images

    mnist = load_images("mnist", data_dir=data_dir, splits=("train", "test"))
    for seed in seeds:
        for digit in range(10):
            part = f"digit {digit}, seed {seed}"
            yield ONE_CLASS, part, lambda d=digit, s=seed: one_class(mnist, d, s)
    fashion = load_images(
        "fashion_mnist", data_dir=data_dir, splits=("validation", "test")
    )
    normal, odd = (data.test[:: len(data.test) // SHOWN] for data in (fashion, mnist))
    for name in PRESETS:
        for score in FASHION_SCORES:
            if score != "level_ratio" or name.startswith("hierarchical"):
                given = (name, score, normal, odd, fashion.validation[:SHOWN])
                yield ANOTHER, f"{name}, {score}", lambda g=given: another_data_set(*g)


def main(
    num_seeds: Annotated[int, typer.Option(min=1, help="Of the first task.")] = 3,
    backend: Backend = None,
    data_dir: DataDir = None,
    out: Out = Path("runs") / ANOMALIES,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the rows in the package.")
    ] = False,
):
    """Measures how well odd images are told, one digit at a time, then by presets."""
    with one_sentence_errors("Interrupted: the same command goes on."):
        start_keras(backend)
        folder = make_folder(out)
        kept = folder / f"{ANOMALIES}.json"
        done = json.loads(kept.read_text("utf-8")) if kept.is_file() else []
        known = {(row["task"], row["part"]) for row in done}
        for task, part, measure in tasks(range(num_seeds), data_dir):
            if (task, part) not in known:
                done.append({"task": task, "part": part, "areas": measure()})
                write_whole(kept, _text(done))
            shown = next(r for r in done if (r["task"], r["part"]) == (task, part))
            areas = (f"{name} {value:.3f}" for name, value in shown["areas"].items())
            screen().print(f"{task}, {part}: {', '.join(areas)}")
        if save:
            write_whole(Path(__file__).with_suffix(".json"), _text(done))


def _text(rows):
    return (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode()


if __name__ == "__main__":
    typer.run(main)
