"""Attributes of a package that are imported when they are first asked for: PEP 562.

So `import zoo` costs next to nothing, and its parts that need numpy alone work where
Keras is not installed.
"""

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def attributes(
    package: str,
    modules: Collection[str],
    defined_in: Mapping[str, str],
    without_keras: Collection[str],
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of a package.

    Args:
        package: its name.
        modules: names of its modules that are attributes.
        defined_in: {name of another attribute: the module that defines it}.
        without_keras: those of both that can be had where Keras is not installed.

    Example:

    >>> from zoo import lazy
    >>> get, _ = lazy.attributes("zoo", ["threefry"], {}, ["threefry"])
    >>> get("threefry").MAX_SEED == 2**63 - 1
    True
    """

    def get(name: str) -> Any:
        if name not in modules and name not in defined_in:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if name not in without_keras:
            check_keras(f"{package}.{name}")
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        value = getattr(importlib.import_module(defined_in[name]), name)
        setattr(sys.modules[package], name, value)  # not asked for again
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules, *defined_in})

    return get, names


def check_keras(what: str) -> None:
    """Imports Keras, or says what is missing.

    Args:
        what: what needs it.

    Raises:
        ImportError: if Keras or its backend cannot be imported.
    """
    try:
        importlib.import_module("keras")
    except ImportError as error:
        raise ImportError(
            f"{what} needs Keras and the backend that KERAS_BACKEND names (TensorFlow "
            "when it is not set), but importing Keras failed with "
            f'"{error}": install one with pip install "vae-zoo[tensorflow]", '
            '"vae-zoo[jax]" or "vae-zoo[torch]", and set KERAS_BACKEND to match.'
        ) from error
