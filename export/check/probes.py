"""The inputs on which a file must agree with its model: ordinary and extreme ones."""

import numpy as np

from export import priors
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
)

BATCHES = (1, 3, 17)
_ROWS = max(BATCHES)
# One for each batch; the last has bits in both words of the generator's key.
_SEEDS = (0, 1, 2**62 + 2**32 + 3)
_GOLDEN_SEED = 2**33 + 1


def has_codes(model):
    """Whether a zoo model's latents are grids of codes, not vectors."""
    return not hasattr(model, "latent_dim")


def probes(kind, model):
    """What to compare a file on: {"ordinary": list of feeds, "extreme": the same}.

    Args:
        kind: "decoder", "encoder", "sampler" or "prior_step".
        model: a zoo model.
    """
    pairs = _row_pairs(kind, model)
    answer = {}
    for i, extent in enumerate(("ordinary", "extreme")):
        answer[extent] = [
            {name: pair[i][:n] for name, pair in pairs.items()} for n in BATCHES
        ]
        for n, seed, extreme, feeds in zip(
            BATCHES, _SEEDS, _extreme_temperatures(model), answer[extent], strict=True
        ):
            if kind == SAMPLER_KIND:
                feeds.update(_draw(n, seed, temperature=(1, extreme)[i]))
            elif kind == PRIOR_STEP_KIND:
                # The first place, one in the middle and the last.
                length = model.prior.length
                place = {1: 0, 3: length // 2, 17: length - 1}[n]
                feeds.update(_step(feeds.pop("codes"), feeds["cache"], place))
    return answer


def _extreme_temperatures(model):
    """One for each batch."""
    record = priors.of_prior(model.prior) or priors.PriorRecord
    return record.extreme_temperatures


def _row_pairs(kind, model):
    """{input: (ordinary, extreme) rows}, for all that has rows."""
    pairs = {}
    if kind == ENCODER_KIND:
        pairs["image"] = images(model.image_shape)
    elif kind == DECODER_KIND:
        pairs["codes" if has_codes(model) else "z"] = latents(model)
    elif kind == PRIOR_STEP_KIND:
        given = labels(model)
        pairs["codes"] = codes(model.codebook_size, (model.prior.length,))
        pairs["cache"] = [
            _cache(model.prior, pairs["codes"][i], given and given[i]) for i in (0, 1)
        ]
    if takes_labels(kind, model):
        pairs["labels"] = labels(model)
    return pairs


def takes_labels(kind, model):
    """Whether a file of this kind has an input `labels`."""
    if has_codes(model) and kind in (DECODER_KIND, ENCODER_KIND):
        return False  # they concern the prior alone
    return labels(model) is not None


def _draw(num_samples, seed, temperature):
    return {
        "seed": np.array(seed, np.int64),
        "num_samples": np.array(num_samples, np.int64),
        "temperature": np.array(temperature, np.float32),
    }


def latents(model):
    """Ordinary and extreme latents to compare on: two arrays of vectors or codes."""
    if has_codes(model):
        return codes(model.codebook_size, model.code_shape)
    rng = np.random.default_rng(0)
    shape = (_ROWS, model.latent_dim)
    ordinary = rng.standard_normal(shape, dtype=np.float32)
    extreme = 10 * rng.standard_normal(shape, dtype=np.float32)
    for row, value in enumerate((-5, 5, 0, -1, 1)):
        extreme[1 + row] = value
    extreme[6:9] = 0
    extreme[6:9, 0] = (-20, 20, 1e-6)  # one direction only
    return ordinary, extreme


def codes(codebook_size, code_shape):
    """Codes at random, and the same code everywhere: int32 arrays (N, *code_shape)."""
    rng = np.random.default_rng(0)
    ordinary = rng.integers(0, codebook_size, (_ROWS, *code_shape), dtype=np.int32)
    same = np.linspace(codebook_size - 1, 0, _ROWS).astype(np.int32)
    return ordinary, ordinary * 0 + same.reshape(-1, *[1] * len(code_shape))


def _cache(prior, codes, labels):
    """What a prior keeps of codes (N, T): float32 (N, tensors, heads, T, dim)."""
    from keras import ops

    from zoo.networks.cache import StaticCache

    if labels is not None:
        labels = ops.convert_to_tensor(labels)
    tensors = prior.transformer.empty_cache(len(codes), prior.length)
    for place in range(prior.length - 1):
        before = ops.convert_to_tensor(codes[:, max(place - 1, 0)])
        # Not one that grows: JAX would compile anew for each size.
        cache = StaticCache(tensors, ops.convert_to_tensor(place, "int32"))
        prior.step(before, cache, labels)
        tensors = cache.tensors
    return ops.convert_to_numpy(ops.stack(tensors, axis=1))


def _step(codes, cache, place):
    """`code` and `cache` of the step at a place."""
    return {
        "code": codes[:, max(place - 1, 0)].copy(),
        "cache": cache[:, :, :, :place].copy(),
    }


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


def golden(kind, model):
    """Feeds that a file keeps to check itself: 1 to 4 rows, about 64 KB of pixels.

    Those of an encoder lack the images, which are decoded from a decoder's.
    """
    rows = int(np.clip(65536 // (4 * np.prod(model.image_shape)), 1, 4))
    feeds = {}
    if kind == DECODER_KIND and has_codes(model):
        feeds["codes"] = latents(model)[0][:rows]
    elif kind == DECODER_KIND:
        rng = np.random.default_rng(1)
        feeds["z"] = rng.standard_normal((rows, model.latent_dim), dtype=np.float32)
    elif kind == SAMPLER_KIND:
        # Each code drawn may come close to an edge between two: the fewer the better.
        rows = 1 if has_codes(model) else rows
        feeds = _draw(rows, _GOLDEN_SEED, temperature=1)
    elif kind == PRIOR_STEP_KIND:
        rows = 1  # a cache is large
        pairs = _row_pairs(kind, model)
        given = (pairs[name][0][:rows] for name in ("codes", "cache"))
        feeds = _step(*given, place=min(2, model.prior.length - 1))
    if takes_labels(kind, model):
        feeds["labels"] = labels(model)[0][:rows]
    return feeds
