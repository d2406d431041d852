"""Running what may take long, so that a time limit and Ctrl-C end it."""

import threading
import time

import onnxruntime

# Between two looks at whether it is done: Ctrl-C is heard no later.
_MOMENT = 0.2


def run_within(seconds, session, outputs, feeds):
    """What a session of onnxruntime gives.

    Args:
        seconds: how long it may take.
        session: an `onnxruntime.InferenceSession`.
        outputs: names of what is wanted.
        feeds: {input name: array}.

    Raises:
        TimeoutError: if it takes longer.
        Exception: what onnxruntime raises.
    """
    options = onnxruntime.RunOptions()
    results, errors = [], []
    # After an interrupted `join` Python 3.11 believes a thread to be at its end.
    done = threading.Event()

    def work():
        try:
            results.append(session.run(list(outputs), feeds, options))
        except Exception as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    end = time.monotonic() + seconds
    try:
        while not done.wait(_MOMENT):
            if time.monotonic() > end:
                raise TimeoutError(f"it took longer than {seconds:g} seconds.")
    finally:  # interrupted or not: nothing goes on unseen
        options.terminate = True
        done.wait()
    if errors:
        raise errors[0]
    return results[0]
