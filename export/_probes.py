"""The inputs on which a file must agree with its model: ordinary and extreme ones."""

import numpy as np

from export.runtime.signature import DECODER_KIND, ENCODER_KIND

BATCHES = (1, 3, 17)
_ROWS = max(BATCHES)
# One for each batch; the last has bits in both words of the generator's key.
_SEEDS = (0, 1, 2**62 + 2**32 + 3)
_GOLDEN_SEED = 2**33 + 1


def probes(kind, model):
    """What to compare a file on: {"ordinary": list of feeds, "extreme": the same}.

    Args:
        kind: "decoder", "encoder" or "sampler".
        model: a zoo model.
    """
    rows = {"labels": labels(model)}
    if kind == DECODER_KIND:
        rows["z"] = latents(model.latent_dim)
    elif kind == ENCODER_KIND:
        rows["image"] = images(model.image_shape)
    answer = {}
    for i, extent in enumerate(("ordinary", "extreme")):
        given = {name: pair[i] for name, pair in rows.items() if pair is not None}
        answer[extent] = [
            {name: array[:n] for name, array in given.items()} for n in BATCHES
        ]
        if kind not in (DECODER_KIND, ENCODER_KIND):
            for n, seed, feeds in zip(BATCHES, _SEEDS, answer[extent], strict=True):
                feeds.update(_draw(n, seed, temperature=(1, 10)[i]))
    return answer


def _draw(num_samples, seed, temperature):
    return {
        "seed": np.array(seed, np.int64),
        "num_samples": np.array(num_samples, np.int64),
        "temperature": np.array(temperature, np.float32),
    }


def latents(latent_dim):
    """Ordinary and extreme latents to compare on: float32 arrays (N, latent_dim)."""
    rng = np.random.default_rng(0)
    ordinary = rng.standard_normal((_ROWS, latent_dim), dtype=np.float32)
    extreme = 10 * rng.standard_normal((_ROWS, latent_dim), dtype=np.float32)
    for row, value in enumerate((-5, 5, 0, -1, 1)):
        extreme[1 + row] = value
    extreme[6:9] = 0
    extreme[6:9, 0] = (-20, 20, 1e-6)  # one direction only
    return ordinary, extreme


def images(image_shape):
    """Ordinary and extreme images to compare on: float32 arrays (N, H, W, C)."""
    rng = np.random.default_rng(0)
    height, width, _ = image_shape
    ordinary = rng.random((_ROWS, *image_shape), dtype=np.float32)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    ordinary[1], ordinary[2] = down, across
    extreme = (ordinary > 0.5).astype(np.float32)
    extreme[0], extreme[3] = 1, 0
    extreme[4] = (np.indices((height, width)).sum(0) % 2)[:, :, None]
    return ordinary, extreme


def labels(model):
    """Labels to compare with: int32 (N,) or float32 (N, num_attributes), or None.

    Returns:
        a pair of arrays, for ordinary and for extreme probes: the first and the last
        classes; attributes that are 0 or 1, and ones from N(0, 4).
    """
    if getattr(model, "num_classes", None) is not None:
        first = (np.arange(_ROWS) % model.num_classes).astype(np.int32)
        return first, np.int32(model.num_classes - 1) - first
    if getattr(model, "num_attributes", None) is not None:
        rng = np.random.default_rng(2)
        shape = (_ROWS, model.num_attributes)
        binary = rng.integers(0, 2, shape).astype(np.float32)
        return binary, 2 * rng.standard_normal(shape, dtype=np.float32)
    return None


def golden_rows(image_shape):
    """How many rows a file keeps to check itself: 1 to 4, about 64 KB of pixels."""
    return int(np.clip(65536 // (4 * np.prod(image_shape)), 1, 4))


def golden_latents(model):
    """Feeds of a decoder: `z` (1 to 4, latent_dim) and `labels` if it takes them."""
    rows = golden_rows(model.image_shape)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((rows, model.latent_dim), dtype=np.float32)
    return {"z": z, **_first_labels(model, rows)}


def golden_draw(model):
    """Feeds of a sampler: the same number of rows, and the same labels."""
    rows = golden_rows(model.image_shape)
    return {**_draw(rows, _GOLDEN_SEED, temperature=1), **_first_labels(model, rows)}


def _first_labels(model, rows):
    given = labels(model)
    return {} if given is None else {"labels": given[0][:rows]}
