"""Everything that the documentation shows runs: README, model cards, docstrings."""

import doctest
import importlib
import importlib.util
import itertools
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import keras
import pytest
import typer

from recipes import catalog, readme
from recipes.cli import app
from recipes.recipe import RECIPES

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RECIPES_README = ROOT / "recipes" / "README.md"
CARDS = sorted((ROOT / "zoo" / "presets").glob("*/README.md"))
# Prepended to code that must not need Keras: any import of it fails.
WITHOUT_KERAS = """
import sys

for name in ("keras", "tensorflow", "jax", "torch", "zoo", "onnx"):
    sys.modules[name] = None
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


def run_in_fresh_process(source, folder, name):
    """Runs a script as a newcomer would: in a new process, outside the repository."""
    needs_keras = re.search(r"^\s*(import|from) (zoo|keras|recipes)", source, re.M)
    start = "" if needs_keras else WITHOUT_KERAS
    code = f"{start}exec(compile({source!r}, {name!r}, 'exec'), {{}})"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]


README_PYTHON = [block for block in read_blocks(README) if block.language == "python"]
README_SECTIONS = {
    title: list(blocks)
    for title, blocks in itertools.groupby(
        README_PYTHON, key=lambda block: block.heading.partition(" / ")[0]
    )
}


@pytest.mark.parametrize("title", README_SECTIONS)
def test_readme_section_runs(title, tmp_path):
    # Each sub-section in a process of its own, one folder for the whole section.
    blocks = README_SECTIONS[title]
    for _, part in itertools.groupby(blocks, key=lambda block: block.heading):
        run_in_fresh_process(python_source(part), tmp_path, "README.md")


def test_readme_deploys_without_keras():
    headings = {block.heading: block.code for block in README_PYTHON}
    for part in ("Sample it elsewhere", "Sample it with onnxruntime alone"):
        assert "zoo" not in headings[f"Deploy a decoder / {part}"]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_model_card_runs(card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [block for block in read_blocks(card) if block.language == "python"]
    assert blocks
    exec(compile(python_source(blocks), str(card), "exec"), {})


def shell_lines():
    """Every command line of a shell block, as (where, words)."""
    for path in (README, RECIPES_README, *CARDS):
        for block in read_blocks(path):
            if block.language not in ("sh", "bash", "shell", "console"):
                continue
            for line in block.code.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    yield pytest.param(words, id=f"{path.parent.name}: {line[:60]}")


def make_targets():
    text = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", text, re.M))


def check_vae_zoo(arguments):
    group = typer.main.get_command(app)
    context = group.make_context("vae-zoo", [], resilient_parsing=True)
    command = group.get_command(context, arguments[0])
    assert command is not None, f"vae-zoo has no command {arguments[0]}"
    parsed = command.make_context(arguments[0], arguments[1:], parent=context).params
    if "preset" in parsed:
        named = parsed.get("compare") or [parsed["preset"]]
        assert set(named) <= set(catalog.preset_names())
    if "recipe" in parsed:
        assert parsed["recipe"] in RECIPES


def check_pip(arguments):
    assert arguments[0] == "install"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in re.findall(r"[\w-]+", "".join(re.findall(r"\[.*\]", arguments[-1]))):
        assert extra in project["optional-dependencies"]


@pytest.mark.parametrize("words", list(shell_lines()))
def test_shell_line_is_understood(words):
    program, *arguments = words
    if program == "make":
        assert set(arguments) <= make_targets()
    elif program == "vae-zoo":
        check_vae_zoo(arguments)
    elif program == "pip":
        check_pip(arguments)
    else:
        assert words[:2] == ["python", "-m"]
        assert importlib.util.find_spec(words[2]) is not None


@pytest.mark.parametrize(
    "path",
    (README, RECIPES_README, *CARDS),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_tables_are_up_to_date():
    for path, text, expected in readme.documents():
        assert text == expected, f"{path.name}: run make readme"


def test_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="README.md must hold"):
        readme.with_presets("no table here", [])
    with pytest.raises(ValueError, match="once each"):
        readme.with_presets(f"{readme.END} {readme.BEGIN}", [])


def doctests():
    """The examples of all docstrings of all modules that this backend can import."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    shells = {f"zoo.training.{name}" for name in ("tensorflow", "jax", "torch")}
    shells.remove(f"zoo.training.{keras.backend.backend()}")
    for root in ("zoo", "recipes", "export"):
        package = importlib.import_module(root)
        found = pkgutil.walk_packages(package.__path__, f"{root}.")
        for name in (root, *(module.name for module in found)):
            if name not in shells:
                for test in finder.find(importlib.import_module(name)):
                    if test.examples:
                        yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("example", list(doctests()))
def test_docstring_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(example, out=said.append)
    assert not runner.summarize(verbose=False).failed, "".join(said)


@pytest.mark.parametrize("package", ("zoo", "export"))
def test_public_classes_and_functions_have_examples(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        item = getattr(module, name)
        makes_sense = callable(item) and not (
            isinstance(item, type)
            and (issubclass(item, Exception) or name.endswith("Report"))
        )
        if makes_sense:
            assert ">>> " in (item.__doc__ or ""), f"{package}.{name} has no example"
