"""Files that other tools changed after the export: taken in, or refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import export
from export.convert.quantize import quantize_weights
from export.runtime import restamp as restamping
from export.runtime.manifest import content_digest
from export.runtime.restamp import restamp


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def change(path, by):
    """What other tools do: load, change, and save without a digest."""
    proto = onnx.load(path)
    by(proto)
    onnx.save(proto, path)


def renamed(proto):
    for node in proto.graph.node:
        node.name = f"slim_{node.name}"


def scaled(proto):
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.ndim == 2 and array.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(3 * array, tensor.name))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_a_quantized_file_is_measured_and_taken_in(copy, sampler):
    before = manifest_of(copy)
    change(copy / "decoder.onnx", lambda proto: quantize_weights(proto, "fp16"))
    change(copy / "encoder.onnx", renamed)
    with pytest.raises(export.RuntimeModelError, match="SHA-256 differs"):
        export.Sampler(copy)
    errors = restamp(copy)
    assert errors["encoder.onnx"] == 0 and 1e-5 < errors["decoder.onnx"] < 5e-3
    assert sorted(errors) == ["decoder.onnx", "encoder.onnx"]
    after, path = manifest_of(copy), copy / "decoder.onnx"
    entry, earlier = (m["files"]["decoder.onnx"] for m in (after, before))
    assert entry["bytes"] == path.stat().st_size < 0.6 * earlier["bytes"]
    assert entry["max_abs_error"] == errors["decoder.onnx"]
    assert entry["extreme_error"] is None
    assert entry["golden"]["outputs"] == earlier["golden"]["outputs"]
    assert after["sha256"] == content_digest(after) != before["sha256"]
    assert after["files"]["sampler.onnx"] == before["files"]["sampler.onnx"]
    again = export.Sampler(copy)
    assert again.metadata["max_abs_error"] == errors["decoder.onnx"]
    found = again.verify()["files"]["decoder.onnx"]
    assert found["max_abs_error"] == errors["decoder.onnx"] < found["tolerance"] < 5e-3
    expected = sampler.sample(4, seed=1)
    np.testing.assert_allclose(again.sample(4, seed=1), expected, atol=5e-3)
    stamped = (copy / "manifest.json").read_bytes()
    assert restamp(copy) == {}
    assert (copy / "manifest.json").read_bytes() == stamped


def drop_golden(proto):
    kept = [e for e in proto.metadata_props if e.key != "golden"]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)


def add_random(proto):
    (last,) = (n for n in proto.graph.node if "image" in n.output)
    last.op_type = "RandomUniformLike"


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (scaled, r"off what it gave .* by 0\.\d+, more than the 0\.15 that is allowed"),
        (drop_golden, "its metadata must give"),
        (add_random, "the operator 'RandomUniformLike', which no decoder"),
        (
            lambda proto: proto.graph.metadata_props.add(key="by", value="x"),
            "not valid",
        ),
    ],
)
def test_what_is_not_the_model_is_refused(copy, by, words):
    change(copy / "decoder.onnx", by)
    change(copy / "encoder.onnx", renamed)
    before = {path: path.read_bytes() for path in copy.iterdir()}
    with pytest.raises(export.RuntimeModelError, match=words):
        restamp(copy)
    assert {path: path.read_bytes() for path in copy.iterdir()} == before


def test_an_interrupted_restamp_goes_on(copy, monkeypatch):
    for name in ("decoder.onnx", "encoder.onnx"):
        change(copy / name, renamed)

    def full(source, target):
        if Path(target).name == "manifest.json":
            raise OSError(28, "No space left on device")
        return replace(source, target)

    replace = restamping.os.replace
    with monkeypatch.context() as patch:
        patch.setattr(restamping.os, "replace", full)
        with pytest.raises(OSError, match="manifest.json cannot be written: No space"):
            restamp(copy)
    assert not list(copy.glob(".*"))
    assert sorted(restamp(copy)) == ["decoder.onnx", "encoder.onnx"]
    export.Sampler(copy).verify()


def test_a_manifest_without_a_digest_gets_one(copy):
    manifest = manifest_of(copy)
    del manifest["sha256"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert restamp(copy) == {}
    export.Sampler(copy).verify()


def test_other_codes_are_refused():
    class Session:
        def run(self, feeds):
            return {"codes": np.int32([[1, 499]])}

    array = {"dtype": "int32", "shape": [1, 2], "base64": "AQAAAPQBAAA="}  # 1, 500
    assert restamping._error(Session(), {"inputs": {}, "outputs": {"codes": array}}) > 1
