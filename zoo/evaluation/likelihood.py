"""ELBO and importance-weighted likelihood of single images.

Noise is drawn with NumPy from one stream an image, so that an image's figure depends on
neither the backend nor the batch it is in.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from zoo.inference import pad_rows

# Decoded pixels in one compiled call: large enough to be efficient, small enough that
# activations stay in the cache (measured: twice as fast as four times as many).
PIXELS_PER_CALL = 2**20


def _streams(count, seed):
    """One generator of noise for each of `count` images."""
    root = np.random.SeedSequence(seed)
    return [np.random.default_rng(child) for child in root.spawn(count)]


def _noise(model, streams, draws):
    """The model's noise, float32 (draws, images, ...)."""
    return np.stack([model.draw_noise(stream, draws) for stream in streams], 1)


def _batch(array, start, size):
    """Rows of an array as a tuple to call a function with: empty for None."""
    return () if array is None else (pad_rows(array[start : start + size], size),)


def elbo(model, x, labels, seed):
    """See `zoo.VAE.elbo`; `x` and `labels` are checked already."""

    def terms_of(images, noise, labels=None):
        terms = model.elbo_terms(images, labels, noise=noise)
        return {
            "elbo": terms.elbo,
            "log_likelihood": -terms.reconstruction,
            "kl": terms.kl,
        }

    compiled = model.inference.get("elbo", terms_of)
    streams = _streams(len(x), seed)
    size = min(len(x), max(1, PIXELS_PER_CALL // int(np.prod(x.shape[1:]))))
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
    model, x, labels, num_importance_samples, batch_size, seed, skip=0
):
    """See `zoo.VAE.iter_log_marginal_likelihood`; arguments are checked already."""

    def log_weights_of(images, noise, labels=None):
        terms = model.elbo_terms(images, labels, noise=noise)
        # log p(x|z) + log p(z) - log q(z|x), (K, N)
        return terms.log_likelihood + terms.log_ratio

    compiled = model.inference.get("log_weights", log_weights_of)
    streams = _streams(len(x), seed)
    size = min(batch_size, len(x))
    pixels = size * int(np.prod(x.shape[1:]))
    chunk = min(num_importance_samples, max(1, PIXELS_PER_CALL // pixels))
    for start in range(skip, len(x), size):
        images, given = _batch(x, start, size), _batch(labels, start, size)
        batch_streams = streams[start : start + size]
        count = len(batch_streams)
        total = np.full(count, -np.inf)
        chunks = _chunks_of_noise(
            model, batch_streams, num_importance_samples, (chunk, size)
        )
        for draws, noise in _one_ahead(chunks):
            log_weights = compiled(*images, noise, *given)[:draws, :count]
            total = np.logaddexp(
                total, np.logaddexp.reduce(log_weights.astype(np.float64), axis=0)
            )
        yield total - np.log(num_importance_samples)


def _chunks_of_noise(model, streams, draws, shape):
    """Yields how many draws a chunk holds, and the chunk, padded to `shape`."""
    chunk, size = shape
    for done in range(0, draws, chunk):
        count = min(chunk, draws - done)
        noise = _noise(model, streams, count)
        if noise.shape[:2] != shape:
            noise = pad_rows(pad_rows(noise, size, axis=1), chunk)
        yield count, noise


def _one_ahead(items):
    """Yields the items of an iterator, the next one being made in a thread."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = thread.submit(next, items, None)
            yield item
