"""Exported files that several tests share: each export starts a TensorFlow process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def model():
    """A small model with enough weights to be worth quantizing."""
    import zoo

    return zoo.DenseVAE((16, 12, 3), latent_dim=6, hidden_units=(48,), seed=0)


@pytest.fixture(scope="session")
def exports(model, tmp_path_factory):
    """{quantize: ModelReport} of the small model."""
    import export

    folder = tmp_path_factory.mktemp("exports")
    return {
        quantize: export.export_model(
            model, folder / str(quantize or "float32"), quantize=quantize
        )
        for quantize in (None, "fp16", "int8")
    }


@pytest.fixture(scope="session")
def folder(exports):
    """The exported folder of the small model, in float32."""
    return Path(exports[None].path)


@pytest.fixture(scope="session")
def decoder_file(folder):
    return folder / "decoder.onnx"


@pytest.fixture(scope="session")
def sampler(folder):
    import export

    return export.Sampler(folder)


def learned(model):
    """A conditional model whose p(z|y) is far from N(0, I)."""
    rng = np.random.default_rng(0)
    for kernel in (model.prior.mean_kernel, model.prior.log_var_kernel):
        kernel.assign(rng.normal(size=kernel.shape))
    return model


CONDITIONAL = {
    "classes": {"num_classes": 5, "class_names": ["zero", "one", "two", "3", "4"]},
    "attributes": {"num_attributes": 3},
}


@pytest.fixture(scope="session", params=CONDITIONAL)
def conditional(request, tmp_path_factory):
    """A conditional model with a learned prior, its exported folder and 9 labels."""
    import export
    import zoo

    model = learned(
        zoo.ConditionalVAE(
            (16, 12, 1),
            latent_dim=5,
            hidden_units=(24,),
            prior="label_normal",
            seed=0,
            **CONDITIONAL[request.param],
        )
    )
    folder = tmp_path_factory.mktemp("conditional") / request.param
    export.export_model(model, folder)
    labels = {
        "classes": np.array([0, 4, 2, 1, 3, 3, 0, 2, 4]),
        "attributes": np.random.default_rng(1).random((9, 3)),
    }
    return Conditional(model, folder, export.Sampler(folder), labels[request.param])


class Conditional(NamedTuple):
    """What the tests of conditional models share."""

    model: object
    folder: Path
    sampler: object
    labels: np.ndarray

    @property
    def onnx_labels(self):
        """The labels in the dtype that the files want."""
        kind = np.int32 if self.labels.ndim == 1 else np.float32
        return self.labels.astype(kind)


@pytest.fixture(scope="session")
def check_elsewhere():
    """Replays a folder's golden vectors in another program: onnx's own evaluator.

    It follows the standard to the letter, one operator at a time, with NumPy. More
    programs are checked by `make test-runtimes`.
    """
    from onnx.reference import ReferenceEvaluator

    from export.runtime.golden import replay

    def check(folder, but=()):
        files = json.loads((Path(folder) / "manifest.json").read_text())["files"]
        for name, entry in files.items():
            if name in but:
                continue
            evaluator, golden = ReferenceEvaluator(f"{folder}/{name}"), entry["golden"]
            names = list(golden["outputs"])
            error = replay(
                lambda feeds, run=evaluator.run, names=names: dict(
                    zip(names, run(names, feeds), strict=True)
                ),
                golden,
            )
            assert error <= golden["tolerance"], (name, error)

    return check


@pytest.fixture(scope="session")
def run_python():
    """Runs code in a fresh process with this repository importable."""
    import os

    def run(code, *arguments, executable=sys.executable, **environment):
        process = subprocess.run(
            [str(executable), "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert process.returncode == 0, process.stderr[-3000:]
        return process.stdout.strip()

    return run


@pytest.fixture
def check_same_bytes(tmp_path, run_python):
    """Exports a model again from another backend, and compares with a report."""
    code = """
import sys, export, zoo
report = export.export_model(zoo.from_preset(sys.argv[1]), sys.argv[2])
print(report.sha256, *(entry.sha256 for entry in report.files.values()))
"""

    def check(model, report, backend):
        model.save_to_preset(tmp_path / "preset")
        out = tmp_path / backend
        digests = run_python(code, tmp_path / "preset", out, KERAS_BACKEND=backend)
        here = [report.sha256, *(entry.sha256 for entry in report.files.values())]
        assert digests.split() == here

    return check


# The explorer's page.


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    """The smallest preset, exported."""
    import export
    import zoo

    folder = tmp_path_factory.mktemp("digits") / "digits"
    export.export_model(zoo.from_preset("dense_vae_digits"), folder)
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A browser, started once."""
    import explorer_pages

    explorer_pages.check_built()
    executable = explorer_pages.find_chromium()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(explorer_pages.FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Opens a page with a browser's memory of its own."""
    import explorer_pages

    contexts = []

    def open_page(address, wait=True, **options):
        contexts.append(chromium.new_context(**options))
        return explorer_pages.Visit(contexts[-1], address, wait)

    yield open_page
    for context in contexts:
        context.close()
