"""Sums of numbers that are told by their logarithms."""

from keras import ops

from zoo.precision import float_dtype

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


def softplus(values):
    """log(1 + exp(values))."""
    if float_dtype(values) == "float64":
        # PyTorch's own gives `values` themselves above 20, which is 2e-9 too little.
        return ops.maximum(values, 0.0) + ops.log1p(ops.exp(-ops.abs(values)))
    return ops.softplus(values)
