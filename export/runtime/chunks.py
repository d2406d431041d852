"""Running a model over many rows: small chunks, spread over Python threads."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

import numpy as np

from export.errors import RuntimeModelError

# With fewer rows a thread costs more to start than it saves.
_MIN_ROWS = 32


def run_in_chunks(session, feeds, threads, fixed=None):
    """Runs `session` over rows, a chunk at a time on each thread.

    Args:
        session: a `Session`.
        feeds: {input name: array (N, ...)}.
        threads: how many threads may run chunks at the same time.
        fixed: {input name: array}, inputs that are the same for all rows.

    Returns:
        {output name: array (N, *row shape)}.
    """
    (rows,) = {len(array) for array in feeds.values()}
    outputs = {
        name: np.empty((rows, *value.row_shape), dtype=value.dtype)
        for name, value in session.outputs.items()
    }

    # What is less than a chunk for every thread is shared out among them.
    most = min(session.chunk, max(_MIN_ROWS, -(-rows // threads)))

    def run_one(start):
        chunk = {name: array[start : start + most] for name, array in feeds.items()}
        count = size = min(most, rows - start)
        if size == 1 and (rows > 1 or "tokens" in outputs):
            # A batch of one may take other matrix kernels, which round differently; two
            # rows keep each row's result the same in whatever chunk it comes. An image
            # by itself may differ by a rounding, a text by all that follows a token.
            chunk = {name: np.repeat(array, 2, axis=0) for name, array in chunk.items()}
            count = 2
        for name, array in session.run({**chunk, **(fixed or {})}).items():
            wanted = (count, *outputs[name].shape[1:])
            if array.shape != wanted:
                raise RuntimeModelError(
                    f"{session.name} gave `{name}` of shape {array.shape} instead of "
                    f"{wanted}."
                )
            outputs[name][start : start + size] = array[:size]

    starts = range(0, rows, most)
    left = SimpleQueue()
    for start in starts:
        left.put(start)

    def work():
        try:
            with contextlib.suppress(Empty):
                while True:
                    run_one(left.get_nowait())
        except BaseException:
            with contextlib.suppress(Empty):
                while True:  # other threads need not go on
                    left.get_nowait()
            raise

    # The calling thread works, too: it is there already.
    helpers = min(threads, len(starts)) - 1
    if helpers < 1:
        work()
    else:
        with ThreadPoolExecutor(helpers) as pool:
            helping = [pool.submit(work) for _ in range(helpers)]
            work()
        for helper in helping:
            helper.result()
    if session.event.output in outputs:
        session.event.check_output(outputs[session.event.output], session.name)
    return outputs
