"""Exports in a process that has imported TensorFlow, and forks for each of them.

A fresh process, as users start, takes five seconds to import what converts. Here one
does so for all exports of a session of tests; each is still converted in a process of
its own, in which no other was. Tests of same bytes compare them with a fresh one's.
"""

import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

COMMAND = ["-m", "export.convert.conversion"]


class ForkedExports:
    """Stands where `export.convert.process` has the module `subprocess`."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    def __init__(self):
        self._server, self._environment = None, None

    def run(self, command, *, env, cwd, **options):
        """As `subprocess.run`; what is no export of this environment runs fresh."""
        python, *rest, workspace = command
        environment = {k: v for k, v in env.items() if k not in _VARIES}
        if self._server is None:
            self._environment = environment
            self._server = subprocess.Popen(
                [python, __file__],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        if (python, rest, environment) != (sys.executable, COMMAND, self._environment):
            return subprocess.run(command, env=env, cwd=cwd, **options)
        request = {"workspace": workspace, "paths": env["PYTHONPATH"]}
        print(json.dumps(request), file=self._server.stdin, flush=True)
        code, said = json.loads(self._server.stdout.readline())
        return subprocess.CompletedProcess(command, code, "", said)

    def close(self):
        """Ends the process."""
        if self._server is not None:
            self._server.stdin.close()
            self._server.wait()
            self._server.stdout.close()


# Of pytest, of each test; and where Python looks, which goes along with each request.
_VARIES = {"PYTEST_CURRENT_TEST", "PYTHONPATH", "KERAS_BACKEND"}


def serve():
    """Converts what each line of standard input names, in a fork."""
    # What is printed while others are imported is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from export.convert import conversion

    gc.freeze()  # what is imported is no garbage, and a fork is soon gone
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as said:
            if (child := os.fork()) == 0:
                os.dup2(said.fileno(), 2)
                os._exit(_convert(conversion, **request))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said.seek(0)
            text = said.read().decode(errors="replace")
        print(json.dumps([code, text]), file=answers, flush=True)


def _convert(conversion, workspace, paths):
    """The exit status of a conversion: `python -m export.convert.conversion`."""
    try:
        sys.path[:0] = [p for p in paths.split(os.pathsep) if p not in sys.path]
        os.chdir(workspace)
        conversion.main(Path(workspace))
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve()
