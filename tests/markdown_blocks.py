"""The fenced blocks of a Markdown file, and how to run them as a newcomer would."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# Prepended to code that must not need Keras: any import of it fails.
WITHOUT_KERAS = """
import sys

for name in ("keras", "tensorflow", "jax", "torch", "onnx"):
    sys.modules[name] = None
"""
VAE_ZOO = """
import sys
from recipes.commands.cli import app

def run(words):
    sys.argv = words
    try:
        app()
    except SystemExit as end:
        assert not end.code, words

"""


class Block(NamedTuple):
    """A fenced block of a Markdown file."""

    heading: str
    language: str
    code: str
    line: int


def read_blocks(path):
    """All fenced blocks of a Markdown file, each under its full heading."""
    heading, level_2, block, blocks = "", "", None, []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if block is None and line.startswith("```"):
            block = (line[3:].strip(), number, [])
        elif block is not None and line.startswith("```"):
            language, start, lines = block
            blocks.append(Block(heading, language, "\n".join(lines) + "\n", start))
            block = None
        elif block is not None:
            block[2].append(line)
        elif line.startswith("## "):
            heading = level_2 = line[3:]
        elif line.startswith("### "):
            heading = f"{level_2} / {line[4:]}"
    assert block is None, f"{path.name}: the block of line {block[1]} does not end"
    return blocks


def python_source(blocks):
    """The blocks' code as one script, whose line numbers are those of the file."""
    lines = []
    for block in blocks:
        lines += [""] * (block.line - len(lines)) + block.code.splitlines()
    return "\n".join(lines) + "\n"


def needs_keras(source):
    """Whether a script says that it does; any other must do without."""
    return bool(
        re.search(r"^\s*(import|from) (zoo|keras|recipes|onnx)\b", source, re.M)
    )


def run_in_fresh_process(sources, folder, name, **environment):
    """Runs scripts in a new process, outside the repository; returns their output.

    None sees the names of another. Either all need Keras or none.
    """
    start = "" if needs_keras(sources[0]) else WITHOUT_KERAS
    runs = [f"exec(compile({source!r}, {name!r}, 'exec'), {{}})" for source in sources]
    code = start + "\n".join(runs)
    return run_in_folder([sys.executable, "-c", code], folder, **environment)


def vae_zoo_source(lines):
    """Lines of a shell that call `vae-zoo` as a script that runs its commands."""
    calls = [f"run({shlex.split(line)!r})" for line in lines]
    return VAE_ZOO + "\n".join(calls) + "\n"


def run_shell(code, folder, **environment):
    """Runs lines of a shell, in which `python` and `vae-zoo` are those under test."""
    command = ["bash", "-euo", "pipefail", "-c", code]
    return run_in_folder(command, folder, **environment)


def run_in_folder(command, folder, **environment):
    """Runs a command that must succeed; returns what it printed."""
    scripts = Path(sys.executable).parent
    process = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout
