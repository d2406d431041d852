"""Arrays as JSON values, for the metadata of files."""

import base64

import numpy as np

# What is stored, and how: little-endian on every machine.
_STORED = {"float32": "<f4", "int32": "<i4", "int64": "<i8"}


def encode_array(array):
    """A float32, int32 or int64 array as JSON: shape, and its bytes in base64.

    Example:

    >>> encode_array(np.float32([1.0]))
    {'dtype': 'float32', 'shape': [1], 'base64': 'AACAPw=='}
    """
    array = np.asarray(array)
    dtype = array.dtype.name
    raw = array.astype(_STORED[dtype]).tobytes()
    return {
        "dtype": dtype,
        "shape": list(array.shape),
        "base64": base64.b64encode(raw).decode(),
    }


def decode_array(stored):
    """The array that `encode_array` stored.

    Raises:
        ValueError, KeyError or TypeError: if it is not such an array.
    """
    dtype = _STORED[stored["dtype"]]
    raw = base64.b64decode(stored["base64"], validate=True)
    return np.frombuffer(raw, dtype=dtype).reshape(stored["shape"])
