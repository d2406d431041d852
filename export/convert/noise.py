"""The generator of `zoo.threefry` as a graph, put before a decoder.

Sums drop what overflows because they are of uint32, for which onnxruntime has CPU
kernels since 1.21. Rows come last until the end: an axis of two there, for cosine and
sine, would make each broadcast a loop over pairs, seven times slower for 4,096 rows.
Each node costs a third of a microsecond however few rows there are: they are counted.
"""

import math

import numpy as np
from onnx import TensorProto

from export.convert.builder import Builder
from export.runtime.signature import NOISE, UNIFORMS
from zoo.threefry import FIRST_OF_UNIFORMS, PARITY, ROTATIONS, ROUNDS

# BitwiseXor and its kind came with this operator set.
OPSET = 18
# What the generator needs beside `graph.ALLOWED_OPERATORS`: deterministic, all of it.
OPERATORS = frozenset("BitShift BitwiseOr BitwiseXor Range Sin".split())


def prepend(model, num_normals, num_uniforms):
    """Computes `noise` and `uniforms` of a graph from `seed` and `num_samples`.

    Args:
        model: a tidied ModelProto with those inputs, changed in place: its graph's
            inputs are left as they are, for `graph.tidy` to replace.
        num_normals, num_uniforms: columns of each; 0 for none.
    """
    build = Builder("noise")
    if num_normals:
        _normals(build, num_normals)
        build.nodes[-1].output[0] = NOISE
    if num_uniforms:
        _uniform_rows(build, num_uniforms)
        build.nodes[-1].output[0] = UNIFORMS
    nodes = [*build.nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(build.constants)


def _normals(build, num_columns):
    """Adds nodes for float32 (num_samples, num_columns) of N(0, 1): their name."""
    pairs = (num_columns + 1) // 2
    a, b = _threefry(build, pairs)  # (pairs, num_samples)
    uniform = build("Cast", a, to=TensorProto.DOUBLE)
    uniform = build("Add", uniform, build.float64(1.0))
    uniform = build("Mul", uniform, build.float64(2.0**-32))
    radius = build("Mul", build("Log", uniform), build.float64(-2.0))
    radius = build("Sqrt", radius)
    angle = build("Cast", b, to=TensorProto.DOUBLE)
    angle = build("Mul", angle, build.float64(2.0 * math.pi * 2.0**-32))
    # One node for both: the cosine is the sine a quarter turn on.
    angles = build("Add", angle, build.float64([[[math.pi / 2]], [[0.0]]]))
    z = build("Mul", radius, build("Sin", angles))  # (2, pairs, num_samples)
    z = build("Transpose", build("Cast", z, to=TensorProto.FLOAT), perm=[2, 1, 0])
    z = build("Reshape", z, build.int64([0, 2 * pairs]))  # 0 keeps the rows
    return _even(build, z, num_columns)


def _uniform_rows(build, num_columns):
    """Adds nodes for float32 (num_samples, num_columns) in [0, 1): their name."""
    numbers = build("Transpose", uniforms(build, num_columns), perm=[1, 0])
    return _even(build, numbers, num_columns)


def _even(build, numbers, num_columns):
    """Leaves out the last of an odd number of columns."""
    if num_columns % 2 == 0:
        return numbers
    ends = build.int64([0]), build.int64([-1]), build.int64([1])
    return build("Slice", numbers, *ends)


def uniforms(build, num_columns):
    """Adds nodes for float32 uniform numbers in [0, 1): their name.

    Their shape is (columns, num_samples), the transpose of what
    `zoo.threefry` says, with one more column where `num_columns` is odd: a
    column is what all rows need at one step.
    """
    pairs = (num_columns + 1) // 2
    words = _threefry(build, pairs, FIRST_OF_UNIFORMS)  # (pairs, num_samples) each
    words = [build("Unsqueeze", word, build.int64([1])) for word in words]
    bits = build("Concat", *words, axis=1)
    bits = build("BitShift", bits, build.uint32(8), direction="RIGHT")
    numbers = build("Cast", bits, to=TensorProto.FLOAT)
    numbers = build("Mul", numbers, build.float32(2.0**-24))
    rows = build("Reshape", "num_samples", build.int64([1]))
    shape = build("Concat", build.int64([2 * pairs]), rows, axis=0)
    return build("Reshape", numbers, shape, allowzero=1)


def _threefry(build, pairs, first=0):
    """Adds the nodes of threefry2x32 for each row and pair: the names of two words.

    Args:
        first: the second word of the first pair's counter.
    """
    words = build("Div", "seed", build.int64([1, 2**32]))
    words = build("Cast", words, to=TensorProto.UINT32)  # drops the higher bits
    k0, k1 = build.split(words, 2)
    k2 = build("BitwiseXor", build("BitwiseXor", k0, k1), build.uint32(PARITY))
    key = (k0, k1, k2)
    # What is added to x1 after every fourth round.
    steps = range(1, ROUNDS // 4 + 1)
    sums = build("Concat", *(key[(s + 1) % 3] for s in steps), axis=0)
    sums = build.split(build("Add", sums, build.uint32(steps)), len(steps))
    rows = build("Range", build.int64(0), "num_samples", build.int64(1))
    x0 = build("Add", build("Cast", rows, to=TensorProto.UINT32), k0)
    x1 = build("Add", build.uint32(first + np.arange(pairs)[:, None]), k1)
    for i in range(ROUNDS):
        rotation = ROTATIONS[i % 8]
        x0 = build("Add", x0, x1)
        left = build("BitShift", x1, build.uint32(rotation), direction="LEFT")
        right = build("BitShift", x1, build.uint32(32 - rotation), direction="RIGHT")
        x1 = build("BitwiseXor", build("BitwiseOr", left, right), x0)
        if i % 4 == 3:
            s = (i + 1) // 4
            x0 = build("Add", x0, key[s % 3])
            x1 = build("Add", x1, sums[s - 1])
    return x0, x1
