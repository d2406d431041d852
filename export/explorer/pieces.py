"""Files as pieces, so that weights which several files hold are kept once.

decoder.onnx and sampler.onnx of a model hold the same decoder; prior_step.onnx and
sampler.onnx the same prior. Cut before and after each large tensor, they share pieces.
"""

from export.runtime.protobuf import raw_weights

# What is smaller is not worth a piece of its own.
_LEAST_BYTES = 1024


def cut(files):
    """Cuts files into pieces.

    Args:
        files: {name: bytes of an ONNX file}.

    Returns:
        (pieces, {name: numbers of the pieces whose concatenation is the file}).

    Example:

    >>> pieces, parts = cut({"a": b"", "b": b""})
    >>> pieces, parts
    ([b''], {'a': [0], 'b': [0]})
    """
    numbers = {}
    parts = {
        name: [numbers.setdefault(piece, len(numbers)) for piece in _cut_one(data)]
        for name, data in files.items()
    }
    return list(numbers), parts


def _cut_one(data):
    pieces, position = [], 0
    for tensor in raw_weights(data):
        if len(tensor) >= _LEAST_BYTES:
            tensor = bytes(tensor)
            start = data.index(tensor, position)  # they come in the order of the file
            pieces += [data[position:start], tensor]
            position = start + len(tensor)
    return [*pieces, data[position:]]
