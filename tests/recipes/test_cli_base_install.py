"""What works where only numpy, onnxruntime, Typer and Pillow are installed."""

import io
import subprocess
import sys

import pytest

from recipes.commands import doctor
from recipes.common.console import Terminal
from recipes.common.presets import Preset, damage, read_preset

# All that the extras bring, made impossible to import.
WITHOUT_EXTRAS = """
import sys
blocked = {"keras", "tensorflow", "jax", "torch", "onnx", "tf2onnx", "sklearn",
           "tensorflow_datasets", "importlib_resources", "matplotlib", "tensorboard"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from recipes.commands.cli import main
try:
    main()
finally:
    assert not blocked & set(sys.modules), blocked & set(sys.modules)
"""


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a preset and its decoder."""
    import export
    import zoo

    folder = tmp_path_factory.mktemp("place")
    model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), seed=0)
    model.save_to_preset(folder / "tiny")
    export.export_decoder(model, folder / "tiny.onnx")
    model = zoo.TextVAE(4, vocabulary_size=7, latent_dim=2, units=4, seed=0)
    export.export_model(model, folder / "texts", verify=False)
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list",), "dense_vae_digits"),
        (("show", "tiny"), "DenseVAE"),
        (("verify", "tiny.onnx"), "Whole"),
        (("sample", "tiny.onnx", "--out", "tiny.png"), "64 samples: tiny.png"),
        (("verify", "texts"), "Whole"),
        (("sample", "texts", "-n", "2", "--out", "two.txt"), "2 samples: two.txt"),
        (("doctor",), 'pip install "vae-zoo[export]"'),
        (("--help",), "doctor"),
    ],
)
def test_works_without_keras(arguments, words, place):
    process = run(*arguments, cwd=place)
    assert process.returncode == 0, process.stderr
    assert words in process.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("sample", "tiny"),
        ("evaluate", "tiny"),
        ("finetune", "tiny", "--data", "digits"),
        ("train", "dense_vae_digits"),
        ("export", "tiny", "new.onnx"),
        ("demo", "--preset", "tiny"),
    ],
)
def test_says_what_to_install(arguments, place):
    process = run(*arguments, cwd=place)
    assert process.returncode == 1
    assert 'pip install "vae-zoo[tensorflow]"' in process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("import os; os.abort()", "broken: it ended with exit code -6"),
        ("raise ImportError('no libfoo')", "broken: ImportError: no libfoo"),
        ("import time; time.sleep(60)", "broken: no answer within 1 s"),
        ("import sys; sys.exit(0)", "broken: it did not answer"),
    ],
)
def test_doctor_survives_a_broken_backend(source, state, tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    limit = 1 if "sleep" in source else 60
    assert doctor.probe("jax", limit) == ("?", "?", state)


def test_doctor_tells_version_and_devices(tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text(
        "from types import SimpleNamespace as N\n"
        "__version__ = '1.2'\n"
        "devices = lambda: [N(platform='gpu', device_kind='H1'), N(platform='cpu', "
        "device_kind='cpu')]\n"
        "local_devices = devices\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor.probe("jax") == ("1.2", "H1, CPU", "works")


def test_doctor_notices_two_onnxruntimes(monkeypatch):
    console = Terminal(file=io.StringIO())
    assert doctor._one_onnxruntime(console) and console.file.getvalue() == ""
    owners = {"onnxruntime": ["onnxruntime", "onnxruntime-gpu", "onnxruntime"]}
    monkeypatch.setattr(
        doctor.importlib.metadata, "packages_distributions", lambda: owners
    )
    assert not doctor._one_onnxruntime(console)
    said = console.file.getvalue()
    assert "onnxruntime and onnxruntime-gpu overwrite each other's files" in said


def test_damage_names_the_file(place):
    preset = read_preset(place / "tiny")
    assert damage(preset) is None
    for name, words in (
        ("model.weights.h5", "model.weights.h5 is damaged"),
        ("gone.h5", "gone.h5 is missing"),
    ):
        info = {**preset.info, "sha256": {name: "0"}}
        assert damage(Preset("tiny", preset.folder, False, {}, info)) == words
