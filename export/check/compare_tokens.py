"""What a file must do where it writes texts.

Tokens are the same, or they are not. Yet two programs that round in other places choose
different ones, now and then, where two are as good. So tokens are judged by the model's
own probabilities of them, given those before: each must be one that its uniform number
stands for, to within a rounding. The model's own draws are judged alike, so that a file
of one that draws otherwise is refused.
"""

import numpy as np

from export.check import probes
from export.check.subject import has_labels
from export.runtime.golden import max_error
from export.runtime.signature import DECODER_KIND, NOISE, SAMPLER_KIND, UNIFORMS
from zoo import threefry
from zoo.vocabulary import END

# Of so many texts the one is kept whose numbers are furthest from edges between tokens,
# or the first that is so far.
_GOLDEN_DRAWS = 32
_GOLDEN_DISTANCE = 1e-4


def comparison(subject, all_feeds):
    """A function of one of the feeds and a file's outputs: {about: error}.

    "values" is how far tokens are from what their uniform numbers stand for, as
    `beyond_edges` says, and "latents" is of those that a sampler gives.

    Args:
        subject: a `Subject`.
        all_feeds: inputs of a decoder.onnx, a generator.onnx or a sampler.onnx, a list.
    """
    model = subject.model
    given = [_numbers(model, feeds) for feeds in all_feeds]
    made = {
        id(feeds): one for feeds, one in zip(all_feeds, _own(model, given), strict=True)
    }

    def compare(feeds, got):
        numbers, z, tokens = made[id(feeds)]
        own = beyond_edges(model, numbers, z, tokens)
        errors = {"values": max(0.0, *own)}
        if "z" in got:
            errors["latents"] = max_error(got["z"], z)
        found = beyond_edges(model, numbers, got.get("z", z), got["tokens"])
        errors["values"] = max(errors["values"], *found)
        return errors

    return compare


def golden(session, kind, subject):
    """Feeds of one text whose numbers keep away from edges, and what a file gave."""
    model = subject.model
    best, rng = np.inf, np.random.default_rng(1)
    for draw in range(_GOLDEN_DRAWS):
        feeds = _golden_feeds(kind, model, rng, draw)
        if has_labels(model):
            feeds["labels"] = probes.golden(kind, subject)["labels"][:1]
        outputs = session.run(feeds)
        numbers = _numbers(model, feeds)
        z = numbers["z"] if kind == DECODER_KIND else _latents(model, numbers)
        beyond = max(beyond_edges(model, numbers, z, outputs["tokens"]))
        if beyond < best:
            best, answer = beyond, (feeds, outputs)
        if beyond < -_GOLDEN_DISTANCE:
            break
    return answer


def _golden_feeds(kind, model, rng, draw):
    if kind == DECODER_KIND:
        return {"z": rng.standard_normal((1, model.latent_dim), np.float32)}
    temperature = {"temperature": np.array(1, np.float32)}
    if kind == SAMPLER_KIND:
        seed = np.array(probes.GOLDEN_SEED + draw, np.int64)
        return {"seed": seed, "num_samples": np.array(1, np.int64), **temperature}
    noise = rng.standard_normal((1, model.noise.normals), np.float32)
    uniforms = rng.random((1, model.noise.uniforms), np.float32)
    return {NOISE: noise, UNIFORMS: uniforms, **temperature}


def _numbers(model, feeds):
    """Inputs of a file as arrays of as many rows; a seed as its numbers."""
    numbers = dict(feeds)
    if "seed" in numbers:
        seed, rows = int(numbers.pop("seed")), int(numbers.pop("num_samples"))
        numbers[NOISE] = threefry.normals(seed, rows, model.noise.normals)
        numbers[UNIFORMS] = threefry.uniforms(seed, rows, model.noise.uniforms)
    if "z" in numbers:
        # The most probable tokens.
        numbers["temperature"] = np.float32(0)
    rows = len(numbers.get("z", numbers.get(NOISE)))
    numbers["temperature"] = np.full(rows, numbers["temperature"], np.float32)
    return numbers


def _own(model, given):
    """[(numbers, z, tokens)] of the model itself: all at once, as loops are slow."""
    names = tuple(given[0])
    stacked = [np.concatenate([numbers[name] for numbers in given]) for name in names]

    def write(*tensors):
        inputs = dict(zip(names, tensors, strict=True))
        labels = inputs.get("labels")
        if "z" in inputs:
            return inputs["z"], model.expected_images(inputs["z"], labels)
        return model.draw_latents(**inputs), model.draw(**inputs)

    name = f"texts for a comparison of {names}"
    z, tokens = model.inference.batched(name, write, *stacked)
    ends = np.cumsum([len(numbers["temperature"]) for numbers in given])[:-1]
    return list(zip(given, np.split(z, ends), np.split(tokens, ends), strict=True))


def _latents(model, numbers):
    from keras import ops

    tensors = {name: ops.convert_to_tensor(a) for name, a in numbers.items()}
    return ops.convert_to_numpy(model.draw_latents(**tensors))


def beyond_edges(model, numbers, z, tokens):
    """How far tokens are from those that should be drawn: of each text the largest.

    A token is drawn where its uniform number lies between the cumulative probabilities
    of the tokens below it and of those up to it. Positive is how far beyond the nearer
    one it lies, in probability; negative, how far within. At temperature 0 it is how
    much less than the largest logit of another the token's is, relative where that
    exceeds 1. What follows a text's end must be zeros: infinite, if it is not.

    Args:
        model: a `zoo.TextVAE`.
        numbers: `uniforms`, `temperature` (N,) and, where there are any, `labels`.
        z: latents (N, latent_dim).
        tokens: int32 (N, T).
    """

    def logits_of(tokens, z, labels=None):
        return model.logits(tokens, z[None], labels)[0]

    name = "logits for a comparison"
    given = tokens.astype(np.int32), z, numbers.get("labels")
    # A few rows at a time: of large vocabularies they are large.
    logits = model.inference.iter_batched(name, logits_of, *given, at_most=8)
    uniforms = numbers.get(UNIFORMS)
    if uniforms is not None:
        uniforms = uniforms[:, -tokens.shape[1] :]
    rows = (row for batch in logits for row in batch)
    return [
        _beyond(
            row,
            tokens[i],
            numbers["temperature"][i],
            None if uniforms is None else uniforms[i],
        )
        for i, row in enumerate(rows)
    ]


def _beyond(logits, tokens, temperature, uniforms):
    """`beyond_edges` of one text."""
    ends = np.flatnonzero(tokens == END)
    length = len(tokens) if not len(ends) else ends[0] + 1
    if tokens[length:].any():
        return np.inf
    logits = logits[:length].astype(np.float64)
    chosen = tokens[:length, None]
    if temperature == 0:
        size = np.maximum(1, np.abs(logits).max(axis=-1))
        others = logits.copy()
        np.put_along_axis(others, chosen, -np.inf, -1)
        least = np.take_along_axis(logits, chosen, -1)[:, 0]
        return float(np.max((others.max(axis=-1) - least) / size))
    logits -= logits.max(axis=-1, keepdims=True)
    p = np.exp(logits / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    up_to = np.take_along_axis(np.cumsum(p, axis=-1), chosen, -1)[:, 0]
    below = up_to - np.take_along_axis(p, chosen, -1)[:, 0]
    # Nothing lies beyond the first token, or the last.
    below = np.where(chosen[:, 0] == 0, -np.inf, below)
    up_to = np.where(chosen[:, 0] == logits.shape[-1] - 1, np.inf, up_to)
    return float(
        np.max(np.maximum(below - uniforms[:length], uniforms[:length] - up_to))
    )
