"""Settings of the whole suite, made before any test imports Keras."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# This file puts tests/ on the path, where tests/zoo must not be taken for zoo.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples on every run and every backend.
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "cross_backend: starts a process for each backend; once is enough, under any.",
    )
    config.addinivalue_line(
        "markers",
        "one_backend(why): says on others what it says on one; `make test` has it on "
        "PyTorch, the fastest.",
    )
    config.addinivalue_line(
        "markers", "slow: left out unless -m names it, as `make test-slow` does."
    )


def pytest_collection_modifyitems(config, items):
    if "slow" in config.getoption("-m"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def pytest_collection_finish():
    """What was imported stays: looking through it for garbage takes a twelfth."""
    gc.collect()
    gc.freeze()
    # Models are rings of objects: those of tests that are over are to go before long.
    gc.set_threshold(50_000, 10, 5)


@pytest.fixture(autouse=True, scope="session")
def forked_exports():
    """Exports made in this process share what they import: see the module."""
    from forked_exports import ForkedExports

    from export.convert import process

    forked = ForkedExports()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "subprocess", forked)
        yield
    forked.close()


@pytest.fixture(autouse=True, scope="module")
def no_xla_on_tensorflow(request):
    """XLA takes TensorFlow seconds a model, many times what tiny ones are trained.

    Tests of zoo/ choose for themselves.
    """
    if "tests/zoo/" in request.node.nodeid or "keras" not in sys.modules:
        yield
        return
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    from keras.src.trainers import trainer

    from zoo.training.tensorflow import TensorFlowTrainer

    with pytest.MonkeyPatch.context() as patch:
        # Of the models of the zoo, and of priors over codes.
        patch.setattr(TensorFlowTrainer, "choose_jit_compile", lambda *_: False)
        patch.setattr(trainer, "model_supports_jit", lambda _: False)
        yield
