"""Recurrent layers as the operators that ONNX has of them, `GRU` and `LSTM`.

The converter would make loops of Keras's, or of each place as many nodes as a cell has.
While a function is traced, a layer is a function of Python's instead, which stands in
the graph until the operator takes its place.
"""

import contextlib

import numpy as np
import tensorflow as tf
from onnx import TensorProto

# What an encoder needs beside `graph.ALLOWED_OPERATORS`.
OPERATORS = frozenset({"GRU", "LSTM", "ReverseSequence"})


class Recurrent:
    """Layers of a model, to be traced `as_markers` and converted by `handlers`.

    Args:
        layers: `keras.layers.GRU` and `LSTM` layers that return sequences, called on
            rows that are masked at their ends alone.
    """

    def __init__(self, layers):
        self.layers = list(layers)
        # Now, as weights have no numbers while a graph is made.
        self._operators = [_operator_of(layer) for layer in self.layers]

    @property
    def handlers(self):
        """The `custom_op_handlers` of tf2onnx."""
        return {"PyFuncStateless": (self._write, [])}

    @contextlib.contextmanager
    def as_markers(self):
        """While this lasts, the layers are markers."""
        for number, layer in enumerate(self.layers):
            layer.call = _marker(number, layer.units)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.call

    def _write(self, graph, node, name, _):
        """Replaces a marker of rows (N, T, features), lengths (N,) and a number."""
        rows, lengths, number = node.input
        number = int(graph.get_node_by_output(number).get_tensor_value())
        kind, weights, attributes, backwards = self._operators[number]
        output = node.output[0]
        graph.remove_node(name)

        def add(operator, inputs, **options):
            return graph.make_node(operator, inputs, **options).output[0]

        constants = [
            graph.make_const(f"{name}_{i}", array).output[0]
            for i, array in enumerate(weights)
        ]
        rows = add("Transpose", [rows], attr={"perm": [1, 0, 2]})
        if backwards:
            # Turned here, as OpenVINO makes one layer of two directions, a wrong one.
            long = add("Cast", [lengths], attr={"to": TensorProto.INT64})
            turn = {"time_axis": 0, "batch_axis": 1}
            rows = add("ReverseSequence", [rows, long], attr=turn)
        made = add(kind, [rows, *constants, lengths], attr=attributes)
        axis = graph.make_const(f"{name}_axis", np.array([1], np.int64)).output[0]
        made = add("Squeeze", [made, axis])  # of one direction
        if backwards:  # Keras gives the last place first
            made = add("ReverseSequence", [made, long], attr=turn)
            ends = [
                graph.make_const(f"{name}_{what}", np.array([n], np.int64)).output[0]
                for what, n in (
                    ("from", -1),
                    ("to", -(2**31)),
                    ("along", 0),
                    ("by", -1),
                )
            ]
            made = add("Slice", [made, *ends])
        graph.make_node(
            "Transpose", [made], attr={"perm": [1, 0, 2]}, outputs=[output], name=name
        )


def _marker(number, units):
    def call(sequence, initial_state=None, mask=None, training=False):
        # A text without tokens counts as one of a token, whose features are not used.
        lengths = tf.maximum(tf.reduce_sum(tf.cast(mask, "int32"), axis=1), 1)
        inputs = [sequence, lengths, tf.constant(number)]
        made = tf.numpy_function(lambda *_: None, inputs, tf.float32, stateful=False)
        return tf.reshape(made, (-1, sequence.shape[1], units))

    return call


def _operator_of(layer):
    """(operator, [weights, recurrent weights, biases], attributes, goes backwards)."""
    cell, units = layer.cell, layer.units
    kernel, recurrent, bias = (
        np.array(weight) for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    attributes = {"hidden_size": units}
    if hasattr(layer, "reset_after"):  # a GRU
        arrays = kernel, recurrent, bias.reshape(1, -1)
        attributes["linear_before_reset"] = 1
        kind = "GRU"
    else:
        # Keras has input, forget, cell, output; ONNX input, output, forget, cell.
        order = [0, 3, 1, 2]
        kernel, recurrent, bias = (
            np.concatenate([np.split(array, 4, -1)[i] for i in order], -1)
            for array in (kernel, recurrent, bias[None])
        )
        arrays = kernel, recurrent, np.concatenate([bias, np.zeros_like(bias)], -1)
        kind = "LSTM"
    weights = [arrays[0].T[None], arrays[1].T[None], arrays[2]]
    weights = [np.ascontiguousarray(array) for array in weights]
    return kind, weights, attributes, layer.go_backwards
