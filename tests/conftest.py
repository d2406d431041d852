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
