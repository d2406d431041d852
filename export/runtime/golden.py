"""Golden vectors: inputs and the outputs an exported file must give for them."""

import base64

import numpy as np

# What onnxruntime may differ by between machines, in float32.
REPLAY_TOLERANCE = 1e-5
# The same of logits, whose size has no bound.
LOGITS_REPLAY_TOLERANCE = 1e-4

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


def max_error(got, expected):
    """The largest |got - expected|, relative where |expected| > 1; inf for NaN.

    For images in [0, 1] this is the largest absolute error.
    """
    if got.shape != expected.shape or not np.all(np.isfinite(got)):
        return float("inf")
    if got.size == 0:
        return 0.0
    error = np.abs(got - expected) / np.maximum(1.0, np.abs(expected))
    worst = float(np.max(error))
    return worst if worst == worst else float("inf")


def make_golden(inputs, outputs, tolerance=REPLAY_TOLERANCE):
    """The JSON form of one replay: name -> array, in and out."""
    return {
        "inputs": {name: encode_array(a) for name, a in inputs.items()},
        "outputs": {name: encode_array(a) for name, a in outputs.items()},
        "tolerance": tolerance,
    }


def replay(run, golden):
    """Runs golden inputs through `run(feeds) -> {name: array}`: the largest error.

    Raises:
        ValueError, KeyError or TypeError: if `golden` is malformed.
    """
    feeds = {name: decode_array(a) for name, a in golden["inputs"].items()}
    expected = {name: decode_array(a) for name, a in golden["outputs"].items()}
    if not expected:
        raise ValueError("no outputs")
    got = run(feeds)
    return max(max_error(got[name], array) for name, array in expected.items())
