"""`Classifier`: the classes of images, from an exported model of few labels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.runtime.arguments import Float32
from export.runtime.running import FileOfImages
from export.runtime.signature import CLASSIFIER_KIND


class Classifier(FileOfImages):
    """Tells the classes of images with numpy and onnxruntime alone.

    q(y|x) of a `zoo.SemiSupervisedVAE` or a `zoo.StackedSemiSupervisedVAE`, the same
    however many threads or chunks compute it. It may be used from any number of
    threads, and can be pickled, as `Sampler` is.

    Args:
        file_or_folder_or_bytes: a classifier.onnx written by
            `export.export_classifier`, a folder written by `export.export_model` that
            has one, the bytes of such a file, or a file object of it.
        threads, providers: as in `Sampler`.

    Attributes:
        metadata: dict of what the file says about itself: as `Sampler.metadata`.
        path: of the file or folder; None of bytes.
        image_shape: (H, W, C).
        num_classes: how many classes there are.
        class_names: list of their names, or None.

    Raises:
        As `Sampler`.

    Example:

    >>> import export, zoo, tempfile
    >>> model = zoo.SemiSupervisedVAE(
    ...     (8, 8, 1), 2, num_classes=2, class_names=["cat", "dog"], hidden_units=(4,)
    ... )
    >>> path = tempfile.mkdtemp() + "/classifier.onnx"
    >>> report = export.export_classifier(model, path)
    >>> classifier = export.Classifier(path)
    >>> classifier.class_names
    ['cat', 'dog']
    >>> classifier.predict_proba(model.sample(3, labels="dog", seed=0)).shape
    (3, 2)
    """

    _kind = CLASSIFIER_KIND

    def __init__(
        self,
        file_or_folder_or_bytes: Any,
        threads: int | None = None,
        providers: Any = None,
    ):
        super().__init__(file_or_folder_or_bytes, threads, providers)
        self.num_classes: int = self.metadata["num_classes"]
        self.class_names: list[str] | None = self.metadata["class_names"]

    def _told(self):
        return f"num_classes={self.num_classes}"

    def predict_proba(self, x: Any) -> Float32:
        """q(y|x), how probable each class is: float32 (N, num_classes).

        Args:
            x: images (N, H, W, C), numbers in [0, 1].

        Raises:
            TypeError, ValueError: if they are not such images.
        """
        return self._run(x, "probabilities")

    def predict(self, x: Any) -> npt.NDArray[np.int64]:
        """The number of the most probable class of each image: int64 (N,)."""
        return self.predict_proba(x).argmax(axis=1).astype(np.int64)
