"""From what tf2onnx returns to a lean graph with stable names, checked."""

from collections import Counter

import numpy as np
import onnx
from onnx import helper

from export.errors import ExportError
from export.runtime.operators import COMPUTING

# tf2onnx otherwise passes unknown ones through without a word. Those left out here were
# written once: newer versions of onnxruntime compute one otherwise, other runtimes two.
ALLOWED_OPERATORS = COMPUTING - {"DequantizeLinear", "LogSoftmax", "Softplus"}
# The one that opsets 17 and 18 came with; onnx's own default is too new for many
# versions of onnxruntime.
IR_VERSION = 8


def tidy(model, inputs, outputs, opset):
    """Rewrites a converted model so that only its meaning and order remain.

    Names and order follow the graph from its outputs, so that names which Keras
    counts up, and strings the converter leaves, do not reach the file.

    Args:
        model: ModelProto with inputs and outputs of these names.
        inputs, outputs: {name: `signature.Value`}, in the order wanted.
        opset: the operator set it was converted for.

    Returns:
        A new ModelProto without metadata.
    """
    graph = model.graph
    constants = {t.name: t for t in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    names = {"": "", **{name: name for name in (*inputs, *outputs)}}
    nodes, weights = [], []
    for node in _in_order(list(outputs), producers):
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.ClearField("doc_string")
        copy.name = f"{node.op_type}_{len(nodes)}"
        for name in node.input:
            if name not in names:  # a weight: whatever a node gives has a name by now
                names[name] = f"w{len(weights)}"
                tensor = onnx.TensorProto()
                tensor.CopyFrom(constants[name])
                tensor.name = names[name]
                tensor.ClearField("doc_string")
                weights.append(tensor)
        for i, name in enumerate(node.output):
            names.setdefault(name, f"t{len(nodes)}" if i == 0 else f"t{len(nodes)}_{i}")
        copy.input[:] = [names[name] for name in node.input]
        copy.output[:] = [names[name] for name in node.output]
        nodes.append(copy)

    tidied = helper.make_graph(
        nodes,
        "vae_zoo",
        [value_info(name, value) for name, value in inputs.items()],
        [value_info(name, value) for name, value in outputs.items()],
        weights,
    )
    return helper.make_model(
        tidied,
        producer_name="vae-zoo",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def value_info(name, value):
    element = helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    return helper.make_tensor_value_info(name, element, value.shape)


def _in_order(outputs, producers):
    """Nodes that the outputs need, each after its inputs, in an order of their own."""
    done, order = set(), []
    stack = [(name, False) for name in reversed(outputs)]
    while stack:
        name, inputs_done = stack.pop()
        node = producers.get(name)
        if node is None or id(node) in done:
            continue
        if inputs_done:
            done.add(id(node))
            order.append(node)
        else:
            stack.append((name, True))
            stack.extend((source, False) for source in reversed(node.input))
    return order


def _all_nodes(graph):
    """The nodes of a graph and of those that its nodes hold."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _all_nodes(inner)


def _hidden_names(graph, outside=frozenset()):
    """Names of graphs within the graph that stand for something else around them."""
    own = {name for node in graph.node for name in node.output if name}
    own |= {each.name for each in (*graph.input, *graph.initializer)}
    found = own & outside
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found |= _hidden_names(inner, own | outside)
    return found


def check(model, further=frozenset()):
    """Checks a model with onnx's full checker and the list of operators.

    Graphs within the graph count as well.

    Args:
        model: ModelProto.
        further: operators that it may hold beside `ALLOWED_OPERATORS`.

    Returns:
        {operator: how many nodes}.

    Raises:
        ExportError: naming what is wrong.
    """
    nodes = list(_all_nodes(model.graph))
    counts = Counter(node.op_type for node in nodes)
    foreign = sorted({n.op_type for n in nodes if n.domain not in ("",)})
    unknown = sorted(set(counts) - ALLOWED_OPERATORS - further) + foreign
    if unknown:
        raise ExportError(
            f"The model needs the operators {unknown}, which exported files may not "
            "hold; build it from layers that standard ONNX expresses."
        )
    # The checker lets them pass; OpenVINO loses inputs of loops by them.
    if hidden := sorted(_hidden_names(model.graph)):
        raise ExportError(f"A graph in the graph hides names of its outside: {hidden}.")
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise ExportError(
            f"The converted model is not valid ONNX: {str(error).splitlines()[0]}"
        ) from error
    return dict(sorted(counts.items()))
