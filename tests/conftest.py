"""Settings of the whole suite, made before any test imports Keras."""

import os
import sys
from pathlib import Path

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
        "markers", "slow: left out unless -m names it, as `make test-slow` does."
    )


def pytest_collection_modifyitems(config, items):
    if "slow" in config.getoption("-m"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
