"""Shipped presets reach, when they are scored again, what their metadata says.

An hour for all of them: `make test-slow` runs it, `make test` does not.
"""

import json
import os
import shlex
import subprocess
import sys

import pytest

from recipes.common.presets import shipped_presets
from recipes.data import data_folder
from recipes.metrics.intervals import DEVIATIONS

PRESETS = shipped_presets()
# Noise of the draws themselves, beside that of the images.
MARGIN = 1e-3
# Of other samples, few seeds of which say how far they spread, and of a classifier that
# is trained again. So much wider.
REDRAWN_MARGIN = 4
REDRAWN = {
    "classifier_test_accuracy",
    "fid",
    "precision",
    "recall",
    "sample_label_accuracy",
}


def has_data(preset):
    name = preset.entry("dataset")["name"]
    return name in ("digits", "sprites") or (data_folder() / name).is_dir()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_stored_figures_are_those_of_a_fresh_evaluation(preset, tmp_path):
    if not has_data(preset):
        pytest.skip("needs the prepared data set: TFDS_DATA_DIR says where")
    stored = preset.entry("metrics")
    out = tmp_path / "fresh.json"
    command = shlex.split(stored["command"])
    # Other noise: figures that hang on one seed's draws would show.
    command[command.index("--seed") + 1] = str(stored["seed"] + 1)
    process = subprocess.run(
        [sys.executable, "-m", "recipes.commands.cli", *command[1:], "--out", str(out)],
        env={**os.environ, "KERAS_BACKEND": stored["backend"]},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    fresh = json.loads(out.read_text())
    compared = [n for n in stored if f"{n}_standard_error" in stored]
    assert "elbo" in compared and "nll" in compared
    if fresh.get("classifier_backend") != stored.get("classifier_backend"):
        compared = [name for name in compared if name not in REDRAWN]
    for name in compared:
        allowed = DEVIATIONS * stored[f"{name}_standard_error"]
        allowed *= REDRAWN_MARGIN if name in REDRAWN else 1
        allowed += (50 if name == "fid" else 1) * MARGIN * abs(stored[name])
        assert abs(fresh[name] - stored[name]) <= allowed, (
            f"{preset.name}: {name} is {fresh[name]}, but {stored[name]} is stored"
        )
