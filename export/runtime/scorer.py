"""`Scorer`: how unusual images are, from an exported detector."""

from typing import Any

import numpy as np
import numpy.typing as npt

from export.runtime.arguments import Float32
from export.runtime.running import FileOfImages
from export.runtime.signature import SCORER_KIND


class Scorer(FileOfImages):
    """Tells anomalies with numpy and onnxruntime alone, as `AnomalyDetector` does.

    Deterministic: the noise is in the file, and the same file gives an image the same
    score however many threads or chunks compute it. It may be used from any number of
    threads, and can be pickled, as `Sampler` is.

    Args:
        file_or_bytes: a scorer.onnx written by `export.export_scorer`, its bytes, or a
            file object of it.
        threads, providers: as in `Sampler`.

    Attributes:
        metadata: dict of what the file says about itself: as `Sampler.metadata`, and
            `anomaly`: the `score`'s name, its `offset`, which is the threshold in nats,
            the `quantile` of normal images above it, `num_draws`, `seed`, `num_images`
            that it was fitted on.
        path: of the file; None of bytes.
        image_shape: (H, W, C).
        offset: the threshold, in nats.

    Raises:
        As `Sampler`.

    Example:

    >>> import export, zoo, tempfile
    >>> from zoo.applications import AnomalyDetector
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> detector = AnomalyDetector(model).fit(model.sample(64, seed=0).round())
    >>> path = tempfile.mkdtemp() + "/scorer.onnx"
    >>> report = export.export_scorer(detector, path)
    >>> scorer = export.Scorer(path)
    >>> scorer.heat_map(model.sample(2, seed=1).round()).shape
    (2, 28, 28)
    """

    _kind = SCORER_KIND

    def __init__(
        self, file_or_bytes: Any, threads: int | None = None, providers: Any = None
    ):
        super().__init__(file_or_bytes, threads, providers)
        self.offset = float(self.metadata["anomaly"]["offset"])

    def _told(self):
        return f"score={self.metadata['anomaly']['score']!r}"

    def score_samples(self, x: Any) -> Float32:
        """The score of each image in nats, float32 (N,): higher is more normal.

        Args:
            x: images (N, H, W, C), numbers in [0, 1].

        Raises:
            TypeError, ValueError: if they are not such images.
        """
        return self._run(x, "score")

    def decision_function(self, x: Any) -> Float32:
        """The score less the threshold, float32 (N,): negative for anomalies."""
        return self._run(x, "decision")

    def predict(self, x: Any) -> npt.NDArray[np.int64]:
        """+1 for normal images, -1 for anomalies: int64 (N,)."""
        return np.where(self.decision_function(x) < 0, -1, 1)

    def heat_map(self, x: Any) -> Float32:
        """Where an image is unusual: -E log p(x_i|z) of each pixel, (N, H, W)."""
        return self._run(x, "heat_map")
