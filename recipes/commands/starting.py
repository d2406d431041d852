"""Starts Keras and loads presets, with something to look at meanwhile."""

from recipes.common import backend as backends
from recipes.common.progress import working


def start_keras(backend):
    """Imports Keras on a backend, with something to look at meanwhile."""
    backends.choose_backend(backend)
    with working("Starting Keras"):
        backends.start_keras(backend)


def load_preset(preset, backend):
    """The model of a `Preset`, on the backend that was asked for."""
    start_keras(backend)
    import zoo

    with working("Loading the preset"):
        return zoo.from_preset(preset.folder)
