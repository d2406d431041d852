"""How the parts of a model are named in constructors and kept in JSON."""

import sys
from typing import Any

import keras
from keras.src.utils import module_utils


def get_component(identifier, by_name, argument, method):
    """Resolves a part of a model from a name, a serialized dictionary or itself.

    Args:
        identifier: what the caller gave.
        by_name: dictionary of short names to constructors.
        argument: the constructor argument, for the error.
        method: a method that every such part has.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything that is none of the three.
    """
    if isinstance(identifier, str):
        if identifier not in by_name:
            known = ", ".join(repr(name) for name in sorted(by_name))
            raise ValueError(
                f"`{argument}` must be one of {known} or an object; got {identifier!r}."
            )
        return by_name[identifier]()
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if callable(getattr(identifier, method, None)) and not isinstance(identifier, type):
        return identifier
    raise TypeError(
        f"`{argument}` must be a name or an object with a method `{method}`; "
        f"got {type(identifier).__name__}."
    )


def to_json(part):
    """The JSON form of a part, a schedule, a plain number or several of them."""
    if part is None or isinstance(part, (int, float, str)):
        return part
    if isinstance(part, (list, tuple)):
        return [to_json(each) for each in part]
    config = serialize(part)
    config.pop("build_config", None)  # the model builds its parts
    return config


def serialize(part) -> dict[str, Any]:
    """`keras.saving.serialize_keras_object`, on PyTorch and JAX seconds sooner.

    Keras' own imports TensorFlow where it is installed, to ask whether a part is of it:
    nothing is, of what is not imported.
    """
    tensorflow: Any = module_utils.tensorflow
    # Where Keras knows it by another name, it is slower, not wrong.
    if "tensorflow" in sys.modules or not hasattr(tensorflow, "_available"):
        return keras.saving.serialize_keras_object(part)
    known, tensorflow._available = tensorflow._available, False
    try:
        return keras.saving.serialize_keras_object(part)
    finally:
        tensorflow._available = known
