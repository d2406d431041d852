"""Smaller files: weights in 16 or 8 bits, widened again when the file is loaded.

Only weights change; inputs, outputs and arithmetic stay float32. Weights of 8 bits are
widened by `Cast` and `Mul`: where newer versions of onnxruntime find `DequantizeLinear`
before a product, they round its other factor to 8 bits as well.
"""

import hashlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from export.errors import ExportError
from export.options import share_of_allowed

# Small tensors (biases, shapes) are not worth an error.
_MIN_ELEMENTS = 1024
# The axis of output channels in the weight of each operator.
_CHANNEL_AXIS = {"MatMul": -1, "Gemm": -1, "Conv": 0, "ConvTranspose": 1}
# How much of what is allowed rounding to 8 bits may use up: machines differ.
_SHARE = 0.9


def quantize_weights(model, kind, exact=(), kept=()):
    """Rewrites the float32 weights of matrix products and convolutions in place.

    Args:
        model: a tidied ModelProto.
        kind: "fp16", or "int8": symmetric, one scale for each output channel.
        exact: outputs that must not change: the weights behind them stay as they are.
        kept: digests of weights that "int8" leaves in float16, as `choose_kept` finds
            them, or in float32 where they do not fit.

    Returns:
        digests of the weights that there are to rewrite, a list.

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
    widen, digests = [], []
    for name in [name for name in axes if name in weights]:
        array = numpy_helper.to_array(weights[name])
        digests.append(_digest(array))
        keep = kind == "int8" and digests[-1] in kept
        if keep and np.abs(array).max() > np.finfo(np.float16).max:
            continue
        if kind == "fp16" or keep:
            parts, nodes = _to_float16(name, array)
        else:
            parts, nodes = _to_int8(name, array, axes[name] % array.ndim)
        graph.initializer.remove(weights[name])
        graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in parts)
        widen += nodes
    nodes = [*widen, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return digests


def choose_kept(graphs, kind, measure):
    """Finds weights of a file that do not bear 8 bits: adds them to `graphs.kept`.

    Those whose rounding alone moves the output most stay in 16 bits, as few as bring
    the file within what is allowed.

    Args:
        graphs: `Graphs` of an export to int8.
        kind: of file.
        measure: a function of a ModelProto to its errors, as
            `export.check.compare.largest_errors` returns them.

    Returns:
        the ModelProto.
    """

    def made():
        proto = graphs.of(kind)[0]
        errors = measure(proto)
        return proto, errors, share_of_allowed(errors, "int8")

    proto, _, share = made()
    if share <= _SHARE:
        return proto
    before = dict(graphs.kept)
    digests = dict.fromkeys(d for d in graphs.rounded if d not in before)
    alone = {}
    for digest in digests:
        graphs.kept = {**before, **dict.fromkeys(digests), digest: None}
        del graphs.kept[digest]
        _, errors, share = made()
        alone[digest] = share, errors["ordinary"]
    graphs.kept = before
    for digest in sorted(alone, key=alone.get, reverse=True):
        graphs.kept[digest] = alone[digest][1]
        proto, _, share = made()
        if share <= _SHARE:
            break
    return proto


def kept_weights(model, kept):
    """{name: error of rounding it alone to 8 bits} of the weights kept in a model."""
    found = {}
    for tensor in model.graph.initializer:
        if tensor.data_type in (TensorProto.FLOAT16, TensorProto.FLOAT):
            digest = _digest(numpy_helper.to_array(tensor))
            if digest in kept:
                found[tensor.name] = kept[digest]
    return found


def _digest(array):
    """Of a weight, in whichever file and of whichever float it is."""
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    return hashlib.sha256(repr(small.shape).encode() + small.tobytes()).hexdigest()


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
    return [(f"{name}_fp16", small)], [_cast(f"{name}_fp16", name)]


def _to_int8(name, array, axis):
    others = tuple(i for i in range(array.ndim) if i != axis)
    scale = np.abs(array).max(axis=others, keepdims=True) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    steps = np.rint(array / scale).clip(-127, 127).astype(np.int8)
    names = f"{name}_int8", f"{name}_steps", f"{name}_scale"
    nodes = [
        _cast(names[0], names[1]),
        helper.make_node("Mul", names[1:], [name], name=f"Mul_{name}"),
    ]
    return [(names[0], steps), (names[2], scale)], nodes


def _cast(source, name):
    return helper.make_node(
        "Cast", [source], [name], name=f"Cast_{name}", to=TensorProto.FLOAT
    )
