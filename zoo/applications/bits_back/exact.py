"""A model's copy that computes in float64, and what tells models apart."""

import contextlib
import hashlib
import json
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.presets.precision import with_dtype

# What a configuration holds that makes no difference to how images are coded.
_ASIDE = (
    "adversary",
    "beta",
    "build_config",
    "compile_config",
    "dtype",
    "name",
    "objective",
    "seed",
    "trainable",
)


class Exact:
    """A float64 copy of a model, whose functions are called as they are.

    Args:
        model: a model of the zoo.

    Attributes:
        model: its copy.
    """

    def __init__(self, model: Any):
        with scope():
            config = keras.saving.serialize_keras_object(model)
            config.pop("compile_config", None)
            config = with_dtype(config, "float64")
            self.model: Any = keras.saving.deserialize_keras_object(config)
            self.model.build_remaining()
            self.model.set_weights(model.get_weights())

    @contextlib.contextmanager
    def computing(self):
        """What is around all that is computed with the copy."""
        with scope(), self.model.without_gradients():
            yield

    def images(self, levels):
        """Images of levels (B, H, W, C), as a float64 tensor."""
        top = max(1, self.model.likelihood.num_levels - 1)
        return tensor(levels / top)


def scope():
    """In which float64 stays float64: JAX needs to be told."""
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.enable_x64(True)


def tensor(values):
    """A float64 tensor of an array."""
    return ops.convert_to_tensor(np.asarray(values, np.float64), "float64")


def array(values):
    """A float64 array of a tensor.

    Raises:
        TypeError: if it is of another dtype: its digits would not do.
    """
    found = ops.convert_to_numpy(values)
    if found.dtype != np.float64:
        raise TypeError(
            "Compression needs a model that computes in float64 throughout; a part of "
            f"this one gives {found.dtype}."
        )
    return found


def digest(model: Any) -> bytes:
    """16 bytes that tell a model by its weights and configuration, whatever its dtype.

    Args:
        model: a model of the zoo.
    """
    config = keras.saving.serialize_keras_object(model)
    told = [config["class_name"], config["registered_name"], _essence(config["config"])]
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for weight in model.get_weights():
        found.update(repr(weight.shape).encode())
        found.update(np.asarray(weight, "<f8").tobytes())
    return found.digest()[:16]


def _essence(value):
    """A configuration without what makes no difference."""
    if isinstance(value, dict):
        kept = {k: _essence(v) for k, v in value.items() if k not in _ASIDE}
        return kept if value.get("class_name") != "DTypePolicy" else None
    if isinstance(value, (list, tuple)):
        return [_essence(item) for item in value]
    return value
