"""How well each latent dimension stands for one factor that images were made from.

Five scores, by the protocol of Locatello et al., "Challenging Common Assumptions in the
Unsupervised Learning of Disentangled Representations", 2019, so that figures can stand
beside published ones. All ask about images whose factors are known: see `FactorGrid`.
"""

import numbers

import numpy as np

from zoo import validation
from zoo.evaluation.disentanglement.information import (
    mig,
    mig_per_factor,
    mutual_information,
)
from zoo.evaluation.disentanglement.prediction import dci, sap
from zoo.evaluation.disentanglement.representation import FactorGrid, Representation
from zoo.evaluation.disentanglement.variation import beta_vae_score, factor_vae_score

METRICS = ("mig", "factor_vae_score", "beta_vae_score", "dci", "sap")

__all__ = [
    "METRICS",
    "FactorGrid",
    "Representation",
    "beta_vae_score",
    "dci",
    "disentanglement",
    "factor_vae_score",
    "mig",
    "mig_per_factor",
    "mutual_information",
    "sap",
]


def disentanglement(
    model,
    grid,
    *,
    metrics=METRICS,
    num_train=10_000,
    num_test=5_000,
    group_size=64,
    min_std=0.05,
    seed=0,
):
    """Scores a model by all metrics of disentanglement, or by some.

    The default sizes are those of published figures. What they cost: no image is
    encoded twice, but the two scores of groups ask for 2.9 million draws, which of a
    grid such as dSprites are nearly all of its 737,280 images; trees and linear
    classifiers of `dci` and `sap` take minutes of one core, in proportion to
    `num_train` and to the number of values of all factors.

    Args:
        model: a `zoo.VAE`, of which posterior means are scored; or a function from
            images (N, H, W, C), float32 in [0, 1], to representations (N, D), D >= 2.
        grid: a `FactorGrid`.
        metrics: some of `METRICS`.
        num_train: images that MIG looks at and that the classifiers of DCI and SAP are
            trained on; groups that those of the FactorVAE and BetaVAE scores are.
        num_test: images or groups that classifiers are scored on.
        group_size: images, or pairs of them, in a group that shares a factor.
        min_std: standard deviation below which the FactorVAE score leaves a dimension
            out: see `factor_vae_score`, on which it bears much where latents are faint.
        seed: fixes all draws.

    Returns:
        dict of floats, 1 the best: "mig", "factor_vae_score", "beta_vae_score",
        "dci_disentanglement", "dci_completeness", "dci_informativeness", "sap"; and
        "mig_per_factor", a dict of the gap of each factor, whose mean "mig" is.

    Raises:
        ValueError, TypeError: for unknown metrics, a grid of fewer than 2 factors, too
            few samples, or representations that are constant or not finite.
        ImportError: if scikit-learn is missing and a metric needs it.

    Example:

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import disentanglement
    >>> def images_of(factors):  # a bright pixel in its row and column
    ...     images = np.zeros((len(factors), 8, 8, 1), "float32")
    ...     images[np.arange(len(factors)), factors[:, 0], factors[:, 1]] = 1
    ...     return images
    >>> def row_and_column(images):
    ...     return np.argwhere(images[..., 0])[:, 1:]
    >>> grid = SimpleNamespace(
    ...     factor_names=("row", "column"), factor_sizes=(8, 8), images=images_of)
    >>> scores = disentanglement(
    ...     row_and_column, grid, metrics=("mig", "factor_vae_score"))
    >>> round(scores["mig"], 2), round(scores["factor_vae_score"], 2)
    (1.0, 1.0)
    >>> {name: round(gap, 2) for name, gap in scores["mig_per_factor"].items()}
    {'row': 1.0, 'column': 1.0}
    """
    metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or not metrics:
        raise ValueError(
            f"`metrics` must be some of {', '.join(METRICS)}; got {metrics!r}."
        )
    num_train = validation.check_whole_number(num_train, "num_train", 2)
    num_test = validation.check_whole_number(num_test, "num_test", 1)
    group_size = validation.check_whole_number(group_size, "group_size", 2)
    if not (isinstance(min_std, numbers.Real) and min_std >= 0):
        raise ValueError(f"`min_std` must be a number >= 0; got {min_std!r}.")
    representation = Representation(model, grid)
    sizes = {"num_train": num_train, "num_test": num_test, "seed": seed}
    groups = {**sizes, "group_size": group_size}
    compute = {
        "mig": lambda: mig_per_factor(representation, num_train, seed=seed),
        "factor_vae_score": lambda: factor_vae_score(
            representation, **groups, min_std=min_std
        ),
        "beta_vae_score": lambda: beta_vae_score(representation, **groups),
        "dci": lambda: dci(representation, **sizes),
        "sap": lambda: sap(representation, **sizes),
    }
    scores = {}
    for name in metrics:
        score = compute[name]()
        if name == "mig":
            mean = float(np.mean(list(score.values())))
            scores |= {"mig": mean, "mig_per_factor": score}
        elif isinstance(score, dict):
            scores |= {f"{name}_{part}": value for part, value in score.items()}
        else:
            scores[name] = score
    return scores
