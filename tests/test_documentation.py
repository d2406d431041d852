"""Everything that the documentation shows runs: README, model cards, docstrings."""

import doctest
import importlib
import importlib.util
import itertools
import pkgutil
import re
import shlex
import tomllib

import api_reference
import keras
import pytest
import typer
from markdown_blocks import (
    ROOT,
    needs_keras,
    python_source,
    read_blocks,
    run_in_fresh_process,
)

import zoo
from recipes.commands.cli import app
from recipes.documents import readme
from recipes.recipe import RECIPES
from zoo.presets import list_presets

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
RECIPES_README = ROOT / "recipes" / "README.md"
CARDS = sorted((ROOT / "zoo" / "presets").glob("*/README.md"))
PAGE = ROOT / "zoo" / "presets" / "README.md"
TUTORIALS = (
    ROOT / "recipes" / "pick_and_sample.md",
    ROOT / "recipes" / "fine_tune.md",
    ROOT / "export" / "deploy.md",
    ROOT / "export" / "serve.md",
)

README_PYTHON = [block for block in read_blocks(README) if block.language == "python"]
README_SECTIONS = {
    title: list(blocks)
    for title, blocks in itertools.groupby(
        README_PYTHON, key=lambda block: block.heading.partition(" / ")[0]
    )
}


@pytest.mark.parametrize("title", README_SECTIONS)
def test_readme_section_runs(title, tmp_path):
    # Each sub-section stands by itself, in one folder for the whole section.
    blocks = README_SECTIONS[title]
    parts = itertools.groupby(blocks, key=lambda block: block.heading)
    sources = [python_source(part) for _, part in parts]
    for _, group in itertools.groupby(sources, key=needs_keras):
        run_in_fresh_process(list(group), tmp_path, "README.md")


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
    for path in (README, CONTRIBUTING, RECIPES_README, *CARDS):
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
        assert set(named) <= set(list_presets())
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
    (
        README,
        CONTRIBUTING,
        ROOT / "CHANGELOG.md",
        RECIPES_README,
        *TUTORIALS,
        PAGE,
        *CARDS,
    ),
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


def test_names_in_docstrings_lead_somewhere():
    modules = list(api_reference.documented_modules())
    assert not list(api_reference.broken_references(modules))
    for wrong in ("zoo.no_such", "zoo.VAE.no_such", "export.Sampler.smaple"):
        assert not api_reference.resolves(wrong, zoo)
    # Lazy attributes, found classes, attributes that instances alone have.
    for right in ("zoo.VAE.fit", "zoo.priors.Flow", "export.Sampler.metadata"):
        assert api_reference.resolves(right, zoo)


def test_api_reference_shows_what_is_lazy_and_what_is_found(tmp_path):
    api_reference.build(tmp_path, ["zoo"])
    assert 'id="DenseVAE"' in (tmp_path / "zoo.html").read_text("utf-8")
    assert 'id="Flow"' in (tmp_path / "zoo" / "priors.html").read_text("utf-8")


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
