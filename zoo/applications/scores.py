"""What an image's score can be: functions of tensors, the same on every backend.

All are in nats, and higher is more normal, as scikit-learn has it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from zoo import threefry, validation
from zoo.event import Tokens, with_end
from zoo.latents import levels_of
from zoo.logarithms import log_sum_exp

# What `score` may be, and what each is good for.
SCORES = {
    "elbo": "the ELBO: log p(x|z) less what z tells of the image",
    "likelihood": "the importance-weighted likelihood, a tighter bound of log p(x)",
    "reconstruction": "log p(x|z) alone: how well the image is told by its latents",
    "smoothed_error": "how far the mean reconstruction is off, smoothed over a pixel",
    "latent": "log p(z) of the image's latents alone: how usual they are",
    "typicality": "how near the ELBO is to that of usual images, from either side",
    "regret": "what the ELBO gains where the posterior is fitted to the image alone",
    "level_ratio": "what a ladder's finer levels, told by the image, add to the ELBO",
}

# The deviation of the filter of "smoothed_error", in pixels: chosen on held-out digits
# of MNIST, of 0, 0.7, 1, 1.5 and 2.5. And that of the smoothed error, in grey levels
# of [0, 1], which makes nats of it.
SMOOTHING, ERROR = 1.0, 0.1


@dataclass(frozen=True)
class ScoreSpec:
    """All that a score depends on beside image and model, as JSON values.

    Attributes:
        score: a name of `SCORES`.
        num_draws: draws from the posterior, K.
        seed: of their noise, which is the same for every image.
        levels: of "level_ratio": how many levels, coarsest first, the image tells where
            the others are drawn from the prior.
        reference: of "typicality": the mean ELBO of usual images, in nats.
    """

    score: str
    num_draws: int
    seed: int
    levels: int = 1
    reference: float = 0.0

    @classmethod
    def of(cls, kept):
        """That of a fitted detector, of what a preset keeps of it."""
        names = ("score", "num_draws", "seed", "levels", "reference")
        return cls(**{name: kept[name] for name in names})

    def noise(self, model):
        """The noise of all draws of one image: what `elbo_terms` takes, (K, 1, ...)."""
        rng = np.random.default_rng(self.seed)
        return model.posterior_noise(rng, self.num_draws)[:, None]

    def check(self, model):
        """Refuses options out of range, and scores that a model does not have.

        Raises:
            ValueError: saying why.
        """
        who = type(model).__name__
        validation.check_choice(self.score, "score", tuple(SCORES))
        validation.check_whole_number(self.seed, "seed", 0, threefry.MAX_SEED)
        # One draw can be moved to where it is likeliest, however wide its posterior.
        least = 2 if self.score == "regret" else 1
        validation.check_whole_number(self.num_draws, "num_draws", least)
        if getattr(model, "num_attributes", None) is not None:
            raise ValueError(
                f"This {who} takes attributes as labels, which cannot be tried out one "
                "after another as classes can: it has no score of images alone."
            )
        if self.score == "regret" and any(spec.is_codes for spec in model.latents):
            raise ValueError(
                f"score='regret' fits a posterior of real numbers; the latents of this "
                f"{who} are codes."
            )
        if self.score == "smoothed_error" and isinstance(model.event, Tokens):
            raise ValueError(
                f"score='smoothed_error' compares pixels; this {who} is a model of "
                "texts."
            )
        if self.score == "level_ratio":
            count = len(levels_of(model.latents))
            if count < 2 or not hasattr(model, "upper_elbo_terms"):
                raise ValueError(
                    "score='level_ratio' compares the levels of a HierarchicalVAE with "
                    f"at least two; this {who} has none to compare."
                )
            validation.check_whole_number(self.levels, "levels", 1, count - 1)


def scores(model, spec, x):
    """The score of each image: (N,), in nats.

    Where a model takes classes as labels, each image is scored given the one under
    which its ELBO is largest.

    Args:
        model: a model of the zoo.
        spec: `ScoreSpec`, of all scores but "regret".
        x: images (N, H, W, C).
    """
    return _scores(*_terms(model, spec, x))


def heat_maps(model, spec, x):
    """-E log p(x_i|z) of each pixel: (N, H, W), in nats, its channels together; of each
    token (N, T).
    """
    return _maps(*_terms(model, spec, x))


def scores_and_maps(model, spec, x):
    """`scores` and `heat_maps` of the same draws."""
    of, terms = _terms(model, spec, x)
    return _scores(of, terms), _maps(of, terms)


def _scores(of, terms):
    return of.best(_SCORES[of.spec.score](of, terms), terms)


def _maps(of, terms):
    if isinstance(of.model.event, Tokens):
        x = with_end(of.x, of.model.event)
        logits = of.model.logits(x, terms.group.z, of.labels)
        each = of.model.likelihood.log_prob_per_dim(x, logits)
        return of.best(-ops.mean(each, axis=0), terms)
    parameters = _parameters(of, terms)
    per_dim = of.model.likelihood.log_prob_per_dim(of.x, parameters)
    return of.best(-ops.mean(ops.sum(per_dim, axis=-1), axis=0), terms)


def _parameters(of, terms):
    """The likelihood's parameters at the draws, (K, N, H, W, P)."""
    if terms.parameters is not None:
        return terms.parameters
    z = {g.spec.name: g.z for g in terms.groups if g.spec in of.model.latents}
    z = z if len(z) > 1 else next(iter(z.values()))
    return of.model.decode_draws(z, of.labels)


def best_labels(model, spec, x):
    """The class under which each image's ELBO is largest: int32 (N,)."""
    of, terms = _terms(model, spec, x)
    return ops.cast(of.best_label(terms)[:, 0], "int32")


@dataclass
class _Images:
    """A batch as it is scored: of a model with classes, each image under each label."""

    model: Any
    spec: ScoreSpec
    x: Any
    labels: Any
    noise: Any
    num_classes: int | None

    def best(self, values, terms):
        """Values (N, ...) of each image, given the label that tells it best."""
        if self.num_classes is None:
            return values
        values = ops.reshape(values, (-1, self.num_classes, *values.shape[1:]))
        chosen = self.best_label(terms) == ops.arange(self.num_classes, dtype="int32")
        chosen = ops.reshape(chosen, (-1, self.num_classes, *[1] * (values.ndim - 2)))
        return ops.sum(ops.where(chosen, values, 0.0), axis=1)

    def best_label(self, terms):
        """Which label that is, (N, 1)."""
        # The first of the largest, by an operator that converts to ONNX.
        return ops.top_k(ops.reshape(terms.elbo, (-1, self.num_classes)), 1)[1]


def _terms(model, spec, x):
    num_classes = getattr(model, "num_classes", None)
    labels = None
    if num_classes is not None:
        count = ops.shape(x)[0]
        labels = ops.tile(ops.arange(num_classes, dtype="int32"), [count])
        x = ops.repeat(x, num_classes, axis=0)
    noise = ops.convert_to_tensor(spec.noise(model))
    noise = ops.repeat(noise, ops.shape(x)[0], axis=1)
    of = _Images(model, spec, x, labels, noise, num_classes)
    return of, model.elbo_terms(x, labels, noise=noise)


def _elbo(of, terms):
    return terms.elbo


def _likelihood(of, terms):
    log_weights = terms.log_likelihood + terms.log_ratio
    return log_sum_exp(log_weights, axis=0) - math.log(of.spec.num_draws)


def _reconstruction(of, terms):
    return -terms.reconstruction


def _smoothed_error(of, terms):
    found = ops.mean(of.model.likelihood.mean(_parameters(of, terms)), axis=0)
    difference = ops.transpose(of.x - found, (0, 3, 1, 2))  # (N, C, H, W)
    down, across = (smoothing_matrix(size) for size in difference.shape[-2:])
    smooth = ops.matmul(ops.matmul(down, difference), across.T)
    return -ops.sum(ops.square(smooth), axis=(1, 2, 3)) / (2 * ERROR**2)


def smoothing_matrix(size):
    """What smooths `size` numbers in a row, by a Gaussian filter that ends with them.

    Returns:
        float32 array (size, size), whose rows sum to 1.
    """
    at = np.arange(size)
    weights = np.exp(-((at[:, None] - at) ** 2) / (2 * SMOOTHING**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _latent(of, terms):
    return ops.mean(sum(g.prior.log_prob(g.z) for g in terms.groups), axis=0)


def _typicality(of, terms):
    return -ops.abs(terms.elbo - of.spec.reference)


def _level_ratio(of, terms):
    upper = of.model.upper_elbo_terms(
        of.x, of.labels, noise=of.noise, levels=of.spec.levels
    )
    return upper.elbo - terms.elbo


_SCORES = {
    "elbo": _elbo,
    "likelihood": _likelihood,
    "reconstruction": _reconstruction,
    "smoothed_error": _smoothed_error,
    "latent": _latent,
    "typicality": _typicality,
    "level_ratio": _level_ratio,
}
