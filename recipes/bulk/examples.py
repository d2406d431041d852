"""Records of tf.train.Example, written and read without TensorFlow.

An Example is {name: list of bytes, of float32 or of int64}: example.proto and
feature.proto of TensorFlow, told here to the protobuf package as descriptors.
"""

from __future__ import annotations

import functools

import numpy as np

from recipes.data.locations import require

# Of google.protobuf.descriptor_pb2.FieldDescriptorProto.
_OPTIONAL, _REPEATED = 1, 3
_FLOAT, _INT64, _STRING, _MESSAGE, _BYTES = 2, 3, 9, 11, 12
_PACKAGE = "vae_zoo"  # TensorFlow's own, if it is imported, are called otherwise
_LISTS = (("bytes_list", _BYTES), ("float_list", _FLOAT), ("int64_list", _INT64))


@functools.cache
def _example():
    """The class of Example messages."""
    descriptor_pb2 = require("google.protobuf.descriptor_pb2", "ray")
    descriptor_pool = require("google.protobuf.descriptor_pool", "ray")
    factory = require("google.protobuf.message_factory", "ray")
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}/example.proto", package=_PACKAGE, syntax="proto3"
    )

    def message(name, *fields, parent=file.message_type):
        found = parent.add(name=name)
        for number, (field, label, kind, of) in enumerate(fields, 1):
            of = f".{_PACKAGE}.{of}" if of else None
            found.field.add(
                name=field, number=number, label=label, type=kind, type_name=of
            )
        return found

    for name, kind in _LISTS:
        message(name, ("value", _REPEATED, kind, None))
    message("Feature", *((name, _OPTIONAL, _MESSAGE, name) for name, _ in _LISTS))
    features = message("Features", ("feature", _REPEATED, _MESSAGE, "Features.Entry"))
    entry = message(
        "Entry",
        ("key", _OPTIONAL, _STRING, None),
        ("value", _OPTIONAL, _MESSAGE, "Feature"),
        parent=features.nested_type,
    )
    entry.options.map_entry = True
    message("Example", ("features", _OPTIONAL, _MESSAGE, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


def to_record(values) -> bytes:
    """An Example.

    Args:
        values: {name: a number, an array of them, bytes, a text, or a list of bytes}.
    """
    example = _example()()
    for name in sorted(values):
        value, feature = values[name], example.features.feature[name]
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes | list):
            feature.bytes_list.value.extend(
                [value] if isinstance(value, bytes) else value
            )
            continue
        flat = np.ravel(value)
        whole = flat.dtype.kind in "iub"
        numbers = feature.int64_list if whole else feature.float_list
        numbers.value.extend(flat.tolist())
    return example.SerializeToString(deterministic=True)


def from_record(record: bytes, what: str) -> dict:
    """{name: list of bytes, or array of int64 or float32} of an Example.

    Raises:
        ValueError: if it is none.
    """
    try:
        features = _example().FromString(record).features.feature
    except Exception as error:  # DecodeError, of another module in every version
        raise ValueError(f"A record of {what} is no tf.train.Example.") from error
    found = {}
    for name, feature in features.items():
        if feature.bytes_list.value:
            found[name] = list(feature.bytes_list.value)
        elif feature.int64_list.value:
            found[name] = np.array(feature.int64_list.value, np.int64)
        else:
            found[name] = np.array(feature.float_list.value, np.float32)
    return found
