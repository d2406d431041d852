"""What `Sampler`, `Scorer` and `Classifier` share: a file that is run."""

from typing import Any

from export.runtime.arguments import check_images, check_threads
from export.runtime.chunks import run_in_chunks
from export.runtime.opened import OpenedModel, reopened


class FileThatRuns:
    """An exported file or folder, opened, which can be pickled.

    Args:
        source, providers, kinds: as `OpenedModel` takes them.
        threads: as in `export.Sampler`.

    Raises:
        As `export.Sampler`.
    """

    def __init__(self, source: Any, threads: Any, providers: Any, kinds: tuple):
        self._threads = check_threads(threads)
        self._options = (threads, providers)
        self._opened = OpenedModel(source, providers, kinds)
        self.path = self._opened.path
        self.metadata: dict[str, Any] = self._opened.main.metadata

    def __reduce__(self):
        digest = self.metadata["content_sha256"]
        return reopened, (type(self), self._opened.source, *self._options, digest)

    def verify(self) -> dict[str, Any]:
        """Replays the golden vectors kept in each file, and checks the manifest.

        Returns:
            dict: `files` maps each file name to its `content_sha256`,
            `max_abs_error` and `tolerance`; `max_abs_error` is the largest of all.

        Raises:
            RuntimeModelError: if an output is further away than the tolerance, or a
                file is not the one that the manifest lists.
        """
        return self._opened.verify()


class FileOfImages(FileThatRuns):
    """An exported file whose one input is images, run with numpy and onnxruntime.

    Args:
        source: as `OpenedModel` takes it.
        threads, providers: as in `export.Sampler`.

    Raises:
        As `export.Sampler`.
    """

    _kind: str

    def __init__(self, source: Any, threads: int | None = None, providers: Any = None):
        super().__init__(source, threads, providers, (self._kind,))
        self.image_shape = tuple(self.metadata["image_shape"])

    def __repr__(self):
        return (
            f"{type(self).__name__}({str(self._opened)!r}: "
            f"{self.metadata.get('model')}, {self._told()}, "
            f"image_shape={self.image_shape})"
        )

    def _told(self):
        """What is said of the file beside its model, in few characters."""
        raise NotImplementedError

    def _run(self, x, name) -> Any:
        """The output `name` of images (N, H, W, C), checked."""
        images = check_images(x, self.image_shape)
        feeds = {"image": images}
        return run_in_chunks(self._opened.main, feeds, self._threads)[name]
