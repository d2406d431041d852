"""Running a model over many rows: small chunks, spread over Python threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Bounds the memory of intermediate results, and keeps them in the caches.
CHUNK = 64
# Below this many chunks, starting threads costs more than it saves.
_MIN_CHUNKS_FOR_THREADS = 4


def run_in_chunks(session, feeds, threads):
    """Runs `session` over rows, 64 at a time.

    Args:
        session: a `Session`.
        feeds: {input name: array (N, ...)}.
        threads: how many threads may run chunks at the same time.

    Returns:
        {output name: array (N, *row shape)}.
    """
    (rows,) = {len(array) for array in feeds.values()}
    outputs = {
        name: np.empty((rows, *value.row_shape), dtype=value.dtype)
        for name, value in session.outputs.items()
    }

    def run_one(start):
        chunk = {name: array[start : start + CHUNK] for name, array in feeds.items()}
        size = min(CHUNK, rows - start)
        if size == 1:
            # A batch of one takes other matrix kernels, which round differently; two
            # rows keep each row's result the same in whatever batch it comes.
            chunk = {name: np.repeat(array, 2, axis=0) for name, array in chunk.items()}
        for name, array in session.run(chunk).items():
            outputs[name][start : start + size] = array[:size]

    starts = range(0, rows, CHUNK)
    if threads == 1 or len(starts) < _MIN_CHUNKS_FOR_THREADS:
        for start in starts:
            run_one(start)
    else:
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            list(pool.map(run_one, starts))
    return outputs
