"""Smaller files: weights in 16 or 8 bits, widened again when the file is loaded.

Only weights change; inputs, outputs and arithmetic stay float32.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from export.errors import ExportError

# Small tensors (biases, shapes) are not worth an error.
_MIN_ELEMENTS = 1024
# The axis of output channels in the weight of each operator.
_CHANNEL_AXIS = {"MatMul": -1, "Gemm": -1, "Conv": 0, "ConvTranspose": 1}


def quantize_weights(model, kind, exact=()):
    """Rewrites the float32 weights of matrix products and convolutions in place.

    Args:
        model: a tidied ModelProto.
        kind: "fp16", or "int8": symmetric, one scale for each output channel.
        exact: outputs that must not change: the weights behind them stay as they are.

    Raises:
        ExportError: if a weight does not fit into float16.
    """
    graph = model.graph
    weights = {t.name: t for t in graph.initializer if _is_large_float(t)}
    axes = {}
    for node in graph.node:
        if node.op_type in _CHANNEL_AXIS and len(node.input) > 1:
            axes.setdefault(node.input[1], _channel_axis(node))
    for name in _behind(graph, exact):
        axes.pop(name, None)
    widen = []
    for name in [name for name in axes if name in weights]:
        array = numpy_helper.to_array(weights[name])
        graph.initializer.remove(weights[name])
        if kind == "fp16":
            parts, node = _to_float16(name, array)
        else:
            parts, node = _to_int8(name, array, axes[name] % array.ndim)
        graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in parts)
        widen.append(node)
    nodes = [*widen, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _behind(graph, outputs):
    """Names of all that outputs are computed from."""
    producers = {name: node for node in graph.node for name in node.output}
    names, stack = set(), list(outputs)
    while stack:
        name = stack.pop()
        if name not in names:
            names.add(name)
            stack.extend(producers[name].input if name in producers else ())
    return names


def _is_large_float(tensor):
    return (
        tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= _MIN_ELEMENTS
    )


def _channel_axis(node):
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if transposed else _CHANNEL_AXIS[node.op_type]


def _to_float16(name, array):
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    if not np.isfinite(small).all():
        raise ExportError(
            f"A weight of size {np.abs(array).max():g} does not fit into float16: "
            "use quantize=None or 'int8'."
        )
    node = helper.make_node(
        "Cast", [f"{name}_fp16"], [name], name=f"Cast_{name}", to=TensorProto.FLOAT
    )
    return [(f"{name}_fp16", small)], node


def _to_int8(name, array, axis):
    others = tuple(i for i in range(array.ndim) if i != axis)
    scale = np.abs(array).max(axis=others) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    shape = [-1 if i == axis else 1 for i in range(array.ndim)]
    steps = np.rint(array / scale.reshape(shape)).clip(-127, 127).astype(np.int8)
    node = helper.make_node(
        "DequantizeLinear",
        [f"{name}_int8", f"{name}_scale"],
        [name],
        name=f"DequantizeLinear_{name}",
        axis=axis,
    )
    return [(f"{name}_int8", steps), (f"{name}_scale", scale)], node
