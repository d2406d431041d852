"""Starts Keras and loads presets, with something to look at meanwhile."""

from recipes.common import backend as backends
from recipes.common.devices import prepare_devices
from recipes.common.progress import working


def start_keras(backend, devices=None, machines=None):
    """Imports Keras on a backend, with something to look at meanwhile.

    Args:
        backend: its name, or None.
        devices, machines: as `recipes.common.devices.prepare_devices` takes them.
    """
    backends.choose_backend(backend)
    told = f" and waiting for {len(machines.addresses)} machines" if machines else ""
    with working(f"Starting Keras{told}"):
        prepare_devices(devices, backend, machines)
        backends.start_keras(backend)


def load_preset(preset, backend):
    """The model of a `Preset`, on the backend that was asked for."""
    start_keras(backend)
    import zoo

    with working("Loading the preset"):
        return zoo.from_preset(preset.folder)
