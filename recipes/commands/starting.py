"""Starts Keras and loads presets, with something to look at meanwhile."""

from recipes.common import backend as backends
from recipes.common.devices import prepare_devices
from recipes.common.progress import working


def start_keras(backend, devices=None):
    """Imports Keras on a backend, with something to look at meanwhile.

    Args:
        backend: its name, or None.
        devices: as `recipes.common.devices.prepare_devices` takes it.
    """
    backends.choose_backend(backend)
    with working("Starting Keras"):
        prepare_devices(devices, backend)
        backends.start_keras(backend)


def load_preset(preset, backend):
    """The model of a `Preset`, on the backend that was asked for."""
    start_keras(backend)
    import zoo

    with working("Loading the preset"):
        return zoo.from_preset(preset.folder)
