"""The classes that a model is made of, to be found again by the process that converts.

Those of training alone are left out: an exported file needs no objective.
"""

import importlib
import sys

from export.errors import ExportError

# Constructor arguments that files do not depend on, and what stands for them.
_OF_TRAINING = {"objective": None, "beta": 1.0}
# Where Keras and the zoo find their classes by themselves.
_FOUND = ("keras", "zoo", "builtins")


def prepare(folder):
    """Leaves out of a preset what training alone needs: the classes that remain.

    Args:
        folder: a preset, which is changed.

    Returns:
        dicts of `module`, `class_name` and `registered_name`, of classes that are
        neither of the zoo nor of those of Keras that every preset may hold: JSON
        values.

    Raises:
        ExportError: if one of them is defined in the script that runs.
    """
    from zoo.presets import files

    config, metadata = files.read_config(folder), files.read_metadata(folder)
    for argument, default in _OF_TRAINING.items():
        if _foreign(config["config"].get(argument)):
            config["config"][argument] = default
    files.write_json(folder / files.CONFIG, config)
    metadata["sha256"][files.CONFIG] = files.digest(folder / files.CONFIG)
    metadata.pop("trainable", None)  # of parts that may be gone
    files.write_metadata(folder, metadata)
    remaining = _foreign(config)
    for entry in remaining:
        if entry["module"] == "__main__":
            raise ExportError(
                f"{entry['class_name']} is defined in the script that runs, which the "
                "fresh process that converts cannot import: move it to a module."
            )
    return remaining


def find(entries):
    """Imports the modules of classes, most of which then register them with Keras.

    Args:
        entries: as `prepare` returns them.

    Returns:
        {name: class or function} of those that are not registered.

    Raises:
        ExportError: naming a class that is not there.
    """
    import keras

    found = {}
    for entry in entries:
        name, class_name = entry["registered_name"], entry["class_name"]
        try:
            module = importlib.import_module(entry["module"])
        except ImportError as error:
            raise ExportError(
                f"{class_name} is defined in {entry['module']}, which the fresh "
                f"process that converts cannot import: {error}."
            ) from error
        if keras.saving.get_registered_object(name) is None:
            if not hasattr(module, class_name):
                raise ExportError(
                    f"{class_name} is not to be found in {entry['module']}: define it "
                    "at the top of the module, not within a function."
                )
            found[name] = getattr(module, class_name)
    return found


def _is_found(entry, module):
    """Whether a process finds a class by itself, and every preset may hold it."""
    from zoo.presets.allowed import is_listed

    root = module.partition(".")[0]
    if root == "keras" and entry["class_name"] != "function":
        return is_listed(entry)
    return root in _FOUND


def _module_of_function(entry):
    """Where a function lies: Keras writes "builtins" of one that is registered."""
    import keras

    name = entry.get("config")
    known = isinstance(name, str) and keras.saving.get_registered_object(name)
    return known.__module__ if known else entry.get("module")


def _foreign(value):
    """The entries of a configuration that name a user's classes and functions."""
    found = {}
    values = [value]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += value.values()
            module, class_name = value.get("module", ""), value.get("class_name")
            if module is None and class_name:  # what Keras writes of a script's
                module = "__main__"
            elif class_name == "function":
                module = _module_of_function(value)
            # That of a live object is imported; another is text, perhaps a stranger's.
            if not (isinstance(module, str) and class_name and module in sys.modules):
                continue
            if _is_found(value, module):
                continue
            if class_name == "function":
                class_name = str(value.get("config")).rpartition(">")[2]
                name = value.get("config")
            else:
                name = value.get("registered_name") or class_name
            found[module, class_name] = {
                "module": module,
                "class_name": class_name,
                "registered_name": name,
            }
    return [found[key] for key in sorted(found)]
