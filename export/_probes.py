"""The inputs on which a file must agree with its model: ordinary and extreme ones."""

import numpy as np

BATCHES = (1, 3, 17)
_ROWS = max(BATCHES)


def latents(latent_dim):
    """Latents to compare on: {kind: list of float32 arrays (N, latent_dim)}."""
    rng = np.random.default_rng(0)
    ordinary = rng.standard_normal((_ROWS, latent_dim), dtype=np.float32)
    extreme = 10 * rng.standard_normal((_ROWS, latent_dim), dtype=np.float32)
    for row, value in enumerate((-5, 5, 0, -1, 1)):
        extreme[1 + row] = value
    extreme[6:9] = 0
    extreme[6:9, 0] = (-20, 20, 1e-6)  # one direction only
    return _in_batches(ordinary, extreme)


def images(image_shape):
    """Images to compare on: {kind: list of float32 arrays (N, H, W, C)}."""
    rng = np.random.default_rng(0)
    height, width, _ = image_shape
    ordinary = rng.random((_ROWS, *image_shape), dtype=np.float32)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    ordinary[1], ordinary[2] = down, across
    extreme = (ordinary > 0.5).astype(np.float32)
    extreme[0], extreme[3] = 1, 0
    extreme[4] = (np.indices((height, width)).sum(0) % 2)[:, :, None]
    return _in_batches(ordinary, extreme)


def _in_batches(ordinary, extreme):
    return {
        "ordinary": [ordinary[:n] for n in BATCHES],
        "extreme": [extreme[:n] for n in BATCHES],
    }


def golden_rows(image_shape):
    """How many rows a file keeps to check itself: 1 to 4, about 64 KB of pixels."""
    return int(np.clip(65536 // (4 * np.prod(image_shape)), 1, 4))


def golden_latents(image_shape, latent_dim):
    """float32 (1 to 4, latent_dim)."""
    rng = np.random.default_rng(1)
    rows = golden_rows(image_shape)
    return rng.standard_normal((rows, latent_dim), dtype=np.float32)
