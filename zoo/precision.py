"""Models that compute in float64: what computes so with them, and what it takes.

A layer of dtype "float64" gives float64. What is made of it, such as distributions and
the probabilities of pixels, is float64, too; of all other dtypes it is float32.
"""

import contextlib
import sys
import threading
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import dtypes


def float_dtype(values: Any) -> str:
    """What to compute with values in: float64 of a tensor of it, else float32.

    Of NumPy arrays and plain numbers, too, it is "float32".
    """
    dtype = getattr(values, "dtype", None)
    if dtype is None or isinstance(values, (np.ndarray, np.generic)):
        return "float32"
    is_double = keras.backend.standardize_dtype(dtype) == "float64"
    return "float64" if is_double else "float32"


def at_least_float32(values: Any) -> Any:
    """A tensor of float32, or of float64 if it is one: see `float_dtype`.

    Example:

    >>> from keras import ops
    >>> from zoo.precision import at_least_float32
    >>> at_least_float32(ops.zeros((2,), "bfloat16")).dtype == ops.zeros((2,)).dtype
    True
    """
    return ops.cast(values, float_dtype(values))


def at_most_float32(values: Any) -> Any:
    """Values as they are, but for tensors of float64, which become float32."""
    if float_dtype(values) == "float64":
        return ops.cast(values, "float32")
    return values


def of_policy(policy: Any) -> str:
    """What all but networks of a dtype or policy compute in, as in `float_dtype`."""
    if policy is None:
        return "float32"
    compute = keras.dtype_policies.get(policy).compute_dtype
    return "float64" if compute == "float64" else "float32"


def make_float64(layer: Any) -> None:
    """Has a layer that has no weights yet compute in float64, and all that is in it."""
    if not layer.built:
        for part in layer._flatten_layers():
            part.dtype_policy = "float64"


def scope(dtype: Any) -> Any:
    """A context in which what is of this dtype or policy can be made and computed.

    Outside of it Keras makes float32 of float64 in many an operation, on JAX and
    PyTorch, and JAX in every one. What the functions of a model compute they compute in
    it; around a constructor, on JAX, and around single operations it is the caller's.
    Of any dtype but "float64" it is nothing.

    Args:
        dtype: of a model.
    """
    is_double = of_policy(dtype) == "float64"
    return _keeping_float64() if is_double else contextlib.nullcontext()


class _Promotion(dict):
    """What Keras makes of the dtypes of results, less one in the threads within."""

    within = threading.local()

    def get(self, key, default=None):
        if key == "float64" and getattr(self.within, "depth", 0):
            return key
        return super().get(key, default)


@contextlib.contextmanager
def _keeping_float64():
    name = "BIT64_TO_BIT32_DTYPE"  # a Keras without it keeps float64 itself
    rules = getattr(dtypes, name, None)
    if rules is not None and not isinstance(rules, _Promotion):
        setattr(dtypes, name, _Promotion(rules))
    within = _Promotion.within
    on_jax = keras.backend.backend() == "jax"
    with _jax_enabled() if on_jax else contextlib.nullcontext():
        within.depth = getattr(within, "depth", 0) + 1
        try:
            yield
        finally:
            within.depth -= 1


def _jax_enabled():
    jax = sys.modules["jax"]  # which Keras has imported
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return jax.experimental.enable_x64()  # pyright: ignore  # before JAX 0.8


def scope_of(*parts: Any) -> Any:
    """The `scope` of distributions and priors, float64 if any of them is."""
    found = {float_dtype(getattr(part, "mean", None)) for part in parts}
    found |= {of_policy(getattr(part, "dtype_policy", None)) for part in parts}
    return scope("float64" if "float64" in found else None)


def check_scope(dtype: Any) -> None:
    """Refuses to make a model whose numbers would not be of its dtype.

    Raises:
        ValueError: for float64 on JAX outside of `scope`.
    """
    if of_policy(dtype) == "float64" and not _has_float64():
        raise ValueError(
            "`dtype` 'float64' needs 64-bit numbers, which JAX has not enabled: make "
            "the model within `with zoo.precision.scope('float64'):`, or load it with "
            "zoo.from_preset; got none."
        )


def check_can_train(dtype: Any) -> None:
    """Refuses to train where a step would not be of the model's dtype.

    Raises:
        ValueError: for float64 on JAX, unless it is enabled for good.
    """
    if of_policy(dtype) == "float64" and not _has_float64():
        raise ValueError(
            "A model of dtype 'float64' trains with 64-bit numbers, which JAX has not "
            "enabled: set JAX_ENABLE_X64=1, or load it with dtype='float32'."
        )


def _has_float64():
    """Whether tensors can be of float64 here and now."""
    return float_dtype(ops.zeros((), "float64")) == "float64"
