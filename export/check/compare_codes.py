"""What a file must do where latents are codes.

Codes are whole numbers: they are the same, or they are not. Yet two programs that round
in other places choose different ones, now and then, where two codes are as good. So the
codes of a sampler are judged by the model's own probabilities of them, given the file's
codes before: each must be one that its uniform number stands for, to within a rounding.
Images are compared with those of the file's own codes.
"""

import numpy as np

from export.runtime.golden import max_error

# Draws that a model's own `draw_latents` is tried on.
_TRIED_ROWS = 4

# How far the uniforms of stored draws keep from the edges between codes, so that every
# machine draws the same.
_GOLDEN_DISTANCE = 1e-4
_GOLDEN_DRAWS = 50


def step_comparison(model):
    """A function of a prior_step.onnx's inputs and outputs: {"values": error}.

    Errors are as `_error_of_sums` says.
    """
    from keras import ops

    from zoo.networks.cache import DynamicCache

    def compare(feeds, got):
        tensors = ops.unstack(ops.convert_to_tensor(feeds["cache"]), axis=1)
        cache = DynamicCache(tensors)
        code = ops.convert_to_tensor(feeds["code"])
        logits = model.prior.step(code, cache, _tensor(feeds.get("labels")))
        expected = {"logits": logits, "new_cache": ops.stack(cache.tensors, axis=1)}
        return {
            "values": max(
                _error_of_sums(got[name], ops.convert_to_numpy(value))
                for name, value in expected.items()
            )
        }

    return compare


def draw_comparison(model):
    """A function of a sampler's inputs and outputs: {about: error}.

    "values" is of images, and "latents" how far codes are from what their uniforms
    stand for, as `beyond_edges` says.
    """
    from keras import ops

    def compare(feeds, got):
        image = model.expected_images(ops.convert_to_tensor(got["codes"]))
        error = max(0.0, beyond_edges(model, feeds, got["codes"]))
        values = max_error(got["image"], ops.convert_to_numpy(image))
        return {"values": values, "latents": error}

    return compare


def draws_from_prior(model, tolerance):
    """Whether `draw_latents` draws as a prior_step.onnx of `model.prior` does."""
    from keras import ops

    from export.check.subject import labels
    from zoo import threefry

    if model.noise != (0, model.prior.length):
        return False
    given = labels(model, _TRIED_ROWS)
    for seed, temperature in ((5, 1.0), (6, 0.5)):
        u = threefry.uniforms(seed, _TRIED_ROWS, model.prior.length)
        feeds = {"seed": seed, "temperature": temperature}
        feeds["labels"] = None if given is None else given[0]
        codes = model.draw_latents(
            uniforms=ops.convert_to_tensor(u),
            temperature=temperature,
            labels=_tensor(feeds["labels"]),
        )
        if beyond_edges(model, feeds, ops.convert_to_numpy(codes)) > tolerance:
            return False
    return True


def beyond_edges(model, feeds, codes):
    """How far codes are from those that a sampler should draw: the largest of all.

    A code is drawn where its uniform number lies between the cumulative probabilities
    of the codes below it and of those up to it. Positive is how far beyond the nearer
    one it lies, in probability; negative, how far within. At temperature 0 it is how
    much less than the largest logit the code's is, relative where that exceeds 1.

    Args:
        model: with a `zoo.CodePrior`.
        feeds: inputs of a sampler.
        codes: int32 (num_samples, *code_shape), which it gave.
    """
    from keras import ops

    from zoo import threefry

    logits = model.prior(ops.convert_to_tensor(codes), _tensor(feeds.get("labels")))
    logits = ops.convert_to_numpy(logits).astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    chosen = codes.reshape(*logits.shape[:2], 1)
    temperature = float(feeds["temperature"])
    if temperature == 0:
        size = np.maximum(1, np.abs(logits).max(axis=-1, keepdims=True))
        return float(np.max(-np.take_along_axis(logits, chosen, -1) / size))
    p = np.exp(logits / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    up_to = np.take_along_axis(np.cumsum(p, axis=-1), chosen, -1)[..., 0]
    below = up_to - np.take_along_axis(p, chosen, -1)[..., 0]
    u = threefry.uniforms(int(feeds["seed"]), len(codes), model.prior.length)
    # Nothing lies beyond the first code, or the last.
    below = np.where(chosen[..., 0] == 0, -np.inf, below)
    up_to = np.where(
        chosen[..., 0] == model.latents[0].codebook_size - 1, np.inf, up_to
    )
    return float(np.max(np.maximum(below - u, u - up_to)))


def golden_draw(session, model, feeds):
    """Feeds of a draw whose uniforms keep away from edges, and what it gave.

    Of a large codebook, whose edges are dense, the draw that keeps furthest away.
    """
    best = np.inf
    for seed in range(_GOLDEN_DRAWS):
        tried = {**feeds, "seed": np.array(feeds["seed"] + seed)}
        got = session.run(tried)
        beyond = beyond_edges(model, tried, got["codes"])
        if beyond < best:
            best, answer = beyond, (tried, got)
        if beyond < -_GOLDEN_DISTANCE:
            break
    return answer


def _error_of_sums(got, expected):
    """The largest |got - expected|, relative to the largest value where that exceeds 1.

    Sums of large numbers that nearly cancel keep the rounding of the large ones.
    """
    size = np.float32(max(1.0, np.abs(expected).max(initial=0.0)))
    return max_error(got / size, expected / size)


def _tensor(labels):
    from keras import ops

    return None if labels is None else ops.convert_to_tensor(labels)
