"""The clients of exported files: their versions, and how each is installed and run."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

from browser import UNAVAILABLE

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "runtimes"
WEB = ROOT / "export" / "explorer" / "web"
# For all files of all models.
_SECONDS = 3600


class Unavailable(Exception):
    """A client that cannot be had here: a sentence."""


class PythonClient(NamedTuple):
    """A runtime for Python: of this environment, or in one of its own.

    Attributes:
        name: in the table.
        engine: which of those in replay.py.
        requirements: what pip installs; none is this environment.
    """

    name: str
    engine: str
    requirements: tuple = ()

    def run(self, cases, answers):
        python = self._environment() if self.requirements else sys.executable
        command = [python, HERE / "replay.py", self.engine, cases, answers]
        _run(command)

    def _environment(self):
        """The Python of a virtual environment, made if there is none of these pins."""
        folder = BUILD / self.requirements[0].replace("==", "-")
        python, stamp = folder / "bin" / "python", folder / "requirements.json"
        wanted = json.dumps(self.requirements)
        if not stamp.is_file() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--progress-bar=off"]
            _install([*pip, "--disable-pip-version-check", *self.requirements], self)
            stamp.write_text(wanted)
        return python


class NodeClient(NamedTuple):
    """A package of npm in Node: the explorer's own, or in a folder of its own.

    Attributes:
        name: in the table.
        package: of npm.
        version: None is the one in the explorer's node_modules.
    """

    name: str
    package: str
    version: str | None = None

    def run(self, cases, answers):
        if not shutil.which("node") or not shutil.which("npm"):
            raise Unavailable("Node.js and npm are not installed.")
        folder = self._folder()
        _run(["node", HERE / "replay.mjs", self.package, folder, cases, answers])

    def _folder(self):
        if self.version is None:
            return installed_web()
        folder = BUILD / f"{self.package}-{self.version}"
        if not (folder / "node_modules" / self.package / "package.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            wanted = f"{self.package}@{self.version}"
            # Its script fetches what graphics cards need.
            npm = ["npm", "install", "--prefix", folder, "--ignore-scripts"]
            _install([*npm, "--no-audit", "--no-fund", wanted], self)
        return folder


class BrowserClient(NamedTuple):
    """onnxruntime-web on WebGPU, in headless Chromium."""

    name: str

    def run(self, cases, answers):
        packages = installed_web() / "node_modules"
        done = _run([sys.executable, HERE / "browser.py", packages, cases, answers])
        if done and done.returncode == UNAVAILABLE:
            raise Unavailable(done.stderr.strip())


# All versions but those of constraints.txt and of the explorer's package.json.
CLIENTS = (
    PythonClient("onnxruntime, this environment's", "onnxruntime"),
    PythonClient(
        "onnxruntime 1.24.4", "onnxruntime", ("onnxruntime==1.24.4", "numpy==2.4.6")
    ),
    PythonClient(
        "onnxruntime 1.21.0", "onnxruntime", ("onnxruntime==1.21.0", "numpy==2.4.6")
    ),
    NodeClient("onnxruntime-node 1.30.0", "onnxruntime-node", "1.30.0"),
    NodeClient("onnxruntime-web, WebAssembly", "onnxruntime-web"),
    BrowserClient("onnxruntime-web, WebGPU"),
    PythonClient("OpenVINO 2026.4.1", "openvino", ("openvino==2026.4.1",)),
    PythonClient("onnx's ReferenceEvaluator", "reference"),
    PythonClient("OpenCV 5.0.0", "opencv", ("opencv-python-headless==5.0.0.93",)),
    PythonClient("tract 0.23.9", "tract", ("tract==0.23.9", "numpy==2.4.6")),
)


def installed_web():
    """The folder of the explorer's packages, installed as `make explorer` does."""
    if not (WEB / "node_modules" / "onnxruntime-web").is_dir():
        if not shutil.which("npm"):
            raise Unavailable("Node.js and npm are not installed.")
        _install(["npm", "ci", "--loglevel=error", "--prefix", WEB], "onnxruntime-web")
    return WEB


def _install(command, what):
    name = getattr(what, "name", what)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{name} could not be installed: {last}")


def _run(command):
    """Runs a client; what it did not answer is missing from its answers."""
    # No packages but those of its own environment.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            list(map(str, command)),
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
