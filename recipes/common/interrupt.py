"""Ctrl-C between two steps: compilers and libraries in C are not left in the middle."""

import contextlib
import os
import signal
import sys
import threading

SAID = b"\nStopping after this step; Ctrl-C again stops at once.\n"


class between_steps:
    """While this lasts, Ctrl-C waits for the next `check`; a second one does not.

    What is raised in the midst of a step may be swallowed there, or end in an error of
    a library's own. In threads other than the main one nothing changes.
    """

    def __enter__(self):
        self._asked, self._before = False, None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, *_):
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Not by `print`, in the midst of which this may be.
        with contextlib.suppress(OSError, ValueError):
            os.write(sys.__stderr__.fileno(), SAID)

    def check(self):
        """Raises KeyboardInterrupt if it was asked for."""
        if self._asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def deaf_at_the_end():
    """Afterwards Ctrl-C does nothing: libraries shut down, there is nothing to stop."""
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
