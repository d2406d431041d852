"""log p(x) of a model of p(x|y): what remains where nobody says the label."""

import numpy as np
from rich.progress import track

# Images in one call for a single draw of each.
AT_ONCE = 256


def draws_of_others(k, num_classes):
    """Draws for each label that an image does not have: as many as k in all, or so."""
    return max(1, k // num_classes)


def without_labels(
    model, test, labels, log_likelihood, k, *, batch_size, seed=0, console=None
):
    """Bounds of log p(x) = log sum_y p(y) p(x|y), with p(y) = 1 / num_classes.

    Each p(x|y) is estimated by importance sampling without bias, whatever the number of
    its draws, and so is their mean over y: its logarithm is a lower bound of log p(x)
    in expectation. The label that an image has gets the draws that it has already, and
    each other one `draws_of_others`; for the ELBO, all get one.

    Args:
        model: of `num_classes` labels.
        test: images (N, H, W, C), float32 in [0, 1], as the model is to see them.
        labels: (N,), theirs.
        log_likelihood: log p(x|y) of these, (N,), with K draws.
        k: K.
        batch_size, seed: as in `zoo.VAE.log_marginal_likelihood`.
        console: `rich.console.Console` for progress, or None.

    Returns:
        dict of arrays (N,) in nats: "elbo_without_label" and "nll_without_label".
    """
    labels = np.asarray(labels)
    few = draws_of_others(k, model.num_classes)
    shape = (len(test), model.num_classes)
    one, many = np.empty(shape), np.empty(shape)
    many[np.arange(len(test)), labels] = log_likelihood
    for label in track(
        range(model.num_classes),
        "Likelihood without the label",
        console=console,
        disable=console is None,
    ):
        given = np.full(len(test), label)
        one[:, label] = model.log_marginal_likelihood(test, given, 1, AT_ONCE, seed)
        other = labels != label
        if other.any():
            many[other, label] = model.log_marginal_likelihood(
                test[other], given[other], few, batch_size, seed
            )
    log_classes = np.log(model.num_classes)
    return {
        "elbo_without_label": np.logaddexp.reduce(one, axis=1) - log_classes,
        "nll_without_label": log_classes - np.logaddexp.reduce(many, axis=1),
    }
