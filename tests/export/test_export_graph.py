"""The graph's rewrites, on graphs written by hand."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.convert import graph, lean, metadata, plain, quantize
from export.errors import ExportError
from export.runtime.signature import Value

ROW = Value("float32", ("batch", 3))


def make_model(nodes, weights=(), inputs=(3,), outputs=(3,)):
    graph = helper.make_graph(
        nodes,
        "anything",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["unk", *inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["unk2", *outputs])],
        [numpy_helper.from_array(a, n) for n, a in weights],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"x": x})[0]


def test_tidy_does_not_depend_on_names_or_order():
    def model(prefix, swap):
        sides = [
            helper.make_node("Relu", ["x"], [f"{prefix}a"], name=f"{prefix}1"),
            helper.make_node("Mul", ["x", f"{prefix}w"], [f"{prefix}b"]),
        ]
        nodes = sides[::-1] if swap else sides
        nodes += [
            helper.make_node("Add", [f"{prefix}a", f"{prefix}b"], ["y"]),
            helper.make_node("Neg", ["x"], [f"{prefix}unused"]),
        ]
        weights = [(f"{prefix}w", np.arange(3, dtype=np.float32))]
        return make_model(nodes, weights)

    first, second = (
        graph.tidy(model(p, s), {"x": ROW}, {"y": ROW}, 17)
        for p, s in (("first_", False), ("second/", True))
    )
    assert first.SerializeToString() == second.SerializeToString()
    assert [node.op_type for node in first.graph.node] == ["Relu", "Mul", "Add"]
    x = np.array([[-1, 0, 2]], np.float32)
    np.testing.assert_array_equal(run(first, x), [[0, 0, 6]])


def test_check_refuses_operators_outside_the_list():
    random = helper.make_node("RandomNormalLike", ["x"], ["y"])
    with pytest.raises(ExportError, match="RandomNormalLike"):
        graph.check(make_model([random]))
    foreign = helper.make_node("Erfc", ["x"], ["y"], domain="com.example")
    with pytest.raises(ExportError, match="Erfc"):
        graph.check(make_model([foreign]))


def test_check_refuses_names_that_hide_others():
    def loop(state):
        """x + 1 + 1, where the body calls its state so."""
        values = ("place", TensorProto.INT64), ("go", TensorProto.BOOL)
        scalars = [helper.make_tensor_value_info(*value, []) for value in values]
        row = helper.make_tensor_value_info(state, TensorProto.FLOAT, [3])
        new = helper.make_tensor_value_info("new", TensorProto.FLOAT, [3])
        still = helper.make_tensor_value_info("still", TensorProto.BOOL, [])
        nodes = [
            helper.make_node("Identity", ["go"], ["still"]),
            helper.make_node("Add", [state, "one"], ["new"]),
        ]
        body = helper.make_graph(nodes, "body", [*scalars, row], [still, new])
        node = helper.make_node("Loop", ["two", "", "x"], ["y"], body=body)
        two, one = np.array(2, np.int64), np.ones(3, np.float32)
        return make_model([node], [("two", two), ("one", one)])

    assert graph.check(loop("state"), {"Loop"})["Loop"] == 1
    with pytest.raises(ExportError, match=r"hides names of its outside: \['x'\]"):
        graph.check(loop("x"), {"Loop"})


def test_check_refuses_what_the_checker_refuses():
    node = helper.make_node("Reshape", ["x", "w"], ["y"])
    broken = make_model([node], [("w", np.ones(1, np.float32))])
    with pytest.raises(ExportError, match="not valid ONNX"):
        graph.check(broken)


def test_computed_reshape_becomes_a_constant():
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "six"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    numbers = [("zero", 0), ("one", 1), ("six", 6)]
    weights = [(name, np.array([n], np.int64)) for name, n in numbers]
    model = make_model(nodes, weights, inputs=(2, 3), outputs=(6,))
    lean.fix_shapes(model)
    values = (
        {"x": Value("float32", ("batch", 2, 3))},
        {"y": Value("float32", ("batch", 6))},
    )
    model = graph.tidy(model, *values, 17)
    assert graph.check(model) == {"Reshape": 1}
    for n in (0, 1, 4):
        assert run(model, np.zeros((n, 2, 3), np.float32)).shape == (n, 6)


def test_one_reshape_after_another_becomes_one():
    """Whether the converter had joined them or not: files must not differ by that."""
    nodes = [
        helper.make_node("Reshape", ["x", "a"], ["wide"]),
        helper.make_node("Reshape", ["wide", "b"], ["y"]),
    ]
    shapes = {"a": (-1, 1, 3, 2), "b": (-1, 6)}
    weights = [(name, np.array(shape)) for name, shape in shapes.items()]
    model = make_model(nodes, weights, inputs=(2, 3), outputs=(6,))
    lean.fix_shapes(model)
    lean.join_reshapes(model)
    values = (
        {"x": Value("float32", ("batch", 2, 3))},
        {"y": Value("float32", ("batch", 6))},
    )
    model = graph.tidy(model, *values, 17)
    assert graph.check(model) == {"Reshape": 1}
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    np.testing.assert_array_equal(run(model, x), x.reshape(4, 6))
    assert run(model, x[:0]).shape == (0, 6)


@pytest.mark.parametrize("kind", ["fp16", "int8"])
@pytest.mark.parametrize("transposed", [0, 1])
def test_quantization_error_is_that_of_the_rounding(kind, transposed):
    rng = np.random.default_rng(0)
    # Columns of very different size: one scale each keeps small ones exact.
    weight = rng.standard_normal((40, 30)) * np.logspace(-4, 2, 30)
    weight[:, 7] = 0
    stored = (weight.T if transposed else weight).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=transposed)
    model = make_model([node], [("w", stored)], inputs=(40,), outputs=(30,))
    quantize.quantize_weights(model, kind)
    onnx.checker.check_model(model, full_check=True)
    got = run(model, np.eye(40, dtype=np.float32))
    step = {"fp16": 2.0**-11, "int8": 0.5 / 127}[kind] * np.abs(weight).max(0)
    assert (np.abs(got - weight) <= 1.001 * step + 1e-7).all()


def test_int8_is_widened_by_what_no_runtime_fuses():
    weight = np.random.default_rng(0).standard_normal((40, 30)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = make_model([node], [("w", weight)], inputs=(40,), outputs=(30,))
    (digest,) = quantize.quantize_weights(model, "int8")
    assert graph.check(model) == {"Cast": 1, "MatMul": 1, "Mul": 1}
    model = make_model([node], [("w", weight)], inputs=(40,), outputs=(30,))
    quantize.quantize_weights(model, "int8", kept={digest: 0.1})
    assert graph.check(model) == {"Cast": 1, "MatMul": 1}
    assert quantize.kept_weights(model, {digest: 0.1}) == {"w_fp16": 0.1}


def test_int8_keeps_in_float16_what_does_not_bear_it():
    class Graphs:
        """Three weights, of which two together are too much for 8 bits."""

        kept, rounded = {}, ["a", "b", "c"]

        def of(self, kind):
            return (frozenset(self.kept),)

    hurts = {"a": 0.06, "b": 0.1, "c": 0.01}

    def measure(kept):
        return {"ordinary": sum(hurts[name] for name in hurts if name not in kept)}

    graphs = Graphs()
    assert quantize.choose_kept(graphs, "decoder", measure) == {"b"}
    assert graphs.kept == {"b": 0.1}


@pytest.mark.parametrize("opset", [17, 18])
def test_operators_that_runtimes_get_wrong_are_written_with_others(opset):
    nodes = [
        helper.make_node("Softplus", ["x"], ["soft"]),
        helper.make_node("LogSoftmax", ["soft"], ["log"]),
        helper.make_node("Split", ["log"], [f"part{i}" for i in range(9)], axis=1),
        helper.make_node("Concat", [f"part{8 - i}" for i in range(9)], ["y"], axis=1),
    ]
    if opset == 18:
        nodes[2].attribute.add(name="num_outputs", i=9, type=2)
    model = make_model(nodes, inputs=(9,), outputs=(9,))
    model.opset_import[0].version = opset
    x = np.float32([[0, 1e-3, -1e-3, 5, -5, 100, -100, 3e4, -3e4]])
    expected = run(model, x)
    plain.write_plainly(model)
    assert not {"Softplus", "LogSoftmax", "Split"} & set(graph.check(model))
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-6, atol=1e-6)
    assert np.isfinite(ReferenceEvaluator(model).run(None, {"x": x})[0]).all()


def test_a_depth_is_a_single_number():
    nodes = [
        helper.make_node("Cast", ["x"], ["classes"], to=TensorProto.INT64),
        helper.make_node("OneHot", ["classes", "depth", "values"], ["hot"]),
        helper.make_node("ReduceMax", ["hot"], ["y"], axes=[1], keepdims=0),
    ]
    weights = [("depth", np.array([3])), ("values", np.float32([0, 1]))]
    model = make_model(nodes, weights)
    x = np.float32([[0, 2, 2]])
    expected = run(model, x)
    plain.write_plainly(model)
    np.testing.assert_array_equal(run(model, x), expected)
    got = ReferenceEvaluator(model).run(None, {"x": x})[0]
    np.testing.assert_array_equal(got, expected)


def test_weights_too_large_for_float16_are_refused():
    weight = np.full((40, 30), 1e5, np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = make_model([node], [("w", weight)], inputs=(40,), outputs=(30,))
    with pytest.raises(ExportError, match="does not fit into float16"):
        quantize.quantize_weights(model, "fp16")


@pytest.mark.parametrize(
    ("error", "rounded"),
    [(0.0, 0.0), (4.1e-7, 5e-7), (9.5e-7, 1e-6), (3e-3, 4e-3), (0.21, 0.3)],
)
def test_measured_error_is_rounded_up(error, rounded):
    assert metadata.round_up(error) == rounded
