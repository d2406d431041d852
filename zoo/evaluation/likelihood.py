"""ELBO and importance-weighted likelihood of single images.

Noise is drawn with NumPy from one stream an image, so that an image's figure depends on
neither the backend nor the batch it is in.
"""

import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from zoo.inference import pad_rows

# Decoded pixels in one compiled call: large enough to be efficient, small enough that
# activations stay in the cache (measured: twice as fast as four times as many).
PIXELS_PER_CALL = 2**20
# While one call waits for the slower of two cores, another has work for the faster:
# measured on JAX, a quarter less time than with one call after another.
CALLS_AT_ONCE = 2


def _streams(count, seed):
    """One generator of noise for each of `count` images."""
    root = np.random.SeedSequence(seed)
    return [np.random.default_rng(child) for child in root.spawn(count)]


def _noise(model, streams, draws):
    """The model's noise, float32 (draws, images, ...)."""
    return np.stack([model.posterior_noise(stream, draws) for stream in streams], 1)


def _batch(array, start, size):
    """Rows of an array as a tuple to call a function with: empty for None."""
    return () if array is None else (pad_rows(array[start : start + size], size),)


def elbo(model, x, labels, seed):
    """See `zoo.VAE.elbo`; `x` and `labels` are checked already."""

    def terms_of(images, noise, labels=None):
        terms = model.elbo_terms(images, labels, noise=noise)
        groups = terms.groups if len(terms.groups) > 1 else ()
        return {
            "elbo": terms.elbo,
            "log_likelihood": -terms.reconstruction,
            "kl": terms.kl,
            **{f"kl_{group.spec.name}": group.kl for group in groups},
        }

    compiled = model.inference.get("elbo", terms_of)
    streams = _streams(len(x), seed)
    size = min(len(x), max(1, PIXELS_PER_CALL // model.event.cost(x.shape[1:])))
    parts = []
    for start in range(0, len(x), size):
        noise = _noise(model, streams[start : start + size], 1)
        out = compiled(
            *_batch(x, start, size),
            pad_rows(noise, size, axis=1),
            *_batch(labels, start, size),
        )
        parts.append({name: v[: len(x) - start] for name, v in out.items()})
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def iter_log_marginal_likelihood(
    model, x, labels, num_importance_samples, batch_size, seed, skip=0, with_ess=False
):
    """See `zoo.VAE.iter_log_marginal_likelihood`; arguments are checked already."""

    def log_weights_of(images, noise, labels=None):
        terms = model.elbo_terms(images, labels, noise=noise)
        # log p(x|z) + log p(z) - log q(z|x), (K, N)
        return terms.log_likelihood + terms.log_ratio

    compiled = model.inference.get("log_weights", log_weights_of)
    streams = _streams(len(x), seed)
    size = min(batch_size, len(x))
    pixels = size * model.event.cost(x.shape[1:])
    chunk = min(num_importance_samples, max(1, PIXELS_PER_CALL // pixels))

    def chunks():
        """Yields first image, how many, their images, noise and labels."""
        for start in range(skip, len(x), size):
            images, given = _batch(x, start, size), _batch(labels, start, size)
            batch_streams = streams[start : start + size]
            for done in range(0, num_importance_samples, chunk):
                draws = min(chunk, num_importance_samples - done)
                noise = _noise(model, batch_streams, draws)
                padded = pad_rows(pad_rows(noise, size, axis=1), chunk)
                yield start, noise.shape[:2], (*images, padded, *given)

    def log_sum_of_weights(start, shape, arrays):
        draws, count = shape
        log_weights = compiled(*arrays)[:draws, :count].astype(np.float64)
        log_sums = np.logaddexp.reduce(log_weights, axis=0)
        return start, log_sums, np.logaddexp.reduce(2 * log_weights, axis=0)

    results = _in_threads(log_sum_of_weights, chunks())
    for _, of_batch in itertools.groupby(results, key=lambda result: result[0]):
        _, log_sums, log_squares = zip(*of_batch, strict=True)
        total = np.logaddexp.reduce(log_sums, axis=0)
        values = total - np.log(num_importance_samples)
        if with_ess:
            squares = np.logaddexp.reduce(log_squares, axis=0)
            values = np.stack([values, np.exp(2 * total - squares)], axis=1)
        yield values


def _in_threads(function, arguments):
    """Yields what a compiled function returns, in the order of its arguments.

    Args:
        function: called with each tuple of `arguments`, by `CALLS_AT_ONCE` threads.
        arguments: iterator; a few of its items are in memory at a time.
    """
    if keras.backend.backend() == "torch":  # whose threads would hinder one another
        yield from itertools.starmap(function, arguments)
        return
    # Alone, so that it is compiled once.
    yield from itertools.starmap(function, itertools.islice(arguments, 1))
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        waiting = deque()
        try:
            for each in arguments:
                waiting.append(pool.submit(function, *each))
                if len(waiting) > CALLS_AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # left early
            for future in waiting:
                future.cancel()
