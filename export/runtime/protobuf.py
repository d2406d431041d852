"""Just enough of the protobuf wire format to look at an ONNX file before running it.

What is looked at must be what onnxruntime will see, whatever a file's author wishes:
a message holds nothing but the fields of onnx.proto that exported files use, each in
its own encoding and, unless it is a list, once; numbers are written in as few bytes as
they need. In any other file, two readers may find two different things.
"""

from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 16
_MAX_TAG_BYTES, _MAX_NUMBER_BYTES = 5, 10


class Field(NamedTuple):
    """A field of a message: how it may be written, and which message it holds."""

    kinds: tuple
    message: str | None = None
    repeated: bool = False


_NUMBER, _TEXT, _FLOAT = Field((_VARINT,)), Field((_BYTES,)), Field((_FIXED32,))
_TEXTS = Field((_BYTES,), repeated=True)
# One after another, or packed.
_NUMBERS = Field((_VARINT, _BYTES), repeated=True)
_FLOATS = Field((_FIXED32, _BYTES), repeated=True)
_DOUBLES = Field((_FIXED64, _BYTES), repeated=True)


def _one(message):
    return Field((_BYTES,), message)


def _many(message):
    return Field((_BYTES,), message, repeated=True)


# Fields by number, of onnx.proto. Functions, training, sparse tensors, sequences and
# maps are not among them: nothing that is exported has any.
_MESSAGES = {
    "model": {
        1: _NUMBER,  # ir_version
        2: _TEXT,  # producer_name
        3: _TEXT,  # producer_version
        4: _TEXT,  # domain
        5: _NUMBER,  # model_version
        6: _TEXT,  # doc_string
        7: _one("graph"),
        8: _many("opset"),
        14: _many("entry"),  # metadata_props
    },
    "opset": {1: _TEXT, 2: _NUMBER},
    "entry": {1: _TEXT, 2: _TEXT},
    "graph": {
        1: _many("node"),
        2: _TEXT,  # name
        5: _many("tensor"),  # initializer
        10: _TEXT,  # doc_string
        11: _many("value"),  # input
        12: _many("value"),  # output
        13: _many("value"),  # value_info
    },
    "node": {
        1: _TEXTS,  # input
        2: _TEXTS,  # output
        3: _TEXT,  # name
        4: _TEXT,  # op_type
        5: _many("attribute"),
        6: _TEXT,  # doc_string
        7: _TEXT,  # domain
    },
    "attribute": {
        1: _TEXT,  # name
        2: _FLOAT,
        3: _NUMBER,
        4: _TEXT,
        5: _one("tensor"),
        6: _one("graph"),
        7: _FLOATS,
        8: _NUMBERS,
        9: _TEXTS,
        13: _TEXT,  # doc_string
        20: _NUMBER,  # type
    },
    "tensor": {
        1: _NUMBERS,  # dims
        2: _NUMBER,  # data_type
        4: _FLOATS,
        5: _NUMBERS,  # int32_data
        7: _NUMBERS,  # int64_data
        8: _TEXT,  # name
        9: _TEXT,  # raw_data
        10: _DOUBLES,
        11: _NUMBERS,  # uint64_data
        12: _TEXT,  # doc_string
        13: _many("entry"),  # external_data
        14: _NUMBER,  # data_location
    },
    "value": {1: _TEXT, 2: _one("type"), 3: _TEXT},
    "type": {1: _one("tensor_type"), 6: _TEXT},
    "tensor_type": {1: _NUMBER, 2: _one("shape")},
    "shape": {1: _many("dimension")},
    "dimension": {1: _NUMBER, 2: _TEXT, 3: _TEXT},
}
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 9, 13, 14


def fields(buffer):
    """Yields (number, kind, value) for each field of one message.

    `value` is an int for a varint, and a memoryview for anything else.

    Raises:
        ValueError: if the bytes are not one whole message, or a number is written in
            more bytes than it needs.
    """
    buffer = memoryview(buffer)
    position = 0
    while position < len(buffer):
        key, position = _varint(buffer, position, _MAX_TAG_BYTES)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(buffer, position, _MAX_NUMBER_BYTES)
        else:
            if kind == _BYTES:
                length, position = _varint(buffer, position, _MAX_NUMBER_BYTES)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise ValueError(f"wire type {kind}")
            value = buffer[position : position + length]
            position += length
        if number == 0 or position > len(buffer):
            raise ValueError("message ends early")
        yield number, kind, value


def _varint(buffer, position, most):
    value = 0
    for i in range(most):
        if position >= len(buffer):
            raise ValueError("number ends early")
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            # Readers differ in what they make of bits that do not count.
            if (i > 0 and byte == 0) or value >> (64 if most > 5 else 32):
                break
            return value, position
    raise ValueError("a number is longer than it needs to be")


def varint(value):
    """The bytes of a number, as `fields` reads them."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def messages(data, message="model", depth=0):
    """Yields each message of an ONNX file, an outer one after those in it.

    Args:
        data: bytes of it.
        message: what they are, by its name here.
        depth: how many messages it lies in.

    Yields:
        (name, {field number: value}), of repeated fields a list, of messages in it the
        dicts.

    Returns:
        The dict of the outermost.

    Raises:
        ValueError: if the bytes are not what the fields above say.
    """
    if depth > _MAX_DEPTH:
        raise ValueError("graphs nest too deeply")
    known, found = _MESSAGES[message], {}
    for number, kind, value in fields(data):
        field = known.get(number)
        if field is None or kind not in field.kinds:
            raise ValueError(f"a {message} has no field {number} of wire type {kind}")
        if field.message is not None:
            value = yield from messages(value, field.message, depth + 1)
        if field.repeated:
            found.setdefault(number, []).append(value)
        elif number in found:
            raise ValueError(f"a {message} has field {number} twice")
        else:
            found[number] = value
    yield message, found
    return found


def looks_like_onnx(data):
    """Whether `data` is one whole message with an IR version and a graph."""
    try:
        found = {number: value for number, _, value in fields(data)}
    except ValueError:
        return False
    return isinstance(found.get(1), int) and isinstance(found.get(7), memoryview)


def raw_weights(data):
    """Yields the bytes of each tensor that is kept as raw data, in order.

    Raises:
        ValueError: as `messages`.
    """
    for name, found in messages(data):
        if name == "tensor" and _RAW_DATA in found:
            yield found[_RAW_DATA]


def has_external_data(tensor):
    """Whether a tensor of `messages` points to bytes in another file."""
    return _EXTERNAL_DATA in tensor or bool(tensor.get(_DATA_LOCATION))
