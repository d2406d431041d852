"""A learned prior over grids of codes: a file of one step draws one after another."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from export.priors.record import PriorRecord

# Caches are large: fewer rows than of `chunks`, and as fast.
CHUNK = 16
# What a temperature of 0 is taken for: the most probable code, but for exact ties.
_LEAST_TEMPERATURE = np.float32(1e-6)


def draw_codes(step, uniforms, temperature, labels, threads):
    """Codes that uniform numbers stand for, 16 rows at a time.

    Args:
        step: the `Session` of a prior_step.onnx.
        uniforms: float32 (N, T), in [0, 1).
        temperature: divides the logits, >= 0.
        labels: int32 (N,), or None.
        threads: how many threads may draw chunks at the same time.

    Returns:
        int32 array (N, T).
    """
    codes = np.empty(uniforms.shape, np.int32)

    def draw_one(start):
        rows = slice(start, start + CHUNK)
        given = None if labels is None else labels[rows]
        codes[rows] = _draw_rows(step, uniforms[rows], temperature, given)

    starts = range(0, len(codes), CHUNK)
    if threads == 1 or len(starts) == 1:
        for start in starts:
            draw_one(start)
    else:
        with ThreadPoolExecutor(min(threads, len(starts) or 1)) as pool:
            list(pool.map(draw_one, starts))
    return codes


def _draw_rows(step, uniforms, temperature, labels):
    rows, places = uniforms.shape
    if rows == 1:
        # As in `chunks`: a batch of one is rounded differently.
        labels = None if labels is None else np.repeat(labels, 2)
        return _draw_rows(step, np.repeat(uniforms, 2, axis=0), temperature, labels)[:1]
    _, tensors, heads, _, head_dim = step.inputs["cache"].shape
    codes = np.empty((rows, places), np.int32)
    feeds = {
        "code": np.zeros(rows, np.int32),
        "cache": np.zeros((rows, tensors, heads, 0, head_dim), np.float32),
    }
    if labels is not None:
        feeds["labels"] = labels
    for place in range(places):
        outputs = step.run(feeds)
        code = choose(outputs["logits"], uniforms[:, place], temperature)
        feeds.update(code=code, cache=outputs["new_cache"])
        codes[:, place] = code
    return codes


def choose(logits, uniforms, temperature):
    """Draws a code a row, by inverting its distribution function: int32 (N,).

    Args:
        logits: float32 (N, K), finite.
        uniforms: float32 (N,), in [0, 1).
        temperature: divides the logits, >= 0.

    Example:

    >>> logits = np.log(np.float32([[0.2, 0.5, 0.3]] * 3))
    >>> choose(logits, np.float32([0.1, 0.6, 0.8]), temperature=1.0).tolist()
    [0, 1, 2]
    """
    logits = logits / np.maximum(np.float32(temperature), _LEAST_TEMPERATURE)
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    below = np.cumsum(p / p.sum(axis=-1, keepdims=True), axis=-1)
    passed = below <= uniforms[:, None] * below[:, -1:]
    return passed.sum(axis=-1, dtype=np.int32)


class _Record(PriorRecord):
    """A `zoo.CodePrior` once it is trained: prior_step.onnx holds its weights."""

    name = "autoregressive_codes"
    extreme_temperatures = (10, 0, 10)  # logits are divided by it
    tolerance = 1e-5  # in cumulative probability: see `export.check.compare_codes`
    latents = "in the probabilities of its codes"

    def is_of(self, prior):
        import zoo

        return type(prior) is zoo.CodePrior and prior.is_trained

    def is_drawn_by(self, model):
        from export.check import compare_codes

        return compare_codes.draws_from_prior(model, self.tolerance)


RECORD = _Record()
