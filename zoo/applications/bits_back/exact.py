"""A model's copy that computes in float64, and what tells models apart."""

import hashlib
import json
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.inference import pad_rows
from zoo.precision import scope
from zoo.presets.precision import with_dtype
from zoo.serialization import serialize

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
# Rows that functions are compiled for: JAX does so anew for each number, and TensorFlow
# warns of many.
_ROWS = (1, 8, 64, 256)


class Exact:
    """A float64 copy of a model, and its functions, of arrays to arrays.

    Args:
        model: a model of the zoo.

    Attributes:
        model: its copy.
    """

    def __init__(self, model: Any):
        with scope("float64"):
            config = serialize(model)
            config.pop("compile_config", None)
            config = with_dtype(config, "float64")
            self.model: Any = keras.saving.deserialize_keras_object(config)
            self.model.build_remaining()
            self.model.set_weights(model.get_weights())

    def run(self, name, function, *arrays):
        """What a function of tensors gives of arrays, compiled once under a name.

        Args:
            name: of the function, a string.
            function: of tensors (B, ...), to tensors of as many rows.
            arrays: (B, ...); those that are None are left out.
        """
        given = [array for array in arrays if array is not None]
        rows = len(given[0])
        size = next((n for n in _ROWS if n >= rows), rows)
        given = [pad_rows(array, size) for array in given]
        compiled = self.model.inference.get(f"bits back {name}", function)
        found = compiled(*given)
        return keras.tree.map_structure(lambda array: checked(array)[:rows], found)

    def images(self, levels):
        """Images of levels (B, H, W, C), float64."""
        return levels / (self.model.likelihood.num_levels - 1)


def tensor(values):
    """A float64 tensor of an array."""
    return ops.convert_to_tensor(np.asarray(values, np.float64), "float64")


def array(values):
    """A float64 array of a tensor, `checked`."""
    return checked(ops.convert_to_numpy(values))


def checked(values):
    """The same array.

    Raises:
        TypeError: if it is of float32 or less: its digits would not do.
    """
    if values.dtype.kind == "f" and values.dtype != np.float64:
        raise TypeError(
            "`model` must compute in float64 throughout, once it is asked to, to "
            f"compress with; a part of this one gives {values.dtype}."
        )
    return values


def digest(model: Any) -> bytes:
    """16 bytes that tell a model by its weights and configuration, whatever its dtype.

    Args:
        model: a model of the zoo.
    """
    config = serialize(model)
    told = [config["class_name"], config["registered_name"], _essence(config["config"])]
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for weight in model.get_weights():
        found.update(repr(weight.shape).encode())
        found.update(np.asarray(weight, "<f8").tobytes())
    return found.digest()[:16]


def _essence(value):
    """A configuration without what makes no difference."""
    if isinstance(value, dict):
        return {k: _essence(v) for k, v in value.items() if k not in _ASIDE}
    if isinstance(value, (list, tuple)):
        return [_essence(item) for item in value]
    return value
