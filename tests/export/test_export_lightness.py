"""The runtime in an environment of numpy and onnxruntime alone: time and memory."""

import json
import subprocess
import sys

import numpy as np
import pytest

import export
from export.runtime.sampler import Sampler


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """The Python of a virtual environment with numpy and onnxruntime."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "numpy", "onnxruntime"]
    subprocess.run(install, check=True)
    return python


@pytest.fixture(scope="session")
def mnist_sized(tmp_path_factory):
    """A decoder as large as those of the MNIST presets."""
    import zoo

    model = zoo.DenseVAE((28, 28, 1), 40, hidden_units=(400, 400), gated=True, seed=0)
    path = tmp_path_factory.mktemp("mnist") / "decoder.onnx"
    export.export_decoder(model, path)
    return path


def test_import_needs_neither_keras_nor_onnx(run_python):
    code = """
import sys, export
heavy = {"keras", "tensorflow", "jax", "torch", "onnx", "tf2onnx"}
of_zoo = {m for m in sys.modules if m.startswith("zoo.")}
print(sorted(heavy & set(sys.modules)), sorted(of_zoo))
"""
    light = "class_names", "lazy", "text", "threefry", "unfinished", "vocabulary"
    assert run_python(code) == f"[] {[f'zoo.{name}' for name in light]}"


# Peak memory is that of the process image; getrusage would count the parent's.
MEASURE = """
import time
begin = time.perf_counter()
import json, resource, sys

def megabytes():
    try:
        with open("/proc/self/status") as status:
            (line,) = (l for l in status if l.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

import export
sampler = export.Sampler(sys.argv[1])
first = sampler.sample(16)
seconds, memory = time.perf_counter() - begin, megabytes()
begin = time.perf_counter()
many = sampler.sample(4096)
more_seconds, more_memory = time.perf_counter() - begin, megabytes() - memory
sampler.verify()
print(json.dumps({
    "seconds": seconds, "megabytes": memory, "more_seconds": more_seconds,
    "more_megabytes": more_memory, "sum": float(many.sum()),
    "modules": sorted({m.split(".")[0] for m in sys.modules}),
}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory as Unix does")
def test_runtime_is_light(bare_python, mnist_sized, run_python, record_property):
    run_python(MEASURE, mnist_sized, executable=bare_python)  # writes byte code
    measured = json.loads(run_python(MEASURE, mnist_sized, executable=bare_python))
    figures = {k: round(v, 3) for k, v in measured.items() if isinstance(v, float)}
    print("import + load + 16 samples, then 4,096 more:", figures)
    for key, value in figures.items():
        record_property(key, value)
    assert measured["megabytes"] < 120
    assert measured["more_megabytes"] < 200
    assert measured["seconds"] < 5  # 0.2 s when the machine is idle
    assert not {"keras", "onnx", "PIL", "typer"} & set(measured["modules"])
    expected = Sampler(mnist_sized).sample(4096)
    assert measured["sum"] == pytest.approx(float(np.sum(expected)), rel=1e-4)


OF_TEXTS = """
import json, sys, export
sampler = export.Sampler(sys.argv[1])
texts = sampler.sample(20, seed=3)
mean, _ = sampler.encode(texts)
heavy = {"keras", "onnx", "tokenizers"} & {m.split(".")[0] for m in sys.modules}
print(json.dumps([texts, sampler.decode(mean), sampler.verify()["max_abs_error"],
                  sorted(heavy)]))
"""


def test_texts_need_no_more(bare_python, run_python, tmp_path):
    import zoo
    from zoo.vocabulary import Vocabulary

    words = Vocabulary("words", ["", "<unk>", "a", "small", "large", "cat", "dog"])
    model = zoo.TextVAE(6, latent_dim=3, units=8, vocabulary=words, seed=0)
    model.decoder.bias.assign([1.0, -99.0, *[0.0] * 5])  # texts end, and know all words
    export.export_model(model, tmp_path / "out")
    said = run_python(OF_TEXTS, tmp_path / "out", executable=bare_python)
    texts, decoded, error, heavy = json.loads(said)
    assert texts == model.to_texts(model.sample(20, seed=3)) and error < 1e-6
    assert decoded == model.to_texts(model.reconstruct(texts)) and heavy == []


def test_conversion_there_says_what_to_install(bare_python, run_python):
    code = """
import export
try:
    export.export_decoder(object(), "decoder.onnx")
except ImportError as error:
    print(error)
"""
    said = run_python(code, executable=bare_python)
    assert "needs keras, tensorflow, tf2onnx, onnx" in said
    assert 'pip install "vae-zoo[export]"' in said
