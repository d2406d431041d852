"""Scores of groups of images that share one factor: which one, do their codes tell?"""

import numpy as np

from zoo.evaluation.scikit_learn import import_scikit_learn

# Groups drawn at a time: their codes fit in memory, however many groups there are.
_GROUPS = 1000


def factor_vae_score(
    representation,
    num_train=10_000,
    num_test=5_000,
    group_size=64,
    min_std=0.05,
    seed=0,
):
    """How often the dimension that varies least in a group tells its shared factor.

    Kim & Mnih, "Disentangling by Factorising", 2018, section 4: the variance of each
    dimension within a group, over its variance everywhere, is smallest for one of them.
    Each dimension votes for the factor that it stood for most often among the training
    groups; the score is how often it is right about others.

    Args:
        representation: a `Representation`.
        num_train: groups that decide what each dimension votes for; also the images
            from which variances are estimated.
        num_test: groups that are scored.
        group_size: images in a group.
        min_std: dimensions of a smaller standard deviation are left out: they have
            collapsed to the prior, and their variance is noise.
        seed: fixes the draws.

    Returns:
        float: accuracy, 1 the best and 1/F by chance; 0 if all dimensions have
        collapsed.

    Raises:
        ValueError: as `Representation.varied_sample`.

    Example:

    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation, factor_vae_score
    >>> grid = SimpleNamespace(
    ...     factor_names=("a", "b"), factor_sizes=(4, 4), images=lambda f: f)
    >>> factor_vae_score(Representation(lambda x: x, grid), num_train=100, num_test=100)
    1.0
    """
    rng = np.random.default_rng(seed)
    _, codes = representation.varied_sample(num_train, rng)
    variance = np.var(codes, axis=0, ddof=1)
    active = np.sqrt(variance) >= min_std
    if not active.any():
        return 0.0

    def votes(count):
        """How often each dimension varied least where each factor was shared."""
        table = np.zeros((len(representation.factor_sizes), active.sum()), np.int64)
        for size in _sizes(count):
            factors = representation.sample_factors((size, group_size), rng)
            shared = rng.integers(len(representation.factor_sizes), size=size)
            group = np.arange(size)
            factors[group, :, shared] = factors[group, :1, shared]
            within = np.var(representation.codes(factors), axis=1, ddof=1)
            least = np.argmin((within / variance)[:, active], axis=1)
            np.add.at(table, (shared, least), 1)
        return table

    chosen = np.argmax(votes(num_train), axis=0)
    return float(votes(num_test)[chosen, np.arange(len(chosen))].sum() / num_test)


def beta_vae_score(
    representation, num_train=10_000, num_test=5_000, group_size=64, seed=0
):
    """How often a linear classifier tells which factor pairs of images share.

    Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained
    Variational Framework", 2017, section 3: of pairs that have one factor in common,
    the absolute differences of their codes, averaged over a group of pairs, are
    classified by the factor. The classifier is a logistic regression.

    Args:
        representation: a `Representation`.
        num_train: groups that the classifier is trained on.
        num_test: groups that it is scored on.
        group_size: pairs in a group.
        seed: fixes the draws.

    Returns:
        float: accuracy, 1 the best and 1/F by chance.

    Raises:
        ValueError: as `Representation.varied_sample`.
        ImportError: if scikit-learn is missing.

    Example:

    >>> from types import SimpleNamespace
    >>> from zoo.evaluation.disentanglement import Representation, beta_vae_score
    >>> grid = SimpleNamespace(
    ...     factor_names=("a", "b"), factor_sizes=(4, 4), images=lambda f: f)
    >>> beta_vae_score(Representation(lambda x: x, grid), num_train=100, num_test=100)
    1.0
    """
    linear_model = import_scikit_learn("linear_model")
    rng = np.random.default_rng(seed)
    representation.varied_sample(num_train, rng)  # for what it raises

    def groups(count):
        """Mean absolute differences (count, D), and the shared factors (count,)."""
        differences, labels = [], []
        for size in _sizes(count):
            first = representation.sample_factors((size, group_size), rng)
            second = representation.sample_factors((size, group_size), rng)
            shared = rng.integers(len(representation.factor_sizes), size=size)
            group = np.arange(size)
            second[group, :, shared] = first[group, :, shared]
            codes = representation.codes(np.stack([first, second]))
            differences.append(np.mean(np.abs(codes[0] - codes[1]), axis=1))
            labels.append(shared)
        return np.concatenate(differences), np.concatenate(labels)

    points, labels = groups(num_train)
    if len(np.unique(labels)) < 2:
        raise ValueError(
            f"`num_train` = {num_train} is too few: all groups share the same factor."
        )
    classifier = linear_model.LogisticRegression(max_iter=1000).fit(points, labels)
    return float(classifier.score(*groups(num_test)))


def _sizes(count):
    """`count` in portions of at most `_GROUPS`."""
    return [min(_GROUPS, count - start) for start in range(0, count, _GROUPS)]
