"""Several machines, or processes, that train one model together.

The first one writes the run. Each is two processes: one trains, and one waits for it,
since what finds a lost machine may end a process on the spot, with nothing said.
"""

import contextlib
import dataclasses
import os
import re
import select
import signal
import sys
import threading
import traceback

from recipes.common.backend import native_messages_hidden
from recipes.common.errors import one_sentence_errors, sentence

# Seconds without a sign of life after which a machine counts as lost.
LOST_AFTER = 30

# Seconds that machines wait for each other at the start.
START_WITHIN = 300

# How the backends tell of a machine that went away.
LOST = re.compile(
    r"Gloo|NCCL|Connection (closed|reset|refused)|Socket closed|heartbeat|unhealthy"
    r"|Broken pipe|failed to connect|Collective ops is aborted|coordination service",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Machines:
    """Who trains together.

    Attributes:
        addresses: "host:port" of each.
        number: which of them this one is.
    """

    addresses: tuple[str, ...]
    number: int

    @property
    def is_first(self):
        """Whether this one writes the run."""
        return self.number == 0

    @property
    def lost(self):
        """What is said when another one does not answer any more."""
        others = [a for i, a in enumerate(self.addresses) if i != self.number]
        return (
            f"A machine that trains with this one ({' or '.join(others)}) does not "
            "answer any more: start all of them again with --resume, which goes on "
            f"from the last epoch that {self.addresses[0]} finished."
        )


def read_machines(addresses, number):
    """`Machines` as the command line gives them, or None.

    Args:
        addresses: "host:port" of each, with commas between, or None.
        number: which of them this one is, from 0, or None.

    Raises:
        ValueError: for anything else.
    """
    if addresses is None and number is None:
        return None
    if addresses is None or number is None:
        raise ValueError(
            "--machines and --machine go together: the addresses of all, and which of "
            "them, from 0, this one is."
        )
    each = tuple(part.strip() for part in addresses.split(","))
    ports = [part.rpartition(":") for part in each]
    right = all(host and port.isdecimal() for host, _, port in ports)
    if not right or len(set(each)) < max(2, len(each)):
        raise ValueError(
            "--machines must be different addresses, at least two, such as "
            f"host0:1234,host1:1234; got {addresses!r}."
        )
    if not 0 <= number < len(each):
        raise ValueError(
            f"--machine must be a number from 0 to {len(each) - 1}, one for each of "
            f"{addresses}; got {number}."
        )
    return Machines(each, number)


@contextlib.contextmanager
def watched(machines, interrupted):
    """What is trained within goes on in another process, whose end is told here.

    Where there is one machine, nothing changes.

    Args:
        machines: `Machines`, or None.
        interrupted: what is said when the user interrupts.

    Yields:
        a function to call when all machines are there.

    Raises:
        SystemExit: when that process has ended, with its exit code.
        RuntimeError: if another machine did not come or was lost, or the process ended
            by a signal.
    """
    if machines is None:
        yield lambda: None
        return
    if not hasattr(os, "fork"):
        raise OSError("Several machines need a system that has `fork`, unlike Windows.")
    sys.stdout.flush()
    sys.stderr.flush()
    alive, held = os.pipe()  # by the one that waits: it reads as ended when that has
    there, tells = os.pipe()
    child = os.fork()
    if child:
        os.close(alive)
        os.close(tells)
        _wait(child, there, machines)
    os.close(held)
    os.close(there)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    code = 1
    with native_messages_hidden():  # a library's last words are pages of its stack
        try:
            with one_sentence_errors(interrupted), _plain_loss(machines):
                yield lambda: os.close(tells)
                code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        # At once: what libraries do at the end would wait for machines that are lost.
        os._exit(code)


def _wait(child, there, machines):
    """Waits for the process that trains, and ends as it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which that one is given as well
    # Libraries that wait for others hear of nothing else.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    # It can be read when the other end is closed, which the end of a process does, too.
    if not select.select([there], [], [], START_WITHIN)[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise RuntimeError(
            f"Not all of {', '.join(machines.addresses)} came within {START_WITHIN} "
            "seconds: start the same command on each of them."
        )
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        raise SystemExit(code)
    if -code == signal.SIGABRT:
        raise RuntimeError(machines.lost)
    raise RuntimeError(
        f"The process that trained was ended by {signal.Signals(-code).name}: start "
        "all machines again with --resume."
    )


def _end_with(alive):
    """Ends this process when the one that waits for it is gone."""
    os.read(alive, 1)
    os._exit(1)


@contextlib.contextmanager
def _plain_loss(machines):
    try:
        yield
    except Exception as error:
        # What follows from a loss, such as a step without end, may hide it.
        told = " ".join(map(sentence, _and_before(error)))
        if os.environ.get("VAE_ZOO_TRACEBACK") or not LOST.search(told):
            raise
        raise RuntimeError(machines.lost) from error


def _and_before(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
