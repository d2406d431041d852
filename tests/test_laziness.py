"""What `import zoo` leaves out until it is wanted, and what works without Keras."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.utils import module_utils

import zoo

ROOT = Path(__file__).resolve().parents[1]

WITHOUT_KERAS = """
import sys
blocked = {"keras", "tensorflow", "jax", "torch"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_python(code, *arguments):
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def test_threefry_and_presets_work_without_keras(tmp_path):
    code = f"""{WITHOUT_KERAS}
import json
import zoo.threefry
from zoo import presets

infos = {{name: presets.preset_info(name) for name in presets.list_presets()}}
assert zoo.list_presets is presets.list_presets
assert "from_preset" in dir(zoo) and "from_preset" in dir(presets)
assert not hasattr(zoo, "no_such_thing")
presets.update_metadata(sys.argv[1], metrics={{"elbo": -1.0}})
print(json.dumps([infos, zoo.threefry.normals(3, 2, 2).tolist()]))
"""
    preset = tmp_path / "preset"
    preset.mkdir()
    (preset / "config.json").write_text("{}")
    (preset / "metadata.json").write_text('{"format_version": 1, "sha256": {}}')
    infos, normals = json.loads(run_python(code, preset))
    assert infos == {name: zoo.preset_info(name) for name in zoo.list_presets()}
    assert normals == zoo.threefry.normals(3, 2, 2).tolist()
    written = json.loads((preset / "metadata.json").read_text())
    assert written["metrics"] == {"elbo": -1.0}


def test_import_of_zoo_brings_next_to_nothing():
    code = """
import sys
import zoo
print(sorted(m for m in sys.modules if m.partition(".")[0] in
    ("keras", "tensorflow", "jax", "torch", "numpy", "zoo")))
"""
    assert run_python(code).strip() == "['zoo', 'zoo.lazy']"


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse((ROOT / "zoo" / "__init__.py").read_text("utf-8"))
    (checking,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in checking.body for alias in node.names}
    assert sorted(seen) == sorted(zoo.__all__)
    for name, place in seen.items():
        value = getattr(zoo, name)
        expected = f"zoo.{name}" if place == "zoo" else place
        assert getattr(value, "__module__", value.__name__) == expected
        assert name in dir(zoo)


def test_tensorflow_is_not_imported_to_ask_whether_a_part_is_of_it(
    tmp_path, monkeypatch
):
    if keras.backend.backend() == "tensorflow":
        pytest.skip("it is there")

    def imported():
        raise AssertionError("TensorFlow was imported")

    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(module_utils.tensorflow, "initialize", imported)
    monkeypatch.setattr(module_utils.tensorflow, "_available", None)
    model = zoo.DenseVAE((8, 8, 1), 2, (4,))
    model.compile("adam")
    model.fit(np.zeros((8, 8, 8, 1), "float32"), verbose=0)
    model.save_to_preset(tmp_path / "preset")
    zoo.from_preset(tmp_path / "preset")
    # Whoever asks next is told.
    assert module_utils.tensorflow._available is None
