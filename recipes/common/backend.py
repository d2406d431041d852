"""Chooses the Keras backend before Keras is imported."""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import sys

BACKENDS = ("tensorflow", "jax", "torch")


def is_installed(module):
    """Whether a package can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def installed_backends():
    """Backends whose package can be imported, in order of preference."""
    return [name for name in BACKENDS if is_installed(name)]


def choose_backend(name=None):
    """Sets KERAS_BACKEND: to `name`, or to one that is installed if it is not set.

    Returns:
        the backend's name.

    Raises:
        ValueError: for an unknown backend, or another one than Keras runs on already.
        ImportError: for one that is not installed, or if none is.
    """
    _check_name(name)
    # Of a GPU's memory what is needed, as PyTorch does; else nearly all at the start.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if "keras" in sys.modules:
        running = sys.modules["keras"].config.backend()
        if name not in (None, running):
            raise ValueError(
                f"Keras already runs on {running} in this process: choose {name!r} "
                "before Keras is imported."
            )
        return running
    installed = installed_backends()
    name = name or os.environ.get("KERAS_BACKEND") or None
    _check_name(name)
    if not is_installed("keras") or (name is None and not installed):
        raise ImportError(
            "This needs Keras with TensorFlow, JAX or PyTorch: install one with "
            'pip install "vae-zoo[tensorflow]", "vae-zoo[jax]" or "vae-zoo[torch]".'
        )
    name = name or installed[0]
    if name not in installed:
        raise ImportError(
            f'The backend {name} is not installed: pip install "vae-zoo[{name}]".'
        )
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow's start-up messages hide what matters.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return name


def start_keras(name=None):
    """Chooses the backend and imports Keras, without TensorFlow's start-up messages.

    Raises:
        ValueError, ImportError: as `choose_backend`.
    """
    choose_backend(name)
    with native_messages_hidden():
        import keras  # noqa: F401


def installed_version(module):
    """Version of an installed package, whatever distribution it came in."""
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        # Such as tensorflow from tensorflow-cpu, sklearn from scikit-learn.
        owners = importlib.metadata.packages_distributions().get(module, [])
        return importlib.metadata.version(owners[0]) if owners else "unknown"


def versions(backend):
    """Versions of what figures depend on: {package: version}."""
    packages = ("keras", backend, "numpy", "vae-zoo")
    found = {name: installed_version(name) for name in packages}
    return found | {"python": platform.python_version()}


@contextlib.contextmanager
def native_messages_hidden():
    """Hides what libraries write to stderr past Python, which no setting stops."""
    if os.environ.get("VAE_ZOO_TRACEBACK"):
        yield
        return
    saved = os.dup(2)
    python_stderr = sys.stderr
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        if sys.stderr is sys.__stderr__:
            # Python's own words, and progress, still arrive.
            sys.stderr = open(saved, "w", closefd=False, buffering=1)
        yield
    finally:
        sys.stderr = python_stderr
        os.dup2(saved, 2)
        os.close(saved)


def _check_name(name):
    if name not in (None, *BACKENDS):
        raise ValueError(
            f"There is no backend {name!r}: choose one of {', '.join(BACKENDS)}."
        )
