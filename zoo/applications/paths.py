"""Paths from one latent to another: NumPy alone."""

import numpy as np


def linear(a, b, steps):
    """Points on the line from a to b.

    Args:
        a, b: latents (..., D).
        steps: (T,), 0 is a and 1 is b.

    Returns:
        (..., T, D).
    """
    steps = np.asarray(steps)[:, None]
    return (1 - steps) * a[..., None, :] + steps * b[..., None, :]


def spherical(a, b, steps):
    """Points on the great circle from a to b, and between their lengths.

    White, "Sampling Generative Networks", 2016: latents of many dimensions lie near a
    sphere, which a line leaves. Directions that hardly differ are joined by the line.

    Args:
        a, b, steps: as for `linear`.

    Returns:
        (..., T, D).
    """
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = np.where(norms > 0, np.sum(a * b, axis=-1) / np.where(norms, norms, 1), 1)
    angle = np.arccos(np.clip(cosine, -1, 1))[..., None, None]
    sine, steps = np.sin(angle), np.asarray(steps)[:, None]
    on_line = sine < 1e-4
    sine = np.where(on_line, 1, sine)
    of_a = np.where(on_line, 1 - steps, np.sin((1 - steps) * angle) / sine)
    of_b = np.where(on_line, steps, np.sin(steps * angle) / sine)
    return of_a * a[..., None, :] + of_b * b[..., None, :]


PATHS = {"linear": linear, "spherical": spherical}
