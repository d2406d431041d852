"""Rewrites of a converted graph: shapes that Keras knows become constants.

More was measured and left out: turning reshape-transpose-reshape into DepthToSpace and
cancelling the transposes around it takes a convolutional decoder from 37 nodes to 29,
and makes it 10 % slower in onnxruntime, which optimizes the longer form better.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_FIXED = "fixed_shape_"


def fix_shapes(model):
    """Gives each Reshape whose target was computed from the batch a constant target.

    One to the shape that its input has is passed by: the converter leaves some of
    them, or does not, with the same input.

    Args:
        model: ModelProto from tf2onnx whose inputs have one row an example, or are
            single numbers; changed in place. Nodes that computed the shapes stay,
            without use.
    """
    graph = model.graph
    for value in graph.input:
        if not value.type.tensor_type.shape.dim:  # a single number
            continue
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    rows = {
        value.name: _row_shape(value)
        for value in [*inferred.value_info, *inferred.input, *inferred.output]
    }
    same, outputs = {}, {value.name for value in graph.output}
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type == "Reshape" and node.output[0] not in outputs:
            before, after = rows.get(node.input[0]), rows.get(node.output[0])
            if before and before == after:
                same[node.output[0]] = node.input[0]
    for i, node in enumerate(n for n in graph.node if n.op_type == "Reshape"):
        before, after = rows.get(node.input[0]), rows.get(node.output[0])
        if before and after and np.prod(before) == np.prod(after):
            name = f"{_FIXED}{i}"
            # 0 copies the batch, even an empty one, where -1 would have to divide.
            shape = np.array([0, *after], dtype=np.int64)
            graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name


def join_reshapes(model):
    """Makes one Reshape of one after another, as the last of them says.

    The converter does, or does not: with the same input, from time to time.

    Args:
        model: ModelProto after `fix_shapes`; changed in place. A Reshape that is passed
            by stays, without use if nothing else reads it.
    """
    graph = model.graph
    fixed = {
        tensor.name
        for tensor in graph.initializer
        if tensor.name.startswith(_FIXED)  # [0, sizes]: the batch, and a row whole
    }
    reshapes = {}
    for node in graph.node:
        if node.op_type == "Reshape" and node.input[1] in fixed:
            node.input[0] = reshapes.get(node.input[0], node.input[0])
            reshapes[node.output[0]] = node.input[0]


def _row_shape(value):
    """The shape of one row if only the batch is unknown, else None."""
    batch, *row = [d.dim_value or None for d in value.type.tensor_type.shape.dim] or [1]
    return row if batch is None and row and None not in row else None


def share_transposed(model):
    """Products with the transpose of a table's first rows use the table itself.

    A decoder of texts looks its tokens' vectors up, and multiplies by them: the
    converter makes a second table of those, transposed.

    Args:
        model: ModelProto; changed in place. The second table stays, without use.
    """
    graph = model.graph
    arrays = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    tables = [array for array in arrays.items() if array[1].ndim == 2]
    nodes = []
    for node in graph.node:
        other = arrays.get(node.input[1]) if node.op_type == "MatMul" else None
        name = None if other is None else _table_of(other, tables)
        if name is None:
            nodes.append(node)
            continue
        whole = f"{node.output[0]}_of_all_rows"
        product = helper.make_node("Gemm", [node.input[0], name], [whole], transB=1)
        ends = []
        for what, value in (("from", 0), ("to", other.shape[1]), ("along", 1)):
            ends.append(f"{whole}_{what}")
            array = np.array([value], np.int64)
            graph.initializer.append(numpy_helper.from_array(array, ends[-1]))
        nodes += [product, helper.make_node("Slice", [whole, *ends], node.output)]
    del graph.node[:]
    graph.node.extend(nodes)


def _table_of(array, tables):
    """The name of a table whose first rows are the columns of an array, or None."""
    rows = array.shape[-1]
    for name, table in tables:
        fits = array.ndim == 2 and table.shape[1] == len(array)
        # Not itself: a table has rows beside those of tokens.
        if fits and len(table) > rows and np.array_equal(table[:rows], array.T):
            return name
    return None
