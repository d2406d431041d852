"""A preset's configuration for another dtype than the one it was saved with."""

from typing import Any

import keras

# Their dtypes are no policies of networks.
_VALUES = ("InputLayer", "__keras_tensor__", "__numpy__", "__tensor__")
_FLOATS = ("bfloat16", "float16", "float32", "float64")


def with_dtype(config: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The configuration of a model whose networks have another dtype policy.

    What had the model's policy gets the new one; what had another, such as a last layer
    in float32, keeps it. Likelihoods, quantizers and priors over vectors stay in
    float32 whatever the networks compute in, unless it is float64, which all else is in
    then, too.

    Args:
        config: a model, serialized.
        dtype: a dtype or policy of Keras.

    Raises:
        ValueError: if there is no such policy.
    """
    new, old, own = policy_name(dtype), dtype_of(config), config["config"]
    if new == "float64":
        olds, exact = {old, "float32"}, ({"float32"}, new)
    else:
        olds, exact = {old}, ({"float64"}, "float32")
    rewritten: Any = _rewritten(own, olds, new, exact)
    return {**config, "config": {**rewritten, "dtype": new}}


def dtype_of(config: dict[str, Any]) -> str:
    """The name of a serialized model's dtype policy."""
    own = config.get("config")
    return (isinstance(own, dict) and _name(own.get("dtype"))) or "float32"


def policy_name(dtype: Any) -> str:
    """The name of a floating dtype policy of Keras.

    Raises:
        ValueError: if there is none.
    """
    try:
        policy = keras.dtype_policies.get(dtype)
        known = policy.compute_dtype in _FLOATS and policy.quantization_mode is None
    except (TypeError, ValueError):
        known = False
    if dtype is None or not known:
        raise ValueError(
            "`dtype` must be a floating dtype or dtype policy of Keras, such as "
            f"'float32', 'mixed_bfloat16' or 'mixed_float16'; got {dtype!r}."
        )
    return policy.name


def _rewritten(value, olds, new, exact):
    """A part of a configuration with `new` where a dtype is one of `olds`.

    `exact` is what these two are in parts that are never of less than float32.
    """
    if isinstance(value, (list, tuple)):
        return [_rewritten(item, olds, new, exact) for item in value]
    if not isinstance(value, dict) or value.get("class_name") in _VALUES:
        return value
    return {key: _entry(key, item, olds, new, exact) for key, item in value.items()}


def _entry(key, value, olds, new, exact):
    if key == "dtype":
        return new if _name(value) in olds else value
    if key == "likelihood" or (key == "prior" and not _is_of_codes(value)):
        olds, new = exact
    return _rewritten(value, olds, new, exact)


def _is_of_codes(prior):
    """Whether a prior is a network that predicts codes."""
    return isinstance(prior, dict) and "codebook_size" in prior.get("config", {})


def _name(dtype):
    """The name of a policy in a configuration: itself, or within a dictionary."""
    if isinstance(dtype, dict):
        config = dtype.get("config")
        return config.get("name") if isinstance(config, dict) else None
    return dtype if isinstance(dtype, str) else None
