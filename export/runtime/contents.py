"""What is in an exported file, looked at before onnxruntime sees any of it."""

from typing import NamedTuple

import numpy as np

from export.errors import RuntimeModelError
from export.runtime.operators import LOOP, allowed_operators
from export.runtime.protobuf import has_external_data, messages
from export.runtime.signature import is_of_texts

# Codes of an image, one after another: a 256 x 256 grid of them.
_MAX_TRIPS = 2**16
_INT64 = 7  # TensorProto.DataType


class Contents(NamedTuple):
    """A file that holds nothing but what it must.

    Attributes:
        stored: {key: text}, the metadata.
        operators: names of all operators, those of subgraphs included.
        opset: version of the standard's operators, 0 where none is said.
    """

    stored: dict
    operators: frozenset
    opset: int


def inspect(data, path):
    """Reads what onnxruntime is not to be asked, and what it must not be given.

    Args:
        data: bytes of an ONNX file.
        path: of it, for errors.

    Returns:
        a `Contents`.

    Raises:
        RuntimeModelError: if it is not ONNX to the letter; if it keeps weights in
            another file; or if it has a loop that does not count to a constant.
    """
    graphs, operators = [], set()
    try:
        for name, found in messages(data):
            if name == "tensor" and has_external_data(found):
                raise RuntimeModelError(
                    f"{path} keeps weights in another file (ONNX external data), which "
                    "this runtime refuses; export it as a single file."
                )
            if name == "node":
                operators.add(_operator(found))
            elif name == "graph":
                graphs.append(found)
        *inner, outer = graphs
        for graph in inner:
            if any(_operator(node) == LOOP for node in graph.get(1, ())):
                raise ValueError("a loop is within another")
        _check_loops(outer)
        stored = _metadata(found)
    except ValueError as error:
        raise RuntimeModelError(f"{path} is not valid ONNX: {error}.") from error
    opsets = [o.get(2, 0) for o in found.get(8, ()) if not o.get(1)]
    return Contents(stored, frozenset(operators), max(opsets, default=0))


def check_operators(contents, metadata, path):
    """Raises RuntimeModelError if there are operators that no such file needs.

    Args:
        contents: `Contents` of the file.
        metadata: what it says about itself, checked.
        path: of the file, for errors.
    """
    kind = metadata["kind"]
    allowed = allowed_operators(kind, is_of_texts(metadata))
    unknown = sorted(contents.operators - allowed)
    if unknown:
        raise RuntimeModelError(
            f"{path} holds the operator {unknown[0]!r}, which no {kind} that vae-zoo "
            "exports needs: it is refused."
        )


def _text(value):
    return bytes(value).decode("utf-8")


def _operator(node):
    """An operator's name; one of another domain by both, which no list has."""
    domain, name = _text(node.get(7, b"")), _text(node.get(4, b""))
    return f"{domain}.{name}" if domain else name


def _metadata(model):
    stored = {}
    for entry in model.get(14, ()):
        key = _text(entry.get(1, b""))
        if key in stored:
            raise ValueError(f"its metadata have {key!r} twice")
        stored[key] = _text(entry.get(2, b""))
    return stored


def _check_loops(graph):
    """Loops count to a constant of the graph; a condition can only end them before."""
    constants = {_text(tensor.get(8, b"")): tensor for tensor in graph.get(5, ())}
    for node in graph.get(1, ()):
        if _operator(node) != LOOP:
            continue
        trips = next(map(_text, node.get(1, ())), "")
        if not _counts(constants.get(trips)):
            raise ValueError(
                f"a loop does not count to a constant of at most {_MAX_TRIPS:,}"
            )


def _counts(tensor):
    """Whether a tensor is one whole number that a loop may count to."""
    if tensor is None or tensor.get(2) != _INT64:
        return False
    raw = bytes(tensor.get(9, b""))
    return len(raw) == 8 and 0 <= int(np.frombuffer(raw, "<i8")[0]) <= _MAX_TRIPS
