"""ONNX files that somebody made to do harm, with a digest as the exporter writes it."""

import _thread
import io
import multiprocessing
import pickle
import signal
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import export
from export.runtime.contents import inspect
from export.runtime.files import add_digest
from export.runtime.memory import limit_memory
from export.runtime.operators import COMPUTING
from export.runtime.patience import run_within
from export.shipped import shipped_preset

FLOAT = TensorProto.FLOAT


def varint(value, longer=0):
    """A number as protobuf writes it, with so many bytes more than it needs."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    for _ in range(longer):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def field(number, kind, content=b""):
    """A field of a message; of bytes with their length before them."""
    length = varint(len(content)) if kind == 2 else b""
    return varint(number << 3 | kind) + length + content


def secret(location="secret.bin"):
    """A tensor whose numbers are in another file."""
    tensor = TensorProto(name="secret", dims=[4], data_type=FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def node(op, *inputs, outputs=("unused",), **attributes):
    return helper.make_node(op, inputs, list(outputs), **attributes)


def body(*nodes, outputs=("going",)):
    values = [helper.make_tensor_value_info(n, FLOAT, []) for n in outputs]
    return helper.make_graph(list(nodes), "inner", [], values)


def append(*made):
    """Puts nodes at the end of the graph."""
    return lambda proto: proto.graph.node.extend(made)


def change(what):
    """A change of the proto, as a lambda cannot hold a statement."""
    return lambda proto: exec(what, {"proto": proto, "secret": secret, "onnx": onnx})


def metadata(key, value):
    def write(proto):
        kept = [entry for entry in proto.metadata_props if entry.key != key]
        del proto.metadata_props[:]
        proto.metadata_props.extend(kept)
        proto.metadata_props.add(key=key, value=value)

    return write


def nested(depth):
    inner = body(node("Neg", "z", outputs=["going"]))
    for _ in range(depth):
        inner = body(node("If", "c", outputs=["going"], then_branch=inner))
    return node("If", "c", then_branch=inner)


def deep(levels):
    """A node of a graph in a node of a graph in ..."""
    content = b""
    for _ in range(levels):
        inner = field(1, 2, b"g") + field(6, 2, content) + field(20, 0, b"\x05")
        content = field(1, 2, field(4, 2, b"If") + field(5, 2, inner))
    return content


LOCATION = field(13, 2, field(1, 2, b"location") + field(2, 2, b"secret.bin"))
EXTERNAL = field(8, 2, b"s") + LOCATION + field(14, 0, b"\x01")

# Of the proto: what a library that writes ONNX can do.
PROTOS = {
    "initializer elsewhere": change("proto.graph.initializer.append(secret())"),
    "absolute path": change("proto.graph.initializer.append(secret('/etc/passwd'))"),
    "path upwards": change("proto.graph.initializer.append(secret('../../x'))"),
    "constant elsewhere": append(node("Constant", value=secret())),
    "constants elsewhere": change(
        "proto.graph.node.add(op_type='Relu').attribute.add(name='v')"
        ".tensors.append(secret())"
    ),
    "elsewhere in a subgraph": append(
        node("If", "c", then_branch=body(node("Constant", value=secret())))
    ),
    "location without a mark": change(
        "t = proto.graph.initializer.add(); t.CopyFrom(secret()); t.data_location = 0"
    ),
    "mark without a location": change(
        "proto.graph.initializer.add(data_location=1, data_type=1)"
    ),
    "sparse weights": change("proto.graph.sparse_initializer.add().dims.append(4)"),
    "sparse attribute": change(
        "proto.graph.node.add(op_type='Constant').attribute.add(name='s')"
        ".sparse_tensor.dims.append(4)"
    ),
    "function": change("proto.functions.add(name='Relu', domain='')"),
    "function elsewhere": change(
        "proto.functions.add(name='f').node.add(op_type='Constant').attribute"
        ".add(name='value').t.CopyFrom(secret())"
    ),
    "training": change("proto.training_info.add()"),
    "quantization": change("proto.graph.quantization_annotation.add()"),
    "referenced attribute": change(
        "proto.graph.node[0].attribute.add(name='a', ref_attr_name='b')"
    ),
    "sequence": change(
        "proto.graph.input.add(name='s').type.sequence_type.SetInParent()"
    ),
    "optional": change(
        "proto.graph.input.add(name='s').type.optional_type.SetInParent()"
    ),
    "other domain": change(
        "proto.graph.node.add(op_type='Relu', domain='com.microsoft')"
    ),
    "operator of a library": change(
        "proto.graph.node.add(op_type='Run', domain='ai.onnx.contrib')"
    ),
    "unknown operator": append(node("System", "z")),
    "random": append(node("RandomNormal", shape=[4])),
    "text": append(node("StringNormalizer", "z")),
    "If": append(node("If", "c", then_branch=body())),
    "Scan": append(node("Scan", "z", body=body(), num_scan_inputs=1)),
    "Loop": append(node("Loop", "", "c", body=body())),
    "deep": append(nested(20)),
    "wild name": change("proto.graph.node[0].op_type = '\\x1b[31mRelu'"),
    "metadata twice": change("proto.metadata_props.add(key='kind', value='encoder')"),
    "path as preset": metadata("preset", "../../here"),
    "folder as preset": metadata("preset", "/tmp/here"),
    "code as preset": metadata("preset", 'x"); import os; ("'),
    "escape as preset": metadata("preset", "\x1b]0;x\x07"),
    "markup as model": metadata("model", "<script>alert(1)</script>"),
    "line as prior": metadata("latent_prior", "a\nb"),
    "escape as version": metadata("versions", '{"keras": "\\u001b[2J"}'),
    "list as versions": metadata("versions", "[1]"),
    "number as version": metadata("versions", '{"keras": 3}'),
    "deep metadata": metadata("versions", "[" * 100_000),
}

# Of the bytes: what no library writes. Each is put behind the rest of the model.
BYTES = {
    "longer tag": varint(7 << 3 | 2, 1) + varint(0),
    "tag of a dropped bit": varint((1 << 32) | 7 << 3 | 2) + varint(0),
    "longer length": varint(7 << 3 | 2) + varint(0, 1),
    "longer number": field(1, 0, varint(8, 1)),
    "number without an end": field(1, 0, b"\xff" * 11),
    "second graph": field(7, 2, b""),
    "second version": field(1, 0, varint(8)),
    "graph as a number": field(7, 0, varint(3)),
    "unknown field": field(99, 2, b"x"),
    "field 0": field(0, 2, b"x"),
    "group": field(7, 3) + field(7, 4),
    "wire type 6": field(7, 6),
    "shorter than it says": field(8, 2, b"")[:-1] + varint(5),
}

# Bytes of a graph that no library writes.
GRAPHS = {
    "hidden tensor": varint(5 << 3 | 2, 1) + varint(len(EXTERNAL)) + EXTERNAL,
    "tensor of a dropped bit": varint((1 << 32) | 5 << 3 | 2)
    + varint(len(EXTERNAL))
    + EXTERNAL,
    "hidden location": field(5, 2, varint(13 << 3 | 2, 1) + varint(0)),
    "two marks": field(5, 2, field(14, 0, b"\x01") + field(14, 0, b"\x00")),
    "mark of 2": field(5, 2, field(14, 0, b"\x02")),
    "tensor of unknown fields": field(5, 2, field(99, 0, b"\x01")),
    "segment": field(5, 2, field(3, 2, b"")),
    "deep": deep(100),
    "deeper": deep(5000),
    "name twice": field(2, 2, b"a") + field(2, 2, b"b"),
}


@pytest.fixture
def refused(monkeypatch, tmp_path):
    """Opens bytes, which must be refused before onnxruntime sees them."""

    def never(*arguments, **options):
        raise AssertionError("onnxruntime was given the file")

    monkeypatch.setattr(onnxruntime, "InferenceSession", never)

    def open_it(data):
        for source in (add_digest(data), tmp_path / "decoder.onnx"):
            if not isinstance(source, bytes):
                source.write_bytes(add_digest(data))
            with pytest.raises(export.RuntimeModelError) as caught:
                export.Sampler(source)
            text = str(caught.value)
            assert text.isprintable() and len(text) < 1000

    return open_it


def unsigned(decoder_file):
    proto = onnx.load(decoder_file)
    (entry,) = (p for p in proto.metadata_props if p.key == "content_sha256")
    proto.metadata_props.remove(entry)
    return proto


@pytest.mark.parametrize("name", PROTOS)
def test_models_that_reach_out_are_refused(decoder_file, refused, name):
    proto = unsigned(decoder_file)
    PROTOS[name](proto)
    refused(proto.SerializeToString())


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_readers_take_differently_are_refused(decoder_file, refused, name):
    refused(unsigned(decoder_file).SerializeToString() + BYTES[name])


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_that_readers_take_differently_are_refused(decoder_file, refused, name):
    proto = unsigned(decoder_file)
    graph = proto.graph.SerializeToString() + GRAPHS[name]
    proto.ClearField("graph")
    refused(proto.SerializeToString() + field(7, 2, graph))


def test_untouched_models_pass(decoder_file):
    data = unsigned(decoder_file).SerializeToString()
    sampler = export.Sampler(add_digest(data))
    assert sampler.sample(1).shape == (1, 16, 12, 3)
    assert inspect(data, "it").operators <= COMPUTING


@pytest.mark.parametrize(
    ("key", "value"),
    [("image_shape", "[1000000, 1000000, 1000]"), ("latent_dim", str(10**12))],
)
def test_sizes_that_the_graph_has_not_are_refused(decoder_file, key, value):
    proto = unsigned(decoder_file)
    metadata(key, value)(proto)
    with pytest.raises(export.RuntimeModelError, match="contradicts itself"):
        export.Sampler(add_digest(proto.SerializeToString()))


# Loops.


def looping(trips, condition="", inner=()):
    """A graph that adds 1 to `x` in a loop."""
    step = helper.make_graph(
        [
            node("Identity", "going", outputs=["still"]),
            node("Add", "x_before", "one", outputs=["x_after"]),
            *inner,
        ],
        "step",
        [
            helper.make_tensor_value_info("place", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_before", FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_after", FLOAT, []),
        ],
    )
    constants = [numpy_helper.from_array(np.float32(1), "one")]
    if trips is not None:
        constants.append(numpy_helper.from_array(trips, "trips"))
    constants.append(numpy_helper.from_array(np.array(True), "true"))
    graph = helper.make_graph(
        [node("Loop", "trips", condition, "x", outputs=["y"], body=step)],
        "looping",
        [helper.make_tensor_value_info("x", FLOAT, [])],
        [helper.make_tensor_value_info("y", FLOAT, [])],
        constants,
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, ir_version=8, opset_imports=[opset])


@pytest.mark.parametrize(
    "proto",
    [
        looping(np.int64(2**62)),
        looping(np.int64(2**16 + 1)),
        looping(np.int64(-1)),
        looping(np.int32(5)),
        looping(np.int64([5, 5])),
        looping(None),
        looping(np.int64(5), inner=[looping(np.int64(5)).graph.node[0]]),
    ],
)
def test_loops_count_to_a_constant_or_are_refused(proto):
    with pytest.raises(export.RuntimeModelError, match="not valid ONNX: a loop"):
        inspect(proto.SerializeToString(), "it")


@pytest.mark.parametrize("condition", ["", "true"])
def test_a_loop_that_counts_passes(condition):
    contents = inspect(looping(np.int64(5), condition).SerializeToString(), "it")
    assert contents.operators == {"Loop", "Identity", "Add"}


@pytest.fixture(scope="module")
def endless():
    """Runs a loop that never ends, for a time."""
    session = onnxruntime.InferenceSession(
        looping(np.int64(2**62)).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    return lambda seconds: run_within(
        seconds, session, ["y"], {"x": np.array(0, np.float32)}
    )


def test_time_limits_end_a_loop(endless):
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match="longer than 0.3 seconds"):
        endless(0.3)
    assert time.monotonic() - begin < 5


def test_ctrl_c_ends_a_loop(endless):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            threading.Timer(0.3, _thread.interrupt_main).start()
            endless(60)
        assert time.monotonic() - begin < 5
    finally:
        signal.signal(signal.SIGINT, before)


def test_pixels_outside_of_0_to_1_are_refused(decoder_file):
    proto = unsigned(decoder_file)
    (last,) = (n for n in proto.graph.node if "image" in n.output)
    last.output[0] = "pixels"
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(1.5), "more"))
    proto.graph.node.append(node("Add", "pixels", "more", outputs=["image"]))
    sampler = export.Sampler(add_digest(proto.SerializeToString()))
    with pytest.raises(export.RuntimeModelError, match=r"gave pixels from 1\.\d+ to 2"):
        sampler.sample(1)


def test_memory_that_nodes_double_is_bounded(decoder_file):
    proto = unsigned(decoder_file)
    (last,) = (n for n in proto.graph.node if "image" in n.output)
    last.output[0] = "x0"
    doubling = [
        node("Concat", f"x{i}", f"x{i}", outputs=[f"x{i + 1}"], axis=0)
        for i in range(40)
    ]
    proto.graph.node.extend(doubling)
    proto.graph.node.append(node("Identity", "x40", outputs=["image"]))
    sampler = export.Sampler(add_digest(proto.SerializeToString()))
    with pytest.raises(export.RuntimeModelError, match="onnxruntime failed on <bytes>"):
        sampler.sample(1)
    assert export.Sampler(decoder_file).sample(1).shape == (1, 16, 12, 3)


def test_what_grows_in_a_loop_is_not_counted_again_at_each_step():
    """300 steps, the last of 19 MB, all together 2.9 GB: a prior's cache is such."""
    proto = looping(np.int64(300))
    (step,) = (a.g for a in proto.graph.node[0].attribute if a.name == "body")
    step.node[1].CopyFrom(
        node("Concat", "x_before", "row", outputs=["x_after"], axis=0)
    )
    row = numpy_helper.from_array(np.zeros((1, 16_000), np.float32), "row")
    proto.graph.initializer.append(row)
    values = [proto.graph.input[0], proto.graph.output[0], step.input[2]]
    for value in (*values, step.output[1]):
        value.type.tensor_type.shape.dim.add()
        value.type.tensor_type.shape.dim.add(dim_value=16_000)
    options = onnxruntime.SessionOptions()
    limit_memory(options)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    (y,) = session.run(["y"], {"x": np.zeros((1, 16_000), np.float32)})
    assert y.shape == (301, 16_000)


# Where files come from.


def test_bytes_and_file_objects_are_the_file(decoder_file):
    data = decoder_file.read_bytes()
    expected = export.Sampler(decoder_file).sample(2)
    with open(decoder_file, "rb") as file:
        for source in (data, bytearray(data), io.BytesIO(data), file):
            sampler = export.Sampler(source)
            np.testing.assert_array_equal(sampler.sample(2), expected)
    assert sampler.path is None and "<bytes>" in repr(sampler)
    assert list(sampler.verify()["files"]) == ["<bytes>"]
    with pytest.raises(export.RuntimeModelError, match="<bytes> is not a whole ONNX"):
        export.Sampler(data[:-1])
    with pytest.raises(TypeError, match="binary mode; reading this one gave str"):
        export.Sampler(io.StringIO("x"))


def test_samplers_go_to_other_processes(decoder_file, folder):
    samplers = [export.Sampler(source) for source in (decoder_file, folder)]
    samplers.append(export.Sampler(decoder_file.read_bytes(), threads=1))
    expected = samplers[0].sample(2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for images in pool.map(draw_two, samplers):
            np.testing.assert_array_equal(images, expected)


def draw_two(sampler):
    return sampler.sample(2)


def test_a_file_that_changed_is_not_unpickled(exports, tmp_path):
    path = tmp_path / "decoder.onnx"
    path.write_bytes((Path(exports[None].path) / "decoder.onnx").read_bytes())
    pickled = pickle.dumps(export.Sampler(path))
    assert pickle.loads(pickled).sample(1).shape == (1, 16, 12, 3)
    path.write_bytes((Path(exports["fp16"].path) / "decoder.onnx").read_bytes())
    with pytest.raises(export.RuntimeModelError, match="not the file that was pickled"):
        pickle.loads(pickled)


def test_providers_are_those_that_are_there(decoder_file):
    expected = export.Sampler(decoder_file).sample(2)
    for providers in ("CPUExecutionProvider", [("CPUExecutionProvider", {})]):
        sampler = export.Sampler(decoder_file, providers=providers)
        np.testing.assert_array_equal(sampler.sample(2), expected)
    with pytest.raises(ValueError, match="CPUExecutionProvider.*; got 'Abacus' .*-gpu"):
        export.Sampler(decoder_file, providers=["Abacus"])


def test_a_shipped_name_counts_where_images_and_latents_agree():
    """A file may write any name into its metadata, and none of its own model."""
    none = "num_classes", "num_attributes", "codebook_size", "code_shape"
    metadata = {"preset": "dense_vae_digits", **dict.fromkeys(none)}
    metadata |= {"model": "DenseVAE", "image_shape": [28, 28, 1], "latent_dim": 8}
    metadata["latents"] = [{"name": "z", "shape": [8], "codebook_size": None}]
    assert shipped_preset(metadata) == "dense_vae_digits"
    assert shipped_preset({**metadata, "latents": None}) == "dense_vae_digits"
    for name, other in (
        ("preset", "../dense_vae_digits"),
        ("model", "ConvVAE"),
        ("image_shape", [28, 28, 3]),
        ("num_classes", 10),
        ("latents", [{"name": "z", "shape": [7], "codebook_size": None}]),
    ):
        assert shipped_preset({**metadata, name: other}) is None
    assert shipped_preset({**metadata, "latents": None, "latent_dim": 7}) is None
