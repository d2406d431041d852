"""Running a model over many rows: small chunks, spread over Python threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Bounds the memory of intermediate results, and keeps them in the caches.
CHUNK = 64
# Below this many chunks, starting threads costs more than it saves.
_MIN_CHUNKS_FOR_THREADS = 4


def run_in_chunks(session, name, rows, row_shapes, threads):
    """Runs `session` over `rows`, 64 at a time.

    Args:
        session: a `Session`.
        name: its input name.
        rows: float32 array (N, ...).
        row_shapes: {output name: shape of one row}.
        threads: how many threads may run chunks at the same time.

    Returns:
        {output name: float32 array (N, *row shape)}.
    """
    outputs = {
        key: np.empty((len(rows), *shape), dtype=np.float32)
        for key, shape in row_shapes.items()
    }

    def run_one(start):
        chunk = rows[start : start + CHUNK]
        size = len(chunk)
        if size == 1:
            # A batch of one takes other matrix kernels, which round differently; two
            # rows keep each row's result the same in whatever batch it comes.
            chunk = np.repeat(chunk, 2, axis=0)
        for key, array in session.run({name: chunk}).items():
            outputs[key][start : start + size] = array[:size]

    starts = range(0, len(rows), CHUNK)
    if threads == 1 or len(starts) < _MIN_CHUNKS_FOR_THREADS:
        for start in starts:
            run_one(start)
    else:
        with ThreadPoolExecutor(min(threads, len(starts))) as pool:
            list(pool.map(run_one, starts))
    return outputs
