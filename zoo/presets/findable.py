"""What a preset may hold: layers that whoever loads it finds again, and no code."""

import sys
from typing import Any

import keras

from zoo.serialization import serialize

_CODE = ("Lambda", "__lambda__")
LAMBDA = (
    "A Lambda is Python code, which no preset holds: write a layer with `get_config` "
    "instead, registered by @keras.saving.register_keras_serializable()."
)


def unsavable(model: keras.Model) -> str | None:
    """Why a model could not be loaded from a preset, in a sentence; None if it could.

    Args:
        model: a model of the zoo.
    """
    try:
        config = serialize(model)
    except Exception as error:  # whatever a user's get_config raises
        return (
            f"{type(model).__name__} cannot be saved, as Keras cannot serialize it: "
            f"{' '.join(str(error).split())}"
        )
    return refusal(config)


def refusal(config: dict[str, Any]) -> str | None:
    """Why a configuration could not be loaded, in a sentence; None if it could."""
    values: list[Any] = [config]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            if holds_code(value):
                return LAMBDA
            if "registered_name" in value and not _is_found(value):
                return (
                    f"{value.get('class_name')} cannot be found again by who loads "
                    "the model: register it, in a module that can be imported, by "
                    "@keras.saving.register_keras_serializable()."
                )
            values += value.values()
    return None


def holds_code(value: dict[str, Any]) -> bool:
    """Whether a dictionary of a configuration is Python code, marshalled."""
    return value.get("class_name") in _CODE


def _is_found(value):
    name, class_name = value.get("registered_name"), value.get("class_name")
    if class_name == "function":  # which Keras calls by name, where a config stands
        name = class_name = value.get("config")
    if (
        isinstance(name, str)
        and name
        and keras.saving.get_registered_object(name) is not None
    ):
        return True
    # That of a live object is imported; nothing is imported because it has a name.
    module = sys.modules.get(value.get("module") or "")
    if module is None:
        return False
    return isinstance(class_name, str) and hasattr(module, class_name)
