"""The API reference, from the docstrings alone: `make docs`.

Fails if a docstring names something of the project that is not there.
"""

import ast
import importlib
import os
import pkgutil
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("zoo", "export", "recipes")
BACKENDS = ("tensorflow", "jax", "torch")
# What is named in full from anywhere.
_ABSOLUTE = {*PACKAGES, "keras"}
_NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\([^`]*\))?`")


def train_steps_elsewhere():
    """Modules that the backend Keras runs on cannot import."""
    import keras

    others = {*BACKENDS} - {keras.backend.backend()}
    return {f"zoo.training.{name}" for name in others}


def documented_modules():
    """Names of all modules that the backend Keras runs on can import."""
    others = train_steps_elsewhere()
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        found = pkgutil.walk_packages(path, f"{package}.")
        for name in (package, *(module.name for module in found)):
            if name not in others:
                yield name


def broken_references(modules):
    """Sentences about names in docstrings that lead nowhere.

    Names are looked for that begin with a package of the project, with `keras`, or
    with what the docstring's module or class knows.
    """
    for name in modules:
        module = importlib.import_module(name)
        path = Path(module.__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            for reference in _NAME.findall(ast.get_docstring(node) or ""):
                if not resolves(reference, module):
                    line = getattr(node, "lineno", 1)
                    where = f"{path.relative_to(ROOT)}:{line}"
                    yield f"{where}: `{reference}` leads nowhere."


def resolves(reference, module):
    """Whether a dotted name is known, or is none of the project's to begin with."""
    first, *rest = reference.split(".")
    if first in _ABSOLUTE:
        target = importlib.import_module(first)
    elif isinstance(vars(module).get(first), type):
        target = vars(module)[first]
    else:
        return True  # of a file, of an instance, of another library
    for part in rest:
        found = _member(target, part)
        if found is None:
            return False
        target = found[0]
    return True


def _member(target, name):
    """A tuple of the member of a module or class, or None."""
    if hasattr(target, name):
        return (getattr(target, name),)
    if isinstance(target, type):
        described = any(
            name in vars(c).get("__annotations__", {})
            or re.search(rf"\b{name}\b.*:", c.__doc__ or "")
            for c in target.__mro__
        )
        return (None,) if described else None
    try:
        return (importlib.import_module(f"{target.__name__}.{name}"),)
    except (ImportError, AttributeError):
        return None


def build(folder, packages=PACKAGES):
    """Writes the pages.

    Args:
        folder: where to, made if need be.
        packages: of what.
    """
    import pdoc

    for name in ("zoo", "zoo.presets"):  # whose attributes wait to be asked for
        package = importlib.import_module(name)
        for attribute in package.__all__:
            vars(package)[attribute] = getattr(package, attribute)
    pdoc.render.configure(docformat="google", show_source=False)
    without = [f"!{name}" for name in sorted(train_steps_elsewhere())]
    pdoc.pdoc(*packages, *without, output_directory=folder)


def main():
    modules = list(documented_modules())
    broken = list(broken_references(modules))
    if broken:
        sys.exit("\n".join(broken))
    folder = ROOT / "build" / "docs"
    build(folder)
    print(f"{len(modules)} modules: {folder.relative_to(ROOT) / 'index.html'}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # tests/zoo must not be taken for zoo
    os.environ.setdefault("KERAS_BACKEND", "torch")
    main()
