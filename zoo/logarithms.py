"""Sums of numbers that are told by their logarithms."""

from keras import ops

# Next to the least of float32: from -inf nothing can be subtracted.
_LEAST = -3e38


def log_sum_exp(values, axis=-1, keepdims=False):
    """log(sum(exp(values))), of operators that every exported file may hold.

    `ops.logsumexp` looks for infinities and NaN besides, by operators that some
    runtimes lack.
    """
    largest = ops.stop_gradient(ops.max(values, axis=axis, keepdims=True))
    largest = ops.maximum(largest, _LEAST)
    total = ops.sum(ops.exp(values - largest), axis=axis, keepdims=True)
    result = largest + ops.log(total)
    return result if keepdims else ops.squeeze(result, axis=axis)
