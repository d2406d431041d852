"""Writing a graph node by node."""

import numpy as np
from onnx import helper, numpy_helper


class Builder:
    """Collects nodes and constants under names of its own.

    Args:
        prefix: what the names begin with.

    Attributes:
        nodes, constants: `NodeProto` and `TensorProto` so far.
    """

    def __init__(self, prefix):
        self.prefix = prefix
        self.nodes, self.constants = [], []

    def __call__(self, operator, *inputs, name=None, **attributes):
        """Adds a node of one output: its name."""
        name = name or f"{self.prefix}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, name, count):
        """The `count` elements of a vector, each an array of one."""
        parts = [f"{self.prefix}_{len(self.nodes)}_{i}" for i in range(count)]
        node = helper.make_node("Split", [name], parts, axis=0, num_outputs=count)
        self.nodes.append(node)
        return parts

    def include(self, graph, prefix, names):
        """Adds the nodes of a graph, and its weights.

        Args:
            graph: GraphProto of unique names.
            prefix: what all of its names begin with from now on, but those in `names`.
            names: {its name: name}, for inputs and outputs.
        """

        def renamed(name):
            return names.get(name) or (name and f"{prefix}_{name}")

        for node in graph.node:
            new = type(node)()
            new.CopyFrom(node)
            new.name = renamed(node.name)
            new.input[:] = [renamed(name) for name in node.input]
            new.output[:] = [renamed(name) for name in node.output]
            self.nodes.append(new)
        for tensor in graph.initializer:
            new = type(tensor)()
            new.CopyFrom(tensor)
            new.name = renamed(tensor.name)
            self.constants.append(new)

    def constant(self, value, dtype):
        name = f"{self.prefix}_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def true(self):
        """What a `Loop` goes on by; some programs take none at all for false."""
        return self.constant(True, np.bool_)

    def uint32(self, value):
        return self.constant(value, np.uint32)

    def int32(self, value):
        return self.constant(value, np.int32)

    def int64(self, value):
        return self.constant(value, np.int64)

    def float32(self, value):
        return self.constant(value, np.float32)

    def float64(self, value):
        return self.constant(value, np.float64)
