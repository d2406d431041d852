"""A preset's configuration for another dtype than the one it was saved with."""

from typing import Any

import keras

# Their dtypes are no policies of networks.
_VALUES = ("InputLayer", "__keras_tensor__", "__numpy__", "__tensor__")
_FLOATS = ("bfloat16", "float16", "float32", "float64")


def with_dtype(config: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The configuration of a model whose networks have another dtype policy.

    What had the model's policy gets the new one; what had another, such as a last layer
    in float32, keeps it. Likelihoods and priors over vectors stay in float32, which
    the terms of the ELBO are in whatever the networks compute in.

    Args:
        config: a model, serialized.
        dtype: a dtype or policy of Keras.

    Raises:
        ValueError: if there is no such policy.
    """
    new = policy_name(dtype)
    own = config["config"]
    rewritten: Any = _rewritten(own, _name(own.get("dtype")) or "float32", new)
    return {**config, "config": {**rewritten, "dtype": new}}


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


def _rewritten(value, old, new):
    if isinstance(value, (list, tuple)):
        return [_rewritten(item, old, new) for item in value]
    if not isinstance(value, dict) or value.get("class_name") in _VALUES:
        return value
    return {key: _entry(key, item, old, new) for key, item in value.items()}


def _entry(key, value, old, new):
    if key == "dtype":
        return new if _name(value) == old else value
    if key == "likelihood" or (key == "prior" and not _is_of_codes(value)):
        return value
    return _rewritten(value, old, new)


def _is_of_codes(prior):
    """Whether a prior is a network that predicts codes."""
    return isinstance(prior, dict) and "codebook_size" in prior.get("config", {})


def _name(dtype):
    """The name of a policy in a configuration: itself, or within a dictionary."""
    if isinstance(dtype, dict):
        config = dtype.get("config")
        return config.get("name") if isinstance(config, dict) else None
    return dtype if isinstance(dtype, str) else None
