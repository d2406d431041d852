"""Which parts of a model are trainable: kept beside its weights.

Not in the configuration: there Keras keeps it of single layers alone, and a layer that
starts out frozen has parts that are not.
"""

from typing import Any

import keras

MODEL = "."
KEY = "trainable"


def trainable_parts(model: keras.Model) -> dict[str, dict[str, bool]]:
    """What differs from a model that is trainable as a whole.

    Returns:
        {"trainable": {path: bool}}, the path of a part being the names of the
        attributes that lead there, such as "encoder.hidden.0", or "." for the model
        itself. What a part says holds for all inside it but those that are listed,
        too. An empty dictionary where all is trainable.
    """
    differing: dict[str, bool] = {}
    _collect(model, MODEL, True, differing, set())
    return {KEY: differing} if differing else {}


def set_trainable_parts(model: keras.Model, metadata: dict[str, Any], folder) -> None:
    """Freezes and unfreezes as `trainable_parts` found it.

    Args:
        model: a built model.
        metadata: the preset's.
        folder: the preset's, for the error.

    Raises:
        ValueError: if the model has no such part.
    """
    # From the outside to the inside, as each sets all that it holds.
    listed = metadata.get(KEY) or {}
    for path in sorted(listed, key=lambda path: (path != MODEL, path.count("."), path)):
        part = _part(model, path)
        if part is None:
            raise ValueError(
                f"metadata.json in the preset {str(folder)!r} says whether {path!r} is "
                f"trainable, but the {type(model).__name__} has no such part."
            )
        # TensorFlow leaves out what seems to be so already, and with it what is inside.
        part.trainable = not listed[path]
        part.trainable = bool(listed[path])


def _collect(layer, path, inherited, differing, seen):
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if layer.trainable != inherited:
        differing[path] = bool(layer.trainable)
    for name, child in _children(layer):
        inside = name if path == MODEL else f"{path}.{name}"
        _collect(child, inside, layer.trainable, differing, seen)


def _part(model, path):
    """The layer that a path leads to, or None."""
    if path == MODEL:
        return model
    layer, rest = model, path
    while rest:
        for name, child in _children(layer):
            if rest == name or rest.startswith(f"{name}."):
                layer, rest = child, rest[len(name) + 1 :]
                break
        else:
            return None
    return layer


def _children(layer):
    """(name, layer) of the layers that are public attributes, or in lists of them."""
    found = []
    for name in sorted(dir(layer)):
        on_class = getattr(type(layer), name, None)
        if name.startswith("_") or isinstance(on_class, property) or callable(on_class):
            continue
        found += _layers_in(name, getattr(layer, name, None))
    if isinstance(layer, keras.Model):  # those of Sequential are no attributes
        known = {id(child) for _, child in found}
        layers = _layers_in("layers", layer.layers)
        found += [(name, child) for name, child in layers if id(child) not in known]
    return found


def _layers_in(name, value):
    if isinstance(value, keras.layers.Layer):
        return [(name, value)]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return []
    return [pair for key, item in items for pair in _layers_in(f"{name}.{key}", item)]
