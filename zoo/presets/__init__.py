"""Presets: a trained model as a folder, and those that ship with the package.

A folder holds `config.json` (the architecture), `model.weights.h5`, `metadata.json`
(checksums, metrics, how it was trained) and, for shipped ones, a model card and
pictures. It holds no code and no pickles, and it loads on every backend.

`hf://user/name` is one on the Hugging Face hub. All but `from_preset`,
`round_to_half` and `save_to_preset` does without Keras.
"""

from typing import TYPE_CHECKING

from zoo import lazy
from zoo.presets.folder import (
    list_presets,
    preset_folder,
    preset_info,
    update_metadata,
)
from zoo.presets.hub.download import download_preset
from zoo.presets.hub.upload import upload_preset

if TYPE_CHECKING:
    from zoo.presets.loading import from_preset
    from zoo.presets.saving import save_to_preset
    from zoo.presets.weights import round_to_half

__all__ = [
    "download_preset",
    "from_preset",
    "list_presets",
    "preset_folder",
    "preset_info",
    "round_to_half",
    "save_to_preset",
    "update_metadata",
    "upload_preset",
]

__getattr__, __dir__ = lazy.attributes(
    __name__,
    modules=[],
    defined_in={
        "from_preset": "zoo.presets.loading",
        "round_to_half": "zoo.presets.weights",
        "save_to_preset": "zoo.presets.saving",
    },
    without_keras=[],
)
