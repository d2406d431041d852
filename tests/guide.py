"""The examples of CONTRIBUTING.md as modules, which other processes can import."""

import importlib
import sys
from pathlib import Path

from markdown_blocks import ROOT, read_blocks

_PYTHON = [b for b in read_blocks(ROOT / "CONTRIBUTING.md") if b.language == "python"]
# {heading: its blocks}: an example, and how a model is made with it.
EXAMPLES = {
    heading: [block.code for block in _PYTHON if block.heading == heading]
    for heading in dict.fromkeys(block.heading for block in _PYTHON)
}
RECIPE = "Add a recipe"
MODELS = sorted({*EXAMPLES} - {RECIPE})


def module_name(heading):
    return f"guide_{heading.lower().replace(' ', '_')}"


def folder_of(heading):
    """Where the file of an example is that was imported."""
    return Path(sys.modules[module_name(heading)].__file__).parent


def module_of(heading, folder):
    """The example under a heading, imported from a file, of this folder at first."""
    name = module_name(heading)
    if name not in sys.modules:
        (folder / f"{name}.py").write_text(EXAMPLES[heading][0], "utf-8")
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        importlib.import_module(name)
    return sys.modules[name]


def model_of(heading, folder):
    """A new model, made as the guide says."""
    names = dict(vars(module_of(heading, folder)))
    exec(EXAMPLES[heading][1], names)
    return names["model"]
