"""The files of an exported model, each loaded when it is first needed."""

import threading
from pathlib import Path

from export.errors import RuntimeModelError
from export.runtime.files import MAX_FILE_BYTES
from export.runtime.manifest import (
    check_file,
    check_files,
    main_file,
    read_manifest,
)
from export.runtime.session import Session
from export.runtime.signature import DECODER_KIND, GENERATOR_KIND, OF_IMAGES_ALONE

# What stands for all of a model, or by itself.
SAMPLING = (DECODER_KIND, GENERATOR_KIND)
ALL_MAIN = (*SAMPLING, *OF_IMAGES_ALONE)


class OpenedModel:
    """What a `Sampler` or its like was given: a file, a folder of them, or bytes.

    Args:
        source: path of an ONNX file or of a folder that `export.export_model` wrote;
            bytes of such a file, or a binary file object of it.
        providers: as `Session` takes them.
        kinds: of file that is wanted.

    Attributes:
        path: of the file or folder; None of bytes.
        main: `Session` of the file; of a folder that of the first kind that is there.

    Raises:
        FileNotFoundError, RuntimeModelError, TypeError, ValueError: as `Sampler`.
    """

    def __init__(self, source, providers=None, kinds=SAMPLING):
        self._providers = providers
        self._lock = threading.Lock()
        self._others = {}
        self._manifest = self.path = self._data = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._data = bytes(source)
        elif hasattr(source, "read"):
            self._data = source.read(MAX_FILE_BYTES + 1)
            if not isinstance(self._data, bytes):
                raise TypeError(
                    "A file object must be opened in binary mode; reading this one "
                    f"gave {type(self._data).__name__}."
                )
        else:
            self.path = Path(source)
        file = self.path
        if file is not None and file.is_dir():
            self._manifest = read_manifest(file)
            name = self._wanted_of(kinds)
            check_file(file, name, self._manifest)
            file = file / name
        self.main = Session(file, *kinds, data=self._data, providers=providers)

    def __str__(self):
        return "<bytes>" if self.path is None else str(self.path)

    @property
    def source(self):
        """What to open it by again, in whatever folder a program runs."""
        return self._data if self.path is None else self.path.absolute()

    def _wanted_of(self, kinds):
        """The name of the first file of these kinds that a folder has, or its main."""
        names = [name for kind in kinds if self.lists(name := f"{kind}.onnx")]
        return names[0] if names else main_file(self._manifest)

    def lists(self, name):
        """Whether this is a folder with a file of this name."""
        return self._manifest is not None and name in self._manifest["files"]

    def load(self, name):
        """The `Session` of another file of the folder."""
        with self._lock:
            if name not in self._others:
                check_file(self.path, name, self._manifest)
                kind = name.removesuffix(".onnx")
                self._others[name] = Session(
                    self.path / name, kind, providers=self._providers
                )
            return self._others[name]

    def sessions(self):
        """{name of a file: its `Session`}, of all of them, once each is checked."""
        found = {Path(self.main.name).name: self.main}
        if self._manifest is not None:
            check_files(self.path, self._manifest)
            others = set(self._manifest["files"]) - set(found)
            found |= {name: self.load(name) for name in sorted(others)}
        return found

    def verify(self):
        """As `Sampler.verify`."""
        files = {name: session.verify() for name, session in self.sessions().items()}
        worst = max(entry["max_abs_error"] for entry in files.values())
        return {"files": files, "max_abs_error": worst}


def reopened(cls, source, threads, providers, content_sha256):
    """What a pickled `Sampler` or its like becomes, of the same file or of none.

    Raises:
        RuntimeModelError: if the file has changed since.
    """
    sampler = cls(source, threads, providers)
    if sampler.metadata["content_sha256"] != content_sha256:
        raise RuntimeModelError(
            f"{sampler.path} is not the file that was pickled: its SHA-256 differs."
        )
    return sampler
