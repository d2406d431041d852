"""The inputs on which a file must agree with its model: ordinary and extreme ones."""

import numpy as np

from export import priors
from export.check import subject as subjects
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    OF_IMAGES_ALONE,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
)
from zoo.vocabulary import END

BATCHES = (1, 3, 17)
_ROWS = max(BATCHES)
# One for each batch; the last has bits in both words of the generator's key.
_SEEDS = (0, 1, 2**62 + 2**32 + 3)
GOLDEN_SEED = 2**33 + 1
# The largest float32 number that `uniforms` can be.
_LAST_UNIFORM = np.float32(1 - 2.0**-24)

# Extreme latents of a ladder, as a share of others': three deviations for ten. They
# are normal numbers, which pass through all groups and multiply rounding there.
_OF_A_ROW = 0.3


def probes(kind, subject):
    """What to compare a file on: {"ordinary": list of feeds, "extreme": the same}.

    Args:
        kind: as `export.runtime.signature.signature` takes it.
        subject: a `Subject`.
    """
    model = subject.model
    pairs = _row_pairs(kind, subject)
    record = subject.record or priors.PriorRecord
    answer = {}
    for i, extent in enumerate(("ordinary", "extreme")):
        answer[extent] = [
            {name: pair[i][:n] for name, pair in pairs.items()} for n in BATCHES
        ]
        for n, seed, extreme, feeds in zip(
            BATCHES, _SEEDS, record.extreme_temperatures, answer[extent], strict=True
        ):
            temperature = (1, _reach(model) * extreme)[i]
            if kind == SAMPLER_KIND:
                feeds.update(_draw(n, seed, temperature))
            elif kind == GENERATOR_KIND:
                feeds["temperature"] = np.array(temperature, np.float32)
            elif kind == PRIOR_STEP_KIND:
                # The first place, one in the middle and the last.
                length = model.prior.length
                place = {1: 0, 3: length // 2, 17: length - 1}[n]
                feeds.update(_step(feeds.pop("codes"), feeds["cache"], place))
    return answer


def _reach(model):
    """How far extreme latents are out, as a share of the usual."""
    return 1.0 if getattr(model, "latent_row", None) is None else _OF_A_ROW


def _row_pairs(kind, subject):
    """{input: (ordinary, extreme) rows}, for all that has rows."""
    model, pairs = subject.model, {}
    if kind == ENCODER_KIND and subjects.is_of_texts(model):
        pairs["tokens"] = texts(model.event)
    elif kind in (ENCODER_KIND, *OF_IMAGES_ALONE):
        pairs["image"] = images(model.image_shape)
    elif kind == DECODER_KIND:
        ordinary, extreme = latents(subject.group)
        if not subject.has_codes:
            extreme = extreme * np.float32(_reach(model))
        pairs[subject.latent_name] = ordinary, extreme
    elif kind == GENERATOR_KIND:
        pairs.update(_numbers(model.noise))
    elif kind == PRIOR_STEP_KIND:
        given = subjects.labels(model, _ROWS)
        pairs["codes"] = codes(subject.group.codebook_size, (model.prior.length,))
        pairs["cache"] = [
            _cache(model.prior, pairs["codes"][i], given and given[i]) for i in (0, 1)
        ]
    if takes_labels(kind, subject):
        pairs["labels"] = subjects.labels(model, _ROWS)
    return pairs


def takes_labels(kind, subject):
    """Whether a file of this kind has an input `labels`."""
    if kind in OF_IMAGES_ALONE:
        return False
    if kind in (DECODER_KIND, ENCODER_KIND):
        return subject.networks_see_labels
    return subjects.has_labels(subject.model)


def _draw(num_samples, seed, temperature):
    return {
        "seed": np.array(seed, np.int64),
        "num_samples": np.array(num_samples, np.int64),
        "temperature": np.array(temperature, np.float32),
    }


def _numbers(noise):
    """{input of a generator: (ordinary, extreme) random numbers}."""
    rng = np.random.default_rng(0)
    pairs = {}
    if noise.normals:
        shape = (_ROWS, noise.normals)
        ordinary, extreme = (rng.standard_normal(shape, np.float32) for _ in range(2))
        extreme[1], extreme[2] = 0, -2
        pairs["noise"] = ordinary, extreme
    if noise.uniforms:
        shape = (_ROWS, noise.uniforms)
        ordinary, extreme = (rng.random(shape, np.float32) for _ in range(2))
        extreme[1], extreme[2] = 0, _LAST_UNIFORM
        pairs["uniforms"] = ordinary, extreme
    return pairs


def latents(group):
    """Ordinary and extreme latents of a group: two arrays of real numbers or codes."""
    if group.is_codes:
        return codes(group.codebook_size, group.shape)
    rng = np.random.default_rng(0)
    shape = (_ROWS, group.size)
    ordinary = rng.standard_normal(shape, dtype=np.float32)
    extreme = 10 * rng.standard_normal(shape, dtype=np.float32)
    for row, value in enumerate((-5, 5, 0, -1, 1)):
        extreme[1 + row] = value
    extreme[6:9] = 0
    extreme[6:9, 0] = (-20, 20, 1e-6)  # one direction only
    return tuple(z.reshape(_ROWS, *group.shape) for z in (ordinary, extreme))


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


def texts(event):
    """Ordinary and extreme texts to compare on: int32 arrays (N, T)."""
    rng = np.random.default_rng(0)
    (length,), size = event.shape, event.vocabulary_size
    drawn = rng.integers(1, size, (_ROWS, length), dtype=np.int32)
    lengths = rng.integers(0, length + 1, (_ROWS, 1))
    lengths[:3, 0] = length, 0, 1
    ordinary = np.where(np.arange(length) < lengths, drawn, END).astype(np.int32)
    # The same token everywhere.
    same = np.linspace(size - 1, 1, _ROWS).astype(np.int32)[:, None]
    return ordinary, np.repeat(same, length, axis=1)


def golden(kind, subject):
    """Feeds that a file keeps to check itself: 1 to 4 rows, about 64 KB of pixels.

    Those of files that look at images lack these, which are decoded from latents.
    """
    model = subject.model
    rows = int(np.clip(65536 // (4 * model.event.size), 1, 4))
    # Each code drawn may come close to an edge between two: the fewer the better.
    drawn = 1 if subject.has_codes else rows
    feeds = {}
    if kind == DECODER_KIND and subject.has_codes:
        feeds["codes"] = latents(subject.group)[0][:rows]
    elif kind == DECODER_KIND:
        rng = np.random.default_rng(1)
        shape = (rows, *subject.group.shape)
        feeds["z"] = rng.standard_normal(shape, dtype=np.float32)
    elif kind == ENCODER_KIND and subjects.is_of_texts(model):
        feeds["tokens"] = texts(model.event)[0][:rows]
    elif kind == GENERATOR_KIND:
        rows = drawn
        pairs = _numbers(model.noise)
        feeds = {name: pair[0][:rows] for name, pair in pairs.items()}
        feeds["temperature"] = np.array(1, np.float32)
    elif kind == SAMPLER_KIND:
        rows = drawn
        feeds = _draw(rows, GOLDEN_SEED, temperature=1)
    elif kind == PRIOR_STEP_KIND:
        rows = 1  # a cache is large
        pairs = _row_pairs(kind, subject)
        given = (pairs[name][0][:rows] for name in ("codes", "cache"))
        feeds = _step(*given, place=min(2, model.prior.length - 1))
    if takes_labels(kind, subject):
        feeds["labels"] = subjects.labels(model, _ROWS)[0][:rows]
    return feeds
