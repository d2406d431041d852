"""Files that a Sampler must not load."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import export
from export.runtime import files
from export.runtime.files import add_digest, check_digest
from export.runtime.manifest import stamped


def refuse(path, message):
    with pytest.raises(export.RuntimeModelError, match=message):
        export.Sampler(path)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_flipped_bit_is_noticed(decoder_file, data):
    content = bytearray(decoder_file.read_bytes())
    # The last bytes hold the digest itself: look at them as often as at the rest.
    near_end = st.integers(len(content) - 100, len(content) - 1)
    offset = data.draw(st.one_of(st.integers(0, len(content) - 1), near_end))
    content[offset] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(export.RuntimeModelError):
        check_digest(content, "it")


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_truncation_is_noticed(decoder_file, data):
    content = decoder_file.read_bytes()
    size = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(export.RuntimeModelError):
        check_digest(content[:size], "it")
    with pytest.raises(export.RuntimeModelError):
        check_digest(content + content[:size][-5:] + b"\0", "it")


def test_damaged_files_are_refused_with_one_sentence(decoder_file, tmp_path):
    content = decoder_file.read_bytes()
    path = tmp_path / "decoder.onnx"
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 4
    path.write_bytes(flipped)
    refuse(path, "is damaged: its bytes do not match")
    for part in (content[:-1], content[: len(content) // 2], b"", b"\x89PNG\r\n"):
        path.write_bytes(part)
        refuse(path, "is not a whole ONNX file|without the `content_sha256`")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        export.Sampler(tmp_path / "nothing.onnx")


def resigned(proto, path):
    """Writes a model with a digest of its own, as an exporter would."""
    kept = [p for p in proto.metadata_props if p.key != "content_sha256"]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    path.write_bytes(add_digest(proto.SerializeToString()))
    return path


def test_foreign_model_is_refused(tmp_path):
    node = helper.make_node("Relu", ["z"], ["image"])
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 6])
        for n in ("z", "image")
    ]
    graph = helper.make_graph([node], "foreign", values[:1], values[1:])
    proto = helper.make_model(graph, ir_version=8)
    proto.opset_import[0].version = 17
    onnx.save(proto, tmp_path / "foreign.onnx")
    refuse(tmp_path / "foreign.onnx", "without the `content_sha256`")
    refuse(
        resigned(proto, tmp_path / "signed.onnx"),
        "must be a decoder or a generator in format",
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_shape", None),
        ("image_shape", "[16, 12]"),
        ("image_shape", '"x"'),
        ("image_shape", "[16, 12, -3]"),
        ("image_shape", "not json"),
        ("latent_dim", None),
        ("latent_dim", "true"),
        ("num_classes", "0"),
        ("num_classes", '"ten"'),
        ("num_attributes", "[3]"),
        ("class_names", '["a"]'),
        ("class_names", '"a"'),
        ("golden", None),
        ("golden", "[]"),
    ],
)
def test_incomplete_metadata_is_refused(decoder_file, tmp_path, key, value):
    proto = onnx.load(decoder_file)
    for entry in list(proto.metadata_props):
        if entry.key == key:
            proto.metadata_props.remove(entry)
    if value is not None:
        proto.metadata_props.add(key=key, value=value)
    refuse(resigned(proto, tmp_path / "d.onnx"), "its metadata must give")


@pytest.mark.parametrize("golden", ["{}", '{"tolerance": 1, "inputs": {"z": 3}}'])
def test_malformed_golden_vectors_are_refused(decoder_file, tmp_path, golden):
    proto = onnx.load(decoder_file)
    (entry,) = (p for p in proto.metadata_props if p.key == "golden")
    entry.value = golden
    sampler = export.Sampler(resigned(proto, tmp_path / "d.onnx"))
    with pytest.raises(export.RuntimeModelError, match="malformed golden"):
        sampler.verify()


def test_other_inputs_and_priors_are_refused(decoder_file, folder, tmp_path):
    proto = onnx.load(decoder_file)
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "noise"
    refuse(resigned(proto, tmp_path / "d.onnx"), r"has inputs \['noise'\]")
    refuse(folder / "encoder.onnx", "must be a decoder")
    proto = onnx.load(decoder_file)
    (entry,) = (p for p in proto.metadata_props if p.key == "latent_prior")
    entry.value = "vamp"
    sampler = export.Sampler(resigned(proto, tmp_path / "d.onnx"))
    with pytest.raises(export.RuntimeModelError, match="its prior is 'vamp'"):
        sampler.sample(1)
    assert sampler.decode([[0.0] * 6]).shape == (1, 16, 12, 3)


def test_labels_that_metadata_adds_are_refused(decoder_file, tmp_path):
    proto = onnx.load(decoder_file)
    proto.metadata_props.add(key="num_classes", value="10")
    refuse(resigned(proto, tmp_path / "d.onnx"), r"must have \['z', 'labels'\]")
    proto = onnx.load(decoder_file)
    for entry in proto.metadata_props:
        if entry.key == "latent_prior":
            entry.value = "label_normal"
    refuse(resigned(proto, tmp_path / "d.onnx"), "`prior_parameters` .* are damaged")


@pytest.mark.parametrize(
    "table",
    [
        "null",
        "{}",
        '{"mean": 3}',
        '{"mean": {"dtype": "float16", "shape": [1], "base64": ""}}',
    ],
)
def test_damaged_prior_is_refused(conditional, tmp_path, table):
    proto = onnx.load(conditional.folder / "decoder.onnx")
    (entry,) = (p for p in proto.metadata_props if p.key == "prior_parameters")
    entry.value = table
    refuse(resigned(proto, tmp_path / "d.onnx"), "`prior_parameters` .* are damaged")


def test_shapes_that_metadata_gets_wrong_are_refused(decoder_file, tmp_path):
    proto = onnx.load(decoder_file)
    (entry,) = (p for p in proto.metadata_props if p.key == "image_shape")
    entry.value = "[8, 8, 1]"
    refuse(
        resigned(proto, tmp_path / "d.onnx"),
        r"contradicts itself: by its metadata `image` is float32 of shape \('batch', 8",
    )


def test_broken_graph_is_refused(decoder_file, tmp_path):
    proto = onnx.load(decoder_file)
    proto.graph.node[0].input[0] = "nothing"
    refuse(resigned(proto, tmp_path / "d.onnx"), "onnxruntime cannot load")


@pytest.mark.parametrize("where", ["initializer", "attribute"])
def test_external_data_is_refused(decoder_file, tmp_path, where):
    proto = onnx.load(decoder_file)
    if where == "initializer":
        tensor = proto.graph.initializer[0]
    else:
        node = proto.graph.node.add(op_type="Constant", output=["unused"])
        tensor = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t
        tensor.dims.append(4)
        tensor.data_type = TensorProto.FLOAT
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    refuse(resigned(proto, tmp_path / "d.onnx"), "external data")


def test_large_files_are_refused(decoder_file, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2**10)
    refuse(decoder_file, "is larger than")


@pytest.fixture
def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def test_folder_without_manifest_is_refused(copied):
    os.remove(copied / "manifest.json")
    with pytest.raises(FileNotFoundError, match="holds no manifest.json"):
        export.Sampler(copied)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "\0\xff", '{"format": "other/1"}', "[" * 100_000]
)
def test_damaged_manifest_is_refused(copied, text):
    (copied / "manifest.json").write_text(text)
    refuse(copied, "is damaged or not a manifest")


def test_file_of_another_export_is_refused(copied, exports):
    other = Path(exports["fp16"].path)
    shutil.copy(other / "encoder.onnx", copied)
    sampler = export.Sampler(copied)
    with pytest.raises(export.RuntimeModelError, match="its SHA-256 differs"):
        sampler.verify()
    shutil.copy(other / "decoder.onnx", copied)
    refuse(copied, "its SHA-256 differs")
    os.remove(copied / "decoder.onnx")
    with pytest.raises(FileNotFoundError, match="lacks decoder.onnx"):
        export.Sampler(copied)


def test_manifest_names_no_files_elsewhere(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"sha256": "0" * 64}
    (copied / "manifest.json").write_text(json.dumps(stamped(manifest)))
    with pytest.raises(export.RuntimeModelError, match="does not know"):
        export.Sampler(copied).verify()


def test_a_manifest_that_was_changed_is_noticed(copied):
    path = copied / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"opset": 17', '"opset": 18'))
    refuse(copied, "it is not what its SHA-256 was taken of")
    manifest = json.loads(text)
    del manifest["sha256"]
    path.write_text(json.dumps(manifest))  # as an earlier release wrote it
    sampler = export.Sampler(copied)
    with pytest.raises(export.RuntimeModelError, match="has no SHA-256 of what it"):
        sampler.verify()


def test_rows_that_a_file_does_not_give_are_missed(decoder_file, tmp_path):
    """One image for any number of latents, which NumPy would spread over all rows."""
    proto = onnx.load(decoder_file)
    last = next(n for n in proto.graph.node if "image" in n.output)
    last.output[0] = "all"
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    proto.graph.node.append(helper.make_node("Gather", ["all", "first"], ["image"]))
    sampler = export.Sampler(resigned(proto, tmp_path / "d.onnx"))
    with pytest.raises(export.RuntimeModelError, match=r"of shape \(1, 16, 12, 3\)"):
        sampler.sample(2)


def test_a_size_named_by_no_text_is_refused(decoder_file, tmp_path):
    proto = onnx.load(decoder_file)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batchbatch"
    path = resigned(proto, tmp_path / "d.onnx")
    head = path.read_bytes()[: -len(files._ENTRY) - 64]
    path.write_bytes(add_digest(head.replace(b"batchbatch", b"batchbatc\xe1")))
    refuse(path, "names inputs, outputs or sizes by what is no text")
