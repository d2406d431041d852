"""Scores of classifiers that predict factors from codes, with scikit-learn."""

import numpy as np

from zoo.evaluation.scikit_learn import import_scikit_learn


def dci(representation, num_train=10_000, num_test=5_000, seed=0):
    """Disentanglement, completeness and informativeness.

    Eastwood & Williams, "A Framework for the Quantitative Evaluation of Disentangled
    Representations", 2018, section 2: boosted trees predict each factor from all
    dimensions. A dimension is disentangled if it is important for one factor alone, and
    a factor is completely captured if one dimension alone is important for it: one less
    the entropy of the importances, weighted by what is important at all.

    One tree is grown for each value of each factor and each of 100 rounds, in time
    proportional to `num_train`: for dSprites' 113 values, 11,300 trees. Both samples
    are drawn from all images, and share some of them where the grid is small.

    Args:
        representation: a `Representation`.
        num_train: images that the trees are grown on.
        num_test: images that they are scored on.
        seed: fixes the draws.

    Returns:
        dict of floats, 1 the best: "disentanglement", "completeness", and
        "informativeness", the accuracy on the test images, averaged over factors.

    Raises:
        ValueError: as `Representation.varied_sample`.
        ImportError: if scikit-learn is missing.

    Example:

    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation, dci
    >>> grid = SimpleNamespace(
    ...     factor_names=("a", "b"), factor_sizes=(4, 4), images=lambda f: f)
    >>> scores = dci(Representation(lambda x: x, grid), num_train=200, num_test=100)
    >>> {name: round(score, 2) for name, score in scores.items()}
    {'disentanglement': 1.0, 'completeness': 1.0, 'informativeness': 1.0}
    """
    ensemble = import_scikit_learn("ensemble")
    rng = np.random.default_rng(seed)
    factors, codes = representation.varied_sample(num_train, rng)
    test_factors, test_codes = representation.sample(num_test, rng)
    importance, accuracy = [], []
    for factor, test_factor in zip(factors.T, test_factors.T, strict=True):
        trees = ensemble.GradientBoostingClassifier(random_state=seed)
        trees.fit(codes, factor)
        importance.append(trees.feature_importances_)
        accuracy.append(trees.score(test_codes, test_factor))
    importance = np.stack(importance, axis=1)  # (D, F)
    return {
        "disentanglement": _concentration(importance),
        "completeness": _concentration(importance.T),
        "informativeness": float(np.mean(accuracy)),
    }


def sap(representation, num_train=10_000, num_test=5_000, seed=0):
    """The separated attribute predictability score.

    Kumar et al., "Variational Inference of Disentangled Latent Concepts from Unlabeled
    Observations", 2018, section 3: a linear support vector machine predicts each factor
    from each dimension alone; for each factor, the accuracy of the best dimension less
    that of the second; averaged over factors. A line cannot tell the middle values of a
    factor apart, so that no code scores 1 where factors have many: dSprites' factors
    themselves score 0.21.

    Args:
        representation: a `Representation`.
        num_train: images that the classifiers are trained on.
        num_test: images that they are scored on.
        seed: fixes the draws.

    Returns:
        float in [0, 1].

    Raises:
        ValueError: as `Representation.varied_sample`.
        ImportError: if scikit-learn is missing.

    Example:

    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation, sap
    >>> grid = SimpleNamespace(
    ...     factor_names=("a", "b"), factor_sizes=(2, 2), images=lambda f: f)
    >>> round(sap(Representation(lambda x: x, grid)), 1)  # one dimension guesses
    0.5
    """
    svm = import_scikit_learn("svm")
    rng = np.random.default_rng(seed)
    factors, codes = representation.varied_sample(num_train, rng)
    test_factors, test_codes = representation.sample(num_test, rng)
    gaps = []
    for factor, test_factor in zip(factors.T, test_factors.T, strict=True):
        accuracy = []
        for code, test_code in zip(codes.T, test_codes.T, strict=True):
            line = svm.LinearSVC(C=0.01, class_weight="balanced", random_state=seed)
            line.fit(code[:, None], factor)
            accuracy.append(line.score(test_code[:, None], test_factor))
        second, best = np.sort(accuracy)[-2:]
        gaps.append(best - second)
    return float(np.mean(gaps))


def _concentration(importance):
    """One less the normalized entropy of each row, averaged by the rows' sums."""
    total = importance.sum(axis=1)
    if not total.any():
        return 0.0
    share = importance[total > 0] / total[total > 0, None]
    # 0 ln 0 = 0
    entropy = -np.sum(share * np.log(np.where(share > 0, share, 1)), axis=1)
    rows = 1 - entropy / np.log(importance.shape[1])
    return float(np.average(rows, weights=total[total > 0]))
