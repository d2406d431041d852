"""Operators that some runtimes get wrong or refuse, written with others.

Softplus and LogSoftmax overflow where a runtime computes them as their definition
says, and nothing tells: outputs are wrong; so they are of GlobalMaxPool along one axis,
which the converter makes of a maximum. Expm1 is no operator of ONNX, though the
converter writes it. A depth of `OneHot` that is a vector of one, and a `Split` into
many, are refused by some. Every graph goes through here.
"""

import onnx
from onnx import helper, numpy_helper

from export.convert.builder import Builder

# WebGPU binds at most ten buffers, inputs and outputs of a node together.
_MOST_OUTPUTS = 8


def write_plainly(model):
    """Rewrites such nodes.

    Args:
        model: ModelProto from tf2onnx, changed in place.
    """
    graph = model.graph
    (opset,) = (entry.version for entry in model.opset_import if not entry.domain)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {value.name: value.type.tensor_type.shape for value in inferred.value_info}
    nodes = []
    for node in graph.node:
        build = Builder(f"plain_{len(nodes)}")
        if node.op_type == "Softplus":
            _softplus(build, node)
        elif node.op_type == "Expm1":
            _expm1(build, node)
        elif node.op_type == "GlobalMaxPool":
            _global_max_pool(build, node, len(shapes[node.input[0]].dim), opset)
        elif node.op_type == "LogSoftmax":
            _log_softmax(build, node, opset)
        elif node.op_type == "Split" and len(node.output) > _MOST_OUTPUTS:
            _split(build, node, constants, shapes)
        else:
            if node.op_type == "OneHot":
                _scalar_depth(build, node, constants)
            build.nodes.append(node)
        nodes += build.nodes
        graph.initializer.extend(build.constants)
    del graph.node[:]
    graph.node.extend(nodes)


def _axis(node, default):
    found = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return found.get("axis", default)


def _softplus(build, node):
    """log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|))."""
    (x,) = node.input
    small = build("Exp", build("Neg", build("Abs", x)))
    small = build("Log", build("Add", small, build.float32(1)))
    build("Add", build("Max", x, build.float32(0)), small, name=node.output[0])


def _expm1(build, node):
    """exp(x) - 1 as tanh(x / 2) (exp(x) + 1): exact near 0, too."""
    (x,) = node.input
    half = build("Tanh", build("Mul", x, build.float32(0.5)))
    above = build("Add", build("Exp", x), build.float32(1))
    build("Mul", half, above, name=node.output[0])


def _global_max_pool(build, node, rank, opset):
    """The maximum along all axes but the first two."""
    axes = build.int64(range(2, rank))
    _largest(build, node.input[0], axes, list(range(2, rank)), opset, node.output[0])


def _largest(build, x, axes, values, opset, name=None):
    """The maximum along axes, told as a constant and by their values."""
    if opset < 18:  # which made an input of what was an attribute
        return build("ReduceMax", x, name=name, axes=values, keepdims=1)
    return build("ReduceMax", x, axes, name=name, keepdims=1)


def _log_softmax(build, node, opset):
    """Logits less the largest, and less the logarithm of their exponentials' sum."""
    (x,) = node.input
    axis = _axis(node, -1)
    axes = build.int64([axis])
    shifted = build("Sub", x, _largest(build, x, axes, [axis], opset))
    total = build("ReduceSum", build("Exp", shifted), axes, keepdims=1)
    build("Sub", shifted, build("Log", total), name=node.output[0])


def _split(build, node, constants, shapes):
    """One `Slice` for each part."""
    axis = _axis(node, 0)
    if len(node.input) > 1:
        sizes = numpy_helper.to_array(constants[node.input[1]]).tolist()
    else:
        sizes = [shapes[name].dim[axis].dim_value for name in node.output]
    start = 0
    for name, size in zip(node.output, sizes, strict=True):
        ends = build.int64([start]), build.int64([start + size]), build.int64([axis])
        build("Slice", node.input[0], *ends, name=name)
        start += size


def _scalar_depth(build, node, constants):
    """A depth that is a constant vector of one becomes a single number."""
    depth = constants.get(node.input[1])
    if depth is not None and len(depth.dims) == 1:
        array = numpy_helper.to_array(depth)
        node.input[1] = build.constant(array.reshape(()), array.dtype)
