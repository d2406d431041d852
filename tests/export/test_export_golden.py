"""Shipped presets export the graphs and weights that they did before the rebuild.

Compared is what a file computes, not what it says of itself: measured errors and golden
vectors hang on the processor.
"""

import json
from pathlib import Path

import preset_probes
import pytest

import export
import zoo

GOLDEN = json.loads(preset_probes.GOLDEN.read_text())


def check(folder, name):
    wanted = GOLDEN[name]["graphs"]
    given = {file: preset_probes.graph_digest(Path(folder) / file) for file in wanted}
    assert given == wanted


def test_graphs_of_the_smallest_preset_stay(digits_folder):
    check(digits_folder, "dense_vae_digits")


def _each_other_preset():
    # Those that draw codes take minutes to verify.
    for name in sorted(set(GOLDEN) - {"dense_vae_digits"}):
        marks = [pytest.mark.slow] if name.startswith("vq_vae") else []
        yield pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", _each_other_preset())
def test_graphs_of_all_presets_stay(name, tmp_path):
    """Verified, as users export: a file too far from its preset is refused."""
    export.export_model(zoo.from_preset(name), tmp_path / name)
    check(tmp_path / name, name)
