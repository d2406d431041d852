"""Running exported files with numpy and onnxruntime, and nothing else."""

try:
    import onnxruntime as _onnxruntime  # noqa: F401
except ImportError as error:
    raise ImportError(
        "export.runtime runs models with onnxruntime, which cannot be imported "
        f'({error}): install it with pip install "vae-zoo".'
    ) from error

from export.errors import RuntimeModelError
from export.runtime.classifier import Classifier
from export.runtime.sampler import Sampler
from export.runtime.scorer import Scorer

__all__ = ["Classifier", "RuntimeModelError", "Sampler", "Scorer"]
