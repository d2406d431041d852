"""The built parts of the page: scripts, style, runtime and their licences."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from zoo.text import printable

FOLDER = Path(__file__).resolve().parent / "dist"
# What they are built of: in a checkout, not in a wheel.
SOURCES = FOLDER.parent / "web"
# Written last by web/build.mjs: where it is, all others are.
_VERSIONS = "versions.json"


class Assets(NamedTuple):
    """What `make explorer` built.

    Attributes:
        template: the page, with names to fill in for `string.Template`.
        style, script: what the page holds as it is.
        worker, runtime: the worker's script and onnxruntime's WebAssembly, gzipped.
        licences: of all packages that went into them, whole.
        versions: {package: version}.
    """

    template: str
    style: str
    script: str
    worker: bytes
    runtime: bytes
    licences: str
    versions: dict


def check_built():
    """Raises FileNotFoundError, saying what to do, unless the parts are there."""
    if not (FOLDER / _VERSIONS).is_file():
        raise FileNotFoundError(
            "The parts of the explorer's page are not built: run `make explorer` in "
            "the checkout of vae-zoo, which needs Node.js and npm."
        )


def build():
    """Builds the parts with npm, unless they are there: `make explorer` without make.

    Raises:
        FileNotFoundError: if there are no sources or no npm, or npm fails.
    """
    if (FOLDER / _VERSIONS).is_file() or not (SOURCES / "package.json").is_file():
        return check_built()
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            "The parts of the explorer's page are not built yet, which needs Node.js "
            "and npm: install them and run this again."
        )
    steps = [("run", "--silent", "build")]
    if not (SOURCES / "node_modules").is_dir():
        steps.insert(0, ("ci", "--loglevel=error"))
    for arguments in steps:
        done = subprocess.run(
            [npm, *arguments], cwd=SOURCES, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason"]
            raise FileNotFoundError(
                f"npm {arguments[0]} could not build the explorer's page: "
                f"{printable(said[-1])}"
            )
    check_built()


def read_assets():
    """The built parts.

    Raises:
        FileNotFoundError: if they are not built.
    """
    check_built()
    return Assets(
        template=_text("page.html"),
        style=_text("style.css"),
        script=_text("page.js"),
        worker=(FOLDER / "worker.js.gz").read_bytes(),
        runtime=(FOLDER / "runtime.wasm.gz").read_bytes(),
        licences=_text("licences.txt"),
        versions=json.loads(_text(_VERSIONS)),
    )


def _text(name):
    return (FOLDER / name).read_text(encoding="utf-8")
