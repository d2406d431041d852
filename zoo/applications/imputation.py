"""impute: missing pixels, drawn given the observed ones."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo import threefry, validation
from zoo.applications import missing
from zoo.applications.chains import Chains
from zoo.applications.resampling import Reservoir, split_r_hat
from zoo.evaluation.likelihood import PIXELS_PER_CALL
from zoo.generation import Images

# Looser than the 1.1 for averages along chains: draws are one of each chain.
MIXED = 1.5


@dataclass(frozen=True)
class ImputationDiagnosis:
    """How far draws of `impute` can be trusted, of each image.

    NaN for images of which nothing is missing.

    Attributes:
        method: as it was given.
        r_hat: (N,), Gelman and Rubin's R-hat of log p(x_obs|z) in the second half of
            the chains, each cut in two: near 1 where all went everywhere.
        effective_sample_size: (N,), of the weights of latents, from 1 to all that were
            weighted; None of "pseudo_gibbs".
        acceptance_rate: (N,), share of proposals that were accepted; None but of
            "metropolis".
    """

    method: str
    r_hat: npt.NDArray[np.float64]
    effective_sample_size: npt.NDArray[np.float64] | None = None
    acceptance_rate: npt.NDArray[np.float64] | None = None

    def remark(self, num_draws: int) -> str | None:
        """What is wrong with the draws, in a sentence to warn with, or None."""
        count, size = len(self.r_hat), self.effective_sample_size
        if self.method == "importance" and size is not None:
            if not (failed := int(np.sum(size < num_draws))):
                return None
            return (
                f"Of {failed:,} of {count:,} image(s) fewer than `num_draws` latents "
                "carry all the weight (effective sample size), so that draws repeat "
                "each other: give more `num_steps`, or method='metropolis'."
            )
        if not (failed := int(np.sum(self.r_hat > MIXED))):
            return None
        return (
            f"The chains of {failed:,} of {count:,} image(s) have not mixed (R-hat "
            f"above {MIXED}), so that their draws depend on where they began: give "
            "more `num_steps`."
        )


def impute(
    model: Any,
    x: Any,
    mask: Any,
    num_draws: int = 20,
    seed: int = 0,
    *,
    labels: Any = None,
    method: str = "metropolis",
    num_steps: int = 100,
    burn_in: int = 50,
    pixels: str = "draws",
) -> Images:
    """Draws missing pixels from p(x_missing | x_observed) under a model.

    Each draw of each image ends a Markov chain of its own, which begins with the
    missing pixels of a sample from the prior (of a model of codes, with noise) and
    draws latents given pixels and missing pixels given latents in turns. `method` is
    one of

    - "pseudo_gibbs": latents from q(z|x), as if it were p(z|x): Rezende et al.,
      "Stochastic Backpropagation and Approximate Inference in Deep Generative Models",
      2014, appendix F. The fastest, biased as far as the encoder is wrong;
    - "importance": of all latents of such chains, those that are returned are chosen by
      their weights p(x_obs|z) p(z) / q(z|x): right with many steps, if few of them do
      not carry all the weight;
    - "metropolis": Metropolis-within-Gibbs, Mattei & Frellsen, "Leveraging the Exact
      Likelihood of Deep Latent Variable Models", 2018, algorithm 2: latents from
      q(z|x) are accepted or not, which makes p(x_missing|x_observed) what chains
      converge to, whatever the encoder. Each begins with latents of its own `burn_in`
      steps, chosen by their weights.

    The result is the same whatever the size of batches and, up to rounding, on every
    backend; where a random number lies within rounding of the edge between accepting
    and not, or between two values of a pixel, another backend may choose the other, and
    that chain goes another way.

    Args:
        model: a model of the zoo. One whose codes are certain, as a VQVAE's mostly are,
            has no density q(z|x): it takes "pseudo_gibbs" alone.
        x: images (N, H, W, C), float32 in [0, 1] where they are observed; elsewhere
            anything, NaN too.
        mask: boolean, True where a pixel is observed: (N, H, W, C) or (N, H, W), or
            (H, W) or (H, W, C) for all images. Nothing need be missing of an image, but
            something must be observed.
        num_draws: draws an image, K >= 1.
        seed: integer that fixes the noise.
        labels: (N,) or one for all, of a model that takes them, which draws from
            p(x_missing | x_observed, label): an image's label must be known.
        method: see above.
        num_steps: steps of each chain after the burn-in, >= 1.
        burn_in: steps of pseudo-Gibbs sampling before them, >= 1.
        pixels: "draws" of p(x|z) for missing pixels, or "mean" for E[x|z], given z that
            is drawn. The mean of all draws estimates E[x_missing | x_observed] with
            either, by "mean" with less noise.

    Returns:
        float32 (num_draws, N, H, W, C) in [0, 1], observed pixels as they were given.
        Warns where chains have not mixed.

    Raises:
        ValueError, TypeError: for arguments that are out of range or not what the model
            takes; where channels of a pixel depend on each other given z, as in a
            `DiscretizedLogisticMixture`, also for pixels of which some channels alone
            are missing.

    Example:

    >>> import numpy as np, zoo
    >>> from zoo.applications import impute
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> x = model.sample(2, seed=0).round()
    >>> upper = np.arange(28)[:, None] < np.full(28, 18)
    >>> drawn = impute(model, x, upper, num_draws=3, num_steps=20)
    >>> drawn.shape, bool(np.all(drawn[:, :, :18] == x[:, :18]))
    ((3, 2, 28, 28, 1), True)
    """
    drawn, diagnosis = impute_with_diagnosis(
        model,
        x,
        mask,
        num_draws,
        seed,
        labels=labels,
        method=method,
        num_steps=num_steps,
        burn_in=burn_in,
        pixels=pixels,
    )
    if remark := diagnosis.remark(num_draws):
        warnings.warn(remark, stacklevel=2)
    return drawn


def impute_with_diagnosis(
    model: Any,
    x: Any,
    mask: Any,
    num_draws: int = 20,
    seed: int = 0,
    *,
    labels: Any = None,
    method: str = "metropolis",
    num_steps: int = 100,
    burn_in: int = 50,
    pixels: str = "draws",
) -> tuple[Images, ImputationDiagnosis]:
    """The draws of `impute`, and beside them an `ImputationDiagnosis`.

    Args:
        model, x, mask, num_draws, seed, labels, method, num_steps, burn_in, pixels: as
            for `impute`.

    Raises:
        As `impute`.
    """
    missing.check_model(model, method)
    validation.check_choice(pixels, "pixels", ("draws", "mean"))
    num_draws = validation.check_whole_number(num_draws, "num_draws", 1)
    num_steps = validation.check_whole_number(num_steps, "num_steps", 1)
    burn_in = validation.check_whole_number(burn_in, "burn_in", 1)
    seed = validation.check_whole_number(seed, "seed", 0, threefry.MAX_SEED)
    x, mask = missing.check_images(model, x, mask)
    with_prior = method != "pseudo_gibbs"
    check = model.check_labels if with_prior else model.check_network_labels
    labels = check(labels, len(x))
    model.remark_on(x)
    if with_prior and (remark := model.remark_on_prior):
        warnings.warn(remark, stacklevel=2)

    drawn = np.repeat(x[None], num_draws, axis=0)
    figures = np.full((3, len(x)), np.nan)
    (incomplete,) = np.nonzero(~np.all(mask, axis=(1, 2, 3)))
    size = max(1, PIXELS_PER_CALL // (num_draws * math.prod(x.shape[1:])))
    for start in range(0, len(incomplete), size):
        images = incomplete[start : start + size]
        given = None if labels is None else labels[images]
        chains = Chains(model, x[images], mask[images], given, images, num_draws, seed)
        streams = [_stream(seed, image) for image in images.tolist()]
        figures[:, images] = _run(chains, streams, method, num_steps, burn_in)
        filled = np.moveaxis(chains.images(pixels), 1, 0)
        drawn[:, images] = np.where(mask[images], x[images], filled)
    r_hat, size, rate = figures
    diagnosis = ImputationDiagnosis(
        method,
        r_hat,
        None if method == "pseudo_gibbs" else size,
        rate if method == "metropolis" else None,
    )
    return drawn, diagnosis


def _run(chains, streams, method, num_steps, burn_in):
    """Runs chains to their end: R-hat, effective sample size and acceptance rate."""
    # Chains that began with the same latents would long give the same draws.
    apart, reservoir = method == "metropolis", None
    if method != "pseudo_gibbs":
        reservoir = Reservoir(streams, apart)
    for _ in range(burn_in):
        chains.gibbs(reservoir)
    trace, accepted = [], np.nan
    if method == "metropolis":
        chains.restart(reservoir)
        steps = [chains.metropolis() for _ in range(num_steps)]
        trace = [observed for observed, _ in steps]
        accepted = np.mean([rate for _, rate in steps], axis=(0, 2))
    else:
        trace = [chains.gibbs(reservoir) for _ in range(num_steps)]
    if method == "importance":
        chains.restart(reservoir)
    r_hat = split_r_hat(np.stack(trace)[num_steps // 2 :])
    size = np.nan if reservoir is None else reservoir.effective_sample_size
    shape = r_hat.shape
    return np.stack([np.broadcast_to(f, shape) for f in (r_hat, size, accepted)])


def _stream(seed, image):
    """The noise that chooses among an image's latents, apart from its chains'."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(image,)))
