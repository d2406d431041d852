"""Likelihood regret: how much better the posterior of one image could tell it."""

import math

import numpy as np
from keras import ops

# Steps and size of Adam (Kingma & Ba, 2015), whose moments are those of its paper.
STEPS, RATE = 60, 0.1
_MEAN, _SQUARE, _SMALL = 0.9, 0.999, 1e-8


def regrets(model, spec, x, labels=None):
    """max_q ELBO(q) - ELBO of the encoder's q, in nats: float32 (N,), >= 0.

    Xiao, Yan & Amit, "Likelihood Regret: An Out-of-Distribution Detection Score For
    Variational Auto-encoder", 2020, section 4.1, which fits the posterior of a single
    image and leaves the decoder as it is. Any posterior made of standard normal noise
    is fitted as the encoder gives it, of noise that is moved and scaled: with noise
    a + b e, e ~ N(0, I), for e, log q changes by log N(a + b e; a, b^2) -
    log N(a + b e; 0, I). All levels of a ladder are fitted together.

    Args:
        model: a model of the zoo whose latents are real numbers.
        spec: `zoo.applications.scores.ScoreSpec`.
        x: images (N, H, W, C), float32; N small enough for one call.
        labels: (N,), or None.
    """
    noise = spec.noise(model)[:, 0]  # (K, D)

    def elbos(fit, images, *given):
        moved, log_scale = fit[:, 0], fit[:, 1]
        e = ops.convert_to_tensor(noise)[:, None]
        fitted = moved + ops.exp(log_scale) * e
        terms = model.elbo_terms(images, *given, noise=fitted)
        log_weights = terms.log_likelihood + terms.log_ratio
        squares = ops.sum(ops.square(fitted) - ops.square(e), axis=-1)
        drawn = ops.mean(log_weights - 0.5 * squares, axis=0)
        return drawn + ops.sum(log_scale, axis=-1)

    name = f"regret {spec} {labels is not None}"
    compiled = model.inference.gradient(name, elbos)
    given = (x,) if labels is None else (x, labels)
    fit = np.zeros((len(x), 2, noise.shape[-1]), np.float32)
    mean, square = np.zeros_like(fit), np.zeros_like(fit)
    first, gradients = compiled(fit, *given)
    best = first
    for step in range(1, STEPS + 1):
        gradients = np.nan_to_num(gradients, posinf=0.0, neginf=0.0)
        mean = _MEAN * mean + (1 - _MEAN) * gradients
        square = _SQUARE * square + (1 - _SQUARE) * gradients**2
        unbiased = mean / (1 - _MEAN**step)
        size = np.sqrt(square / (1 - _SQUARE**step)) + _SMALL
        # Small at the end, so that the last steps settle.
        rate = RATE * 0.5 * (1 + math.cos(math.pi * (step - 1) / STEPS))
        fit = (fit + rate * unbiased / size).astype(np.float32)
        values, gradients = compiled(fit, *given)
        best = np.fmax(best, values)
    return best - first
