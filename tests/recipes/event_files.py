"""What training wrote for TensorBoard, read back by TensorBoard itself."""

import io
import sys
import types

import keras
import numpy as np
from PIL import Image

if keras.backend.backend() != "tensorflow":
    # TensorBoard's reader imports TensorFlow where it is installed, unless it finds
    # this module, its own sign that there is none.
    name = "tensorboard.compat.notf"
    sys.modules.setdefault(name, types.ModuleType(name))


def read_events(folder):
    """{tag: {step: array}} of the event files in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )
    from tensorboard.util.tensor_util import make_ndarray

    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: {e.step: make_ndarray(e.tensor_proto) for e in accumulator.Tensors(tag)}
        for tag in accumulator.Tags()["tensors"]
    }


def pixels(picture):
    """The pixels of a picture's event, or of the bytes of a PNG."""
    if isinstance(picture, bytes):
        return np.asarray(Image.open(io.BytesIO(picture))).astype(int)
    width, height, content = picture
    shown = pixels(bytes(content))
    assert shown.shape[:2] == (int(height), int(width))
    return shown


def assert_same_picture(picture, expected):
    """A picture's event shows what the bytes of a PNG do."""
    np.testing.assert_allclose(pixels(picture), pixels(expected), atol=1)
