"""Just enough of the protobuf wire format to look at an ONNX file before running it."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 16

# Which field of which ONNX message holds which message (onnx.proto). Tensors sit only
# at the end of these paths.
_MESSAGES = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse_tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse_tensor",
        23: "sparse_tensor",
    },
    "sparse_tensor": {1: "tensor", 2: "tensor"},
}
_TENSOR_RAW_DATA, _TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 9, 13, 14


def fields(buffer):
    """Yields (number, value) for each field of one message.

    `value` is an int for a varint, a memoryview for anything with a length, and None
    for fixed-size numbers, which nothing here asks for.

    Raises:
        ValueError: if the bytes are not one whole message.
    """
    buffer = memoryview(buffer)
    position = 0
    while position < len(buffer):
        key, position = _varint(buffer, position)
        number, kind = key >> 3, key & 7
        value = None
        if kind == _VARINT:
            value, position = _varint(buffer, position)
        elif kind == _BYTES:
            length, position = _varint(buffer, position)
            value = buffer[position : position + length]
            position += length
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if number == 0 or position > len(buffer):
            raise ValueError("message ends early")
        yield number, value


def _varint(buffer, position):
    value = shift = 0
    while True:
        if position >= len(buffer) or shift > 63:
            raise ValueError("number ends early")
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def looks_like_onnx(data):
    """Whether `data` is one whole message with an IR version and a graph."""
    try:
        found = dict(fields(data))
    except ValueError:
        return False
    return isinstance(found.get(1), int) and isinstance(found.get(7), memoryview)


def raw_weights(data, message="model", depth=0):
    """Yields the bytes of each tensor that is kept as raw data, in order.

    Raises:
        ValueError: as `has_external_data`.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nest too deeply")
    inside = _MESSAGES.get(message, {})
    for number, value in fields(data):
        if message == "tensor" and number == _TENSOR_RAW_DATA:
            yield value
        elif number in inside and isinstance(value, memoryview):
            yield from raw_weights(value, inside[number], depth + 1)


def has_external_data(data, message="model", depth=0):
    """Whether any tensor of an ONNX file points to bytes in another file.

    Raises:
        ValueError: if the bytes are not what onnx.proto says, or nest too deeply.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nest too deeply")
    if message == "tensor":
        return any(
            number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_DATA_LOCATION and v)
            for number, v in fields(data)
        )
    inside = _MESSAGES[message]
    return any(
        has_external_data(value, inside[number], depth + 1)
        for number, value in fields(data)
        if number in inside and isinstance(value, memoryview)
    )
