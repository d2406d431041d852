"""The ELBO of images whose labels are known or not: sums over classes.

Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014, equations 6
to 8, told of any model of p(x|y) by its `ELBOTerms` given the classes that are looked
at.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.distributions import Codes, kl_divergence, kl_per_unit
from zoo.latents import LatentSpec
from zoo.logarithms import log_sum_exp
from zoo.objectives import ELBOTerms, LatentGroup

# What excludes a class: not infinite, as 0 * inf is not a number.
_NEVER = -1e30


class Look(NamedTuple):
    """Which classes of each image are looked at, and what they weigh.

    Attributes:
        classes: int32 (M, N).
        weights: of a mean over q(y|x), (M, N) or (K, M, N), with its gradient.
        is_whole: whether these are all classes, of which a likelihood is the sum.
    """

    classes: Any
    weights: Any
    is_whole: bool


def every_class(log_probs, labels):
    """A `Look` at all classes, weighed by q(y|x), or by 0 and 1 where y is known.

    Args:
        log_probs: log q(y|x), (N, C) or (K, N, C).
        labels: int32 (N,), -1 where not known.
    """
    number = log_probs.shape[-1]
    classes = ops.broadcast_to(
        ops.arange(number, dtype="int32")[:, None], (number, ops.shape(labels)[0])
    )
    known = ops.cast(labels >= 0, log_probs.dtype)[:, None]
    certain = ops.one_hot(labels, number, dtype=log_probs.dtype)
    weights = known * certain + (1 - known) * ops.exp(log_probs)
    return Look(classes, ops.swapaxes(weights, -1, -2), True)


def some_classes(log_probs, labels, number, seed_generator):
    """A `Look` at the most probable classes, and at one that is drawn of the others.

    Means over q(y|x) and their gradients are right on average: Liu et al.,
    "Rao-Blackwellized Stochastic Gradients for Discrete Distributions", 2019, section
    3. The one that is drawn weighs what all others do.

    Args:
        log_probs: log q(y|x), (N, C).
        labels: int32 (N,), -1 where not known; a known class is all that counts.
        number: how many classes, from 2 to C - 1.
        seed_generator: `keras.random.SeedGenerator`.
    """
    of_classes = log_probs.shape[-1]
    fixed, probs = ops.stop_gradient(log_probs), ops.exp(log_probs)
    certain = ops.one_hot(labels, of_classes, dtype=log_probs.dtype)
    _, best = ops.top_k(fixed - _NEVER * certain, number - 1)
    best = ops.cast(best, "int32")
    is_best = ops.sum(ops.one_hot(best, of_classes), axis=1) > 0
    others = ops.where(is_best, _NEVER, fixed)
    drawn = keras.random.categorical(others, 1, "int32", seed_generator)
    classes = ops.concatenate([best, drawn], axis=1)
    of_looked_at = ops.take_along_axis(probs, classes, axis=1)
    rest = ops.sum(ops.where(is_best, 0.0, probs), axis=1)
    of_drawn = of_looked_at[:, -1]
    of_drawn = of_drawn * ops.stop_gradient(rest / ops.maximum(of_drawn, 1e-30))
    weights = ops.concatenate([of_looked_at[:, 1:-1], of_drawn[:, None]], axis=1)
    weights = weights * ops.cast(labels < 0, probs.dtype)[:, None]
    # The first has what is left: differences to it have less variance.
    first = 1 - ops.sum(weights, axis=1, keepdims=True)
    weights = ops.concatenate([first, weights], axis=1)
    return Look(ops.transpose(classes), ops.transpose(weights), False)


def summed_terms(log_probs, labels, terms_of_classes, look):
    """The `ELBOTerms` of images whose labels are known or not.

    Their first group is the label, of q(y|x) and a uniform prior: its KL is 0 where the
    label is known, as all terms are given y there. The others are means over q(y|x),
    their posteriors those given the known or the most probable class. `extra` has
    "cross_entropy", -log q(y|x) of known labels and else 0, (N,).

    Args:
        log_probs: log q(y|x), (N, C) or, where it depends on a draw, (K, N, C).
        labels: int32 (N,), -1 where not known.
        terms_of_classes: function of classes int32 (M, N) to the `ELBOTerms` of the
            M * N pairs of class and image, class after class.
        look: `Look`.
    """
    classes, weights, is_whole = look
    number = log_probs.shape[-1]
    terms = terms_of_classes(classes)

    def of_pairs(values):  # (..., M * N) to (..., M, N)
        return ops.reshape(values, (*ops.shape(values)[:-1], classes.shape[0], -1))

    first = log_probs if len(log_probs.shape) < 3 else log_probs[0]
    best = ops.cast(ops.argmax(first, axis=-1), "int32")
    best = ops.where(labels < 0, best, labels)
    groups = [
        _expected(group, of_pairs, weights, classes == best) for group in terms.groups
    ]
    known = ops.cast(labels >= 0, log_probs.dtype)
    kl = ops.sum(ops.exp(log_probs) * log_probs, axis=-1) + math.log(number)
    kl = _mean_of_draws(kl) * (1 - known)
    label = LatentGroup.of_figures(
        LatentSpec("label", (1,), number),
        Codes(best[:, None], number, first[:, None]),
        Codes(best[:, None], number, ops.full_like(first, -math.log(number))[:, None]),
        best[None, :, None],
        kl=kl,
        kl_per_unit=kl[:, None],
    )
    log_likelihood = of_pairs(terms.log_likelihood)
    expected = ops.sum(weights * log_likelihood, axis=-2)
    if is_whole:
        # log of the sum over y of p(y) p(x|z, y) p(z) / q(z|x, y), or at the known y
        log_joint = log_likelihood + of_pairs(
            sum(group.log_ratio for group in terms.groups)
        )
        log_joint = log_joint - (1 - known) * math.log(number)
        other = ops.logical_and(labels >= 0, classes != labels)
        total = log_sum_exp(ops.where(other, _NEVER, log_joint), axis=-2)
        # Only the sum over groups means something.
        vars(label)["log_ratio"] = total - expected
        for group in groups:
            vars(group)["log_ratio"] = ops.zeros_like(total)
    certain = ops.one_hot(labels, number, dtype=log_probs.dtype)
    cross_entropy = _mean_of_draws(-ops.sum(log_probs * certain, axis=-1))
    return ELBOTerms(
        expected,
        (label, *groups),
        {"cross_entropy": cross_entropy},
        images=terms.images,
        labels=labels,
    )


def _expected(group, of_pairs, weights, is_best):
    """A group of pairs of class and image as one of images.

    Args:
        group: of M * N pairs.
        of_pairs: function of (..., M * N) to (..., M, N).
        weights: of the pairs, (M, N) or (K, M, N).
        is_best: whether a pair's class is the image's own, (M, N): its posterior stands
            for the image's.
    """
    chosen = ops.cast(is_best, "float32")[..., None]

    def of_best(values):  # (..., M * N, D) to (..., N, D)
        lead, width = ops.shape(values)[:-2], values.shape[-1]
        rows = ops.reshape(values, (*lead, weights.shape[-2], -1, width))
        return ops.sum(rows * chosen, axis=-3)

    kl = kl_divergence(group.posterior, group.prior)
    kl = -group.log_ratio if kl is None else kl
    per_unit = kl_per_unit(group.posterior, group.prior)
    if per_unit is not None:
        units = ops.moveaxis(per_unit, -1, 0)  # (D, ..., M * N)
        units = ops.sum(weights * of_pairs(units), axis=-2)
        if len(units.shape) > 2:
            units = ops.mean(units, axis=1)
        per_unit = ops.transpose(units)
    return LatentGroup.of_figures(
        group.spec,
        group.posterior.map_tensors(of_best),
        group.prior,
        of_best(group.z),
        kl=_mean_of_draws(ops.sum(weights * of_pairs(kl), axis=-2)),
        kl_per_unit=per_unit,
    )


def _mean_of_draws(values):
    """(N,) of values (K, N), or as they are."""
    return ops.mean(values, axis=0) if len(values.shape) > 1 else values
