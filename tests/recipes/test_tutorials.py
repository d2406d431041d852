"""The tutorials run from top to bottom, each in one folder."""

import csv
import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from markdown_blocks import (
    ROOT,
    needs_keras,
    python_source,
    read_blocks,
    run_in_folder,
    run_in_fresh_process,
    run_shell,
    vae_zoo_source,
)

import export
from export import explorer

PICK = ROOT / "recipes" / "pick_and_sample.md"
FINE_TUNE = ROOT / "recipes" / "fine_tune.md"
DEPLOY = ROOT / "export" / "deploy.md"
SERVE = ROOT / "export" / "serve.md"
ANOMALIES = ROOT / "recipes" / "find_anomalies.md"
FILL_IN = ROOT / "recipes" / "fill_in_pixels.md"
FEW_LABELS = ROOT / "recipes" / "learn_from_few_labels.md"
STYLE = ROOT / "recipes" / "sort_by_style.md"
COMPRESS = ROOT / "recipes" / "compress_a_data_set.md"
BULK = ROOT / "recipes" / "work_in_bulk.md"
SENTENCES = ROOT / "recipes" / "write_sentences.md"
# README.md runs on the backend of the other tests. This one compiles nothing.
BACKEND = {"KERAS_BACKEND": "torch"}


def can_run(block):
    """Whether a block of a shell needs nothing that is not built; in CI all is."""
    if "vae-zoo explore" not in block.code or os.environ.get("CI"):
        return True
    try:
        explorer.check_built()
    except FileNotFoundError:
        return False
    return True


def run_through(path, folder):
    """Runs blocks as a reader would: Python that follows Python in one session.

    What needs Keras shares a process until something else comes: to import it takes
    seconds.
    """
    for how, group in itertools.groupby(steps(path), key=lambda step: step[0]):
        sources = [source for _, source in group]
        if how == "shell":
            run_shell("".join(sources), folder, **BACKEND)
        else:
            run_in_fresh_process(sources, folder, path.name, **BACKEND)


def steps(path):
    """What a tutorial has a reader do, in order, as (how, source)."""
    groups = itertools.groupby(read_blocks(path), key=lambda block: block.language)
    for language, group in groups:
        if language == "python":
            source = python_source(list(group))
            yield "with Keras" if needs_keras(source) else "without", source
        elif language == "sh":
            for block in filter(can_run, group):
                lines = block.code.splitlines()
                if all(line.startswith("vae-zoo ") for line in lines):
                    yield "with Keras", vae_zoo_source(lines)
                else:
                    yield "shell", block.code
        else:
            assert language in ("cpp", "js")


TUTORIALS = [PICK, FINE_TUNE, ANOMALIES, FILL_IN, COMPRESS, FEW_LABELS, STYLE, DEPLOY]
TUTORIALS += [SERVE, BULK, SENTENCES]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_is_short_and_linked(path):
    assert len(path.read_text("utf-8").splitlines()) < 120
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"]({path.relative_to(ROOT).as_posix()})" in readme


def test_pick_and_sample(tmp_path):
    run_through(PICK, tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {"digits.png", "sevens.png", "sixteen.png", "between.png"} <= pictures


def test_fine_tune(tmp_path):
    pytest.importorskip("mlflow")
    run_through(FINE_TUNE, tmp_path)
    assert (tmp_path / "runs/photos/preset/README.md").is_file()
    assert (tmp_path / "my_model/model.weights.h5").is_file()
    assert {p.name for p in (tmp_path / "logs").iterdir() if p.is_dir()} == {
        "images",
        "latents",
    }
    assert (tmp_path / "mlflow.db").is_file()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """The folder of the tutorial on deployment, its Python run."""
    folder = tmp_path_factory.mktemp("deploy")
    run_through(DEPLOY, folder)
    return folder


def test_fill_in_pixels(tmp_path):
    run_through(FILL_IN, tmp_path)
    assert (tmp_path / "filled.png").is_file()


def test_learn_from_few_labels(tmp_path):
    run_through(FEW_LABELS, tmp_path)
    assert {"sevens.png", "styles.png"} <= {p.name for p in tmp_path.iterdir()}


def test_sort_by_style(tmp_path):
    run_through(STYLE, tmp_path)
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"fours.png", "leaning.png", "styles.png"}


def test_serve(tmp_path):
    """The service is loaded here, and run in tests/export/test_export_serving.py."""
    for name in ("mlflow", "fastapi"):
        pytest.importorskip(name)
    run_through(SERVE, tmp_path)
    assert (tmp_path / "service" / "inference_service.yaml").is_file()
    assert (tmp_path / "logged" / "MLmodel").is_file()


def test_write_sentences(tmp_path):
    run_through(SENTENCES, tmp_path)
    with open(tmp_path / "found" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["number"] == "3" and rows[0]["anomaly"] == "1" and len(rows) == 3
    assert (tmp_path / "sentences.html").is_file()
    assert list((tmp_path / "runs").glob("*/preset/README.md"))


def test_work_in_bulk(tmp_path):
    run_through(BULK, tmp_path)
    counts = {
        name: len(list((tmp_path / name).glob("part-*")))
        for name in ("drawn", "latents", "figures", "scores", "filled")
    }
    assert counts == {n: 1 if n == "filled" else 10 for n in counts}


def test_compress_a_data_set(tmp_path):
    run_through(COMPRESS, tmp_path)
    assert (tmp_path / "digits.vaez").is_file()
    assert len(list((tmp_path / "pictures").iterdir())) > 100


@pytest.fixture(scope="module")
def anomalies(tmp_path_factory):
    """The folder of the tutorial on anomalies, all but its JavaScript run."""
    folder = tmp_path_factory.mktemp("anomalies")
    run_through(ANOMALIES, folder)
    return folder


def test_the_odd_ones_are_found(anomalies):
    with open(anomalies / "found" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows[:2]} == {"07.png", "stripes.png"}
    assert [row["anomaly"] for row in rows[:2]] == ["1", "1"] and len(rows) == 51


def test_javascript_scores_as_python_does(anomalies, onnxruntime_web):
    (onnxruntime_web / "score.mjs").write_text(only_block(ANOMALIES, "js"))
    shutil.copy(anomalies / "scorer.onnx", onnxruntime_web)
    said = run_in_folder(["node", "score.mjs"], onnxruntime_web).split()
    x = np.zeros((2, 28, 28, 1), "float32")
    x[1, 12:16] = 1
    decision = export.Scorer(anomalies / "scorer.onnx").decision_function(x)
    np.testing.assert_allclose([float(n) for n in said[:2]], decision, atol=5e-3)
    assert said[2:] == ["2", "28", "28"]


def only_block(path, language):
    (block,) = (b for b in read_blocks(path) if b.language == language)
    return block.code


def test_deployed_images_are_those_of_the_preset(deployed):
    import zoo

    images = np.load(deployed / "from_python.npy")
    expected = zoo.from_preset("dense_vae_digits").sample(8, seed=0)
    np.testing.assert_allclose(images, expected, atol=1e-4)


@pytest.mark.parametrize("language", ["cpp", "js"])
def test_deployed_file_takes_what_the_programs_give(deployed, language):
    session = onnxruntime.InferenceSession(deployed / "exported" / "sampler.onnx")
    code = only_block(DEPLOY, language)
    kinds = {"int64_t": "int64", "int64": "int64", "float": "float", "float32": "float"}
    if language == "cpp":
        types = re.findall(r"CreateTensor<(\w+)>", code)
        names = re.search(r"input_names\[\] = \{(.*?)\}", code)[1]
        names = re.findall(r'"(\w+)"', names)
        output = re.search(r'output_names\[\] = \{"(\w+)"\}', code)[1]
        given = dict(zip(names, types, strict=True))
    else:
        given = dict(re.findall(r'(\w+): new ort.Tensor\("(\w+)", .*, \[\]\)', code))
        output = re.search(r"const \{ (\w+) \} = await session.run", code)[1]
    inputs = {node.name: node for node in session.get_inputs()}
    assert set(given) == set(inputs)
    for name, kind in given.items():
        assert inputs[name].type == f"tensor({kinds[kind]})"
        assert inputs[name].shape == []
    assert output in {node.name for node in session.get_outputs()}


# As much of onnxruntime's C++ API as the tutorial uses, with its types.
STUB = """
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#ifndef ORTCHAR_T
#define ORTCHAR_T char
#endif

enum OrtLoggingLevel { ORT_LOGGING_LEVEL_WARNING };
enum OrtAllocatorType { OrtArenaAllocator };
enum OrtMemType { OrtMemTypeDefault };
struct OrtMemoryInfo;

namespace Ort {
struct Env {
  Env(OrtLoggingLevel, const char*);
};
struct SessionOptions {
  SessionOptions();
};
struct RunOptions {
  RunOptions();
};
struct MemoryInfo {
  static MemoryInfo CreateCpu(OrtAllocatorType, OrtMemType);
  operator const OrtMemoryInfo*() const;
};
struct TensorTypeAndShapeInfo {
  std::vector<int64_t> GetShape() const;
};
struct Value {
  Value(const Value&) = delete;
  Value(Value&&) noexcept;
  template <typename T>
  static Value CreateTensor(const OrtMemoryInfo*, T*, size_t, const int64_t*, size_t);
  TensorTypeAndShapeInfo GetTensorTypeAndShapeInfo() const;
  template <typename T>
  const T* GetTensorData() const;
};
struct Session {
  Session(const Env&, const ORTCHAR_T*, const SessionOptions&);
  std::vector<Value> Run(const RunOptions&, const char* const*, const Value*, size_t,
                         const char* const*, size_t);
};
}  // namespace Ort
"""


def compiler():
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def headers():
    """The folder of onnxruntime's own headers, where they are installed."""
    places = ["/usr/include/onnxruntime", "/usr/local/include/onnxruntime"]
    places.insert(0, os.environ.get("ONNXRUNTIME_INCLUDE", places[0]))
    found = (Path(p) for p in places if Path(p, "onnxruntime_cxx_api.h").is_file())
    return next(found, None)


# Paths as Windows has them, and as onnxruntime takes them there.
WINDOWS = """
#include <fstream>
namespace std::filesystem {
struct path {
  path(const char*);
  const wchar_t* c_str() const;
};
}  // namespace std::filesystem
"""


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")
def test_cpp_compiles(windows, tmp_path):
    (tmp_path / "onnxruntime_cxx_api.h").write_text(STUB)
    (tmp_path / "sample.cpp").write_text(only_block(DEPLOY, "cpp"))
    options = ["-std=c++17", "-Wall", "-Werror", "-fsyntax-only", "-I", "."]
    if windows:
        (tmp_path / "filesystem").write_text(WINDOWS)
        options += ["-D", "ORTCHAR_T=wchar_t"]
    run_in_folder([compiler(), *options, "sample.cpp"], tmp_path)


@pytest.mark.skipif(compiler() is None or headers() is None, reason="needs headers")
def test_cpp_draws_the_images_of_python(deployed):
    library = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))
    (deployed / "sample.cpp").write_text(only_block(DEPLOY, "cpp"))
    command = [compiler(), "-std=c++17", "-I", headers(), "sample.cpp", "-o", "sample"]
    # Under the name that it was linked as.
    (deployed / "libonnxruntime.so.1").symlink_to(library)
    command += [library, f"-Wl,-rpath,{deployed}"]
    run_in_folder([str(word) for word in command], deployed)
    run_in_folder(["./sample"], deployed)
    start, pixels = (deployed / "from_cpp.pgm").read_bytes().split(b"\n", 1)
    assert start == b"P5 28 224 255"
    expected = np.load(deployed / "from_python.npy").reshape(-1)
    drawn = np.frombuffer(pixels, np.uint8)
    np.testing.assert_allclose(drawn, 255 * expected, atol=0.51)


@pytest.fixture(scope="module")
def onnxruntime_web(tmp_path_factory):
    """A folder in which Node finds npm's onnxruntime-web."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("node")
    options = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        process = subprocess.run(
            ["npm", "install", *options, "onnxruntime-web@1.30.0"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer")
    if process.returncode:
        pytest.skip("npm cannot install onnxruntime-web")
    return folder


def test_javascript_draws_the_images_of_python(deployed, onnxruntime_web):
    (onnxruntime_web / "sample.mjs").write_text(only_block(DEPLOY, "js"))
    shutil.copytree(deployed / "exported", onnxruntime_web / "exported")
    said = run_in_folder(["node", "sample.mjs"], onnxruntime_web).split()
    assert said[:4] == ["8", "28", "28", "1"]
    expected = np.round(255 * np.load(deployed / "from_python.npy")).sum()
    assert int(said[4]) == pytest.approx(expected, abs=20)
