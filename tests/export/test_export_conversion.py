"""export_decoder and export_model: what they write, and what they refuse."""

import hashlib
import importlib
import json
import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import export
import zoo
from export import options


def error_to_keras(model, sampler, z):
    from keras import ops

    return np.abs(sampler.decode(z) - ops.convert_to_numpy(model.decode(z))).max()


@pytest.mark.parametrize("n", [1, 3, 17, 200])
@pytest.mark.parametrize("scale", [0, 1, 10])
def test_decoder_agrees_with_keras(model, sampler, n, scale):
    z = scale * np.random.default_rng(n).standard_normal((n, 6)).astype("float32")
    assert error_to_keras(model, sampler, z) <= 1e-5


def test_encoder_agrees_with_keras(model, sampler):
    from keras import ops

    x = np.random.default_rng(0).random((65, 16, 12, 3), dtype=np.float32)
    mean, log_var = sampler.encode(x)
    q = model.encode(x)
    np.testing.assert_allclose(mean, ops.convert_to_numpy(q.mean), atol=1e-5)
    np.testing.assert_allclose(log_var, ops.convert_to_numpy(q.log_var), atol=1e-5)


def test_samples_are_those_of_the_model(model, sampler):
    np.testing.assert_allclose(
        sampler.sample(9, temperature=0.7, seed=3),
        model.sample(9, temperature=0.7, seed=3),
        atol=1e-5,
    )


def test_report_says_what_was_written(exports, folder):
    report = exports[None]
    assert sorted(os.listdir(folder)) == [
        "README.md",
        "decoder.onnx",
        "encoder.onnx",
        "generator.onnx",
        "manifest.json",
        "sampler.onnx",
    ]
    for name, entry in report.files.items():
        data = (folder / name).read_bytes()
        assert entry.bytes == len(data)
        assert entry.sha256 == hashlib.sha256(data).hexdigest()
        assert entry.max_abs_error <= 1e-5
        assert entry.extreme_error <= 1e-4
        assert dict(entry) == entry.to_dict()
        assert entry["path"] == str(folder / name)
    assert json.dumps(report.to_dict())
    assert (
        report.sha256
        == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    )


def test_manifest_lists_inputs_outputs_and_golden_vectors(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["image_shape"] == [16, 12, 3]
    decoder = manifest["files"]["decoder.onnx"]
    assert decoder["inputs"] == {"z": {"dtype": "float32", "shape": ["batch", 6]}}
    assert decoder["outputs"] == {
        "image": {"dtype": "float32", "shape": ["batch", 16, 12, 3]}
    }
    assert set(decoder["golden"]["inputs"]) == {"z"}
    encoder = manifest["files"]["encoder.onnx"]
    assert list(encoder["outputs"]) == ["mean", "log_var"]


def test_metadata_inside_the_file(sampler):
    metadata = sampler.metadata
    assert metadata["model"] == "DenseVAE"
    assert metadata["preset"] is None  # it is not a shipped one
    assert metadata["image_shape"] == [16, 12, 3]
    assert metadata["latent_dim"] == 6
    assert metadata["value_range"] == [0, 1]
    assert metadata["latent_prior"] == "standard_normal"
    assert metadata["opset"] == 17
    assert metadata["quantize"] is None
    assert 0 < metadata["max_abs_error"] <= 1e-5
    packages = {"keras", "tensorflow", "tf2onnx", "onnx", "vae-zoo"}
    assert set(metadata["versions"]) == packages


def test_files_give_the_same_in_another_program(exports, check_elsewhere):
    for report in exports.values():
        check_elsewhere(report.path)


def test_file_is_plain_standard_onnx(folder):
    for name in ("decoder.onnx", "encoder.onnx"):
        proto = onnx.load(folder / name)
        onnx.checker.check_model(proto, full_check=True)
        assert proto.ir_version <= 10
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", 17)]
        assert not any(node.doc_string for node in proto.graph.node)
        assert "Shape" not in {node.op_type for node in proto.graph.node}


def test_readme_of_the_folder_runs_with_onnxruntime_alone(folder, sampler, monkeypatch):
    text = (folder / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: onnx\n")
    assert "`z` drawn from N(0, I)" in text and "Made with vae-zoo" in text
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    names = {}
    exec(code, names)
    np.testing.assert_allclose(names["images"], sampler.sample(16, seed=0), atol=1e-6)


@pytest.mark.parametrize(("kind", "factor"), [("fp16", 0.6), ("int8", 0.4)])
def test_quantized_weights_are_smaller_and_close(model, exports, kind, factor):
    report, full = exports[kind].files["decoder.onnx"], exports[None].files
    bits = {"fp16": "16", "int8": "8"}[kind]
    text = (Path(exports[kind].path) / "README.md").read_text()
    assert f"stored in {bits} bits" in text
    golden = 4 * 4 * 16 * 12 * 3 * 4 / 3  # base64 of four images, in every file
    assert report.bytes - golden < factor * (full["decoder.onnx"].bytes - golden)
    assert 1e-6 < report.max_abs_error <= options.TOLERANCES[kind]
    sampler = export.Sampler(report.path)
    assert sampler.metadata["quantize"] == kind
    z = np.random.default_rng(1).standard_normal((50, 6)).astype("float32")
    assert error_to_keras(model, sampler, z) <= options.TOLERANCES[kind]
    sampler.verify()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_bytes_from_every_backend(backend, model, exports, check_same_bytes):
    check_same_bytes(model, exports[None], backend)


def test_same_decoder_alone_and_in_a_folder(model, exports, tmp_path):
    report = export.export_decoder(model, tmp_path / "decoder.onnx")
    assert report.sha256 == exports[None].files["decoder.onnx"].sha256
    assert os.listdir(tmp_path) == ["decoder.onnx"]


def test_convolutional_model_in_mixed_precision(tmp_path):
    model = zoo.ConvVAE(
        (9, 11, 1), latent_dim=3, filters=(8, 8), dtype="mixed_bfloat16", seed=0
    )
    report = export.export_model(model, tmp_path / "conv", opset=18)
    assert report.max_abs_error <= 1e-5
    sampler = export.Sampler(tmp_path / "conv")
    assert sampler.metadata["opset"] == 18
    assert error_to_keras(model, sampler, np.zeros((2, 3), "float32")) < 0.05
    mean, _ = sampler.encode(np.zeros((0, 9, 11, 1)))
    assert mean.shape == (0, 3)
    drawn = report.files["sampler.onnx"]
    assert drawn.latent_error <= 1e-6
    session = onnxruntime.InferenceSession(drawn.path)
    feeds = {
        "seed": np.array(4, np.int64),
        "num_samples": np.array(5, np.int64),
        "temperature": np.array(1, np.float32),
    }
    (image,) = session.run(["image"], feeds)
    np.testing.assert_allclose(image, sampler.sample(5, seed=4), atol=1e-5)


def test_class_of_a_user_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "import keras, zoo\n"
        "@keras.saving.register_keras_serializable(package='mine')\n"
        "class MyVAE(zoo.DenseVAE): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    my_models = importlib.import_module("my_models")
    model = my_models.MyVAE((8, 8, 1), latent_dim=2, hidden_units=(4,))
    target = tmp_path / "decoder.onnx"
    export.export_decoder(model, target)
    assert export.Sampler(target).metadata["model"] == "MyVAE"
    monkeypatch.setattr(my_models.MyVAE, "__module__", "__main__")
    with pytest.raises(export.ExportError, match="move it to a module"):
        export.export_decoder(model, target, overwrite=True)


def test_failed_check_leaves_what_was_there(model, tmp_path, monkeypatch):
    target = tmp_path / "decoder.onnx"
    target.write_text("an older file")
    monkeypatch.setitem(options.TOLERANCES, None, 0.0)
    with pytest.raises(export.ExportError, match="differs from the Keras model by"):
        export.export_decoder(model, target, overwrite=True)
    assert os.listdir(tmp_path) == ["decoder.onnx"]
    assert target.read_text() == "an older file"


def test_model_with_nan_weights_is_refused(tmp_path):
    model = zoo.DenseVAE((8, 8, 1), latent_dim=2, hidden_units=(4,))
    weights = model.get_weights()
    model.set_weights([w * np.float32("nan") if w.ndim else w for w in weights])
    with pytest.raises(export.ExportError, match="numbers in"):
        export.export_decoder(model, tmp_path / "decoder.onnx", verify=False)
    assert os.listdir(tmp_path) == []


def test_existing_output_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("mine")
    for function in (export.export_decoder, export.export_model):
        for name in ("file", "folder"):
            with pytest.raises(FileExistsError, match="exists already"):
                function(model, tmp_path / name)
    with pytest.raises(FileExistsError, match="a folder, not a file"):
        export.export_decoder(model, tmp_path / "folder", overwrite=True)
    with pytest.raises(FileExistsError, match="not a folder that export_model wrote"):
        export.export_model(model, tmp_path / "folder", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_overwrite_replaces_an_earlier_export(model, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    export.export_model(model, folder, overwrite=True)
    assert export.Sampler(folder).verify()
    assert os.listdir(tmp_path) == ["out"]


def test_unwritable_output_is_refused(model, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export.export_decoder(model, tmp_path / "nowhere" / "decoder.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot be written"):
        export.export_decoder(model, tmp_path / "file" / "decoder.onnx")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_unwritable_folder_is_refused_even_for_root(model):
    with pytest.raises(OSError, match="cannot be written"):
        export.export_decoder(model, "/proc/decoder.onnx")


@pytest.mark.parametrize("function", [export.export_decoder, export.export_model])
def test_bad_arguments_are_refused(model, tmp_path, function):
    target = tmp_path / "out"
    for quantize in ("int4", 8, ["int8"]):
        with pytest.raises(ValueError, match="None, 'fp16' or 'int8'"):
            function(model, target, quantize=quantize)
    for opset in (9, 25, "17", True, None):
        with pytest.raises(ValueError, match="`opset` must be one of"):
            function(model, target, opset=opset)
    with pytest.raises(TypeError, match="got str"):
        function("dense_vae_mnist", target)
    assert os.listdir(tmp_path) == []


def test_missing_packages_are_named(tmp_path, run_python):
    code = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf2onnx"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
import export
try:
    export.export_decoder(object(), sys.argv[1])
except ImportError as error:
    print(error)
"""
    said = run_python(code, tmp_path / "decoder.onnx")
    assert "needs tensorflow, tf2onnx" in said
    assert 'pip install "vae-zoo[export]"' in said
    assert os.listdir(tmp_path) == []
