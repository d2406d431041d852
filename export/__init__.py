"""How a model leaves Keras: ONNX files that sample with numpy and onnxruntime alone.

`Sampler` runs an exported file, of images or of texts, `Scorer` one that scores images,
`Classifier` one that tells their classes; `export_decoder`, `export_model`,
`export_scorer` and `export_classifier` write them. To import this package costs numpy
and onnxruntime only: what conversion needs (Keras, TensorFlow, tf2onnx, onnx) is
imported when a model is converted.
"""

from export.errors import ExportError, RuntimeModelError
from export.exporter import (
    export_classifier,
    export_decoder,
    export_model,
    export_scorer,
)
from export.report import ExportReport, ModelReport
from export.runtime import Classifier, Sampler, Scorer

__all__ = [
    "Classifier",
    "ExportError",
    "ExportReport",
    "ModelReport",
    "RuntimeModelError",
    "Sampler",
    "Scorer",
    "export_classifier",
    "export_decoder",
    "export_model",
    "export_scorer",
]
