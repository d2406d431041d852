"""`Storage`: a folder on a disk or in an object store, by whatever fsspec can reach."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from recipes.common.files import make_folder, write_whole
from recipes.data.locations import require


class Storage:
    """Files below one folder, which are there whole or not at all.

    Args:
        url: a folder, or an address such as "s3://bucket/folder" or "memory://folder".

    Raises:
        ImportError: if the package for that kind of address is not installed.
        ValueError: if there is no such kind.
    """

    def __init__(self, url):
        self.url = str(url).rstrip("/") or "/"
        fsspec = require("fsspec", "ray")
        try:
            self._system, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise ImportError(f"{self.url!r} cannot be reached: {error}.") from error
        except ValueError as error:
            raise ValueError(f"{self.url!r} is no address: {error}.") from error
        self._root = self._root.rstrip("/")
        self.is_local = "file" in _protocols(self._system)

    def __repr__(self):
        return f"Storage({self.url!r})"

    def _path(self, name):
        return f"{self._root}/{name}"

    def names(self) -> set[str]:
        """All files below, by their path from here; none where there is no folder."""
        self._system.invalidate_cache()
        with self._told("listed"):
            try:
                paths = self._system.find(self._root)
            except FileNotFoundError:
                return set()
        start = len(self._root) + 1
        # What an object store lists for a folder itself has no name.
        names = (path[start:] for path in paths)
        return {name for name in names if name and not name.endswith("/")}

    def read(self, name) -> bytes:
        """A file's bytes.

        Raises:
            OSError: if there is none, or it cannot be read.
        """
        with self._told("read", name):
            return self._system.cat_file(self._path(name))

    def open(self, name):
        """A file to read from anywhere in it."""
        with self._told("read", name):
            if self.is_local:
                return open(self._path(name), "rb")
            # Parts of a file cost a request each; shards fit in memory.
            return io.BytesIO(self._system.cat_file(self._path(name)))

    def write(self, name, content) -> None:
        """Writes a file, all or nothing.

        Raises:
            OSError: if that fails; what was there before is still there.
        """
        if self.is_local:
            path = Path(self._path(name))
            make_folder(path.parent)
            write_whole(path, content)
            return
        with self._told("written", name):
            # One upload, or parts that become a file with the last of them.
            self._system.pipe_file(self._path(name), content)

    @contextlib.contextmanager
    def _told(self, what, name=""):
        """Whatever a store's client raises becomes an OSError that says where."""
        try:
            yield
        except Exception as error:
            where = f"{self.url}/{name}".rstrip("/")
            reason = (
                getattr(error, "strerror", None) or str(error) or type(error).__name__
            )
            kind = (
                FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
            )
            raise kind(f"{where!r} cannot be {what}: {reason.rstrip('.')}.") from error


def _protocols(system):
    found = system.protocol
    return (found,) if isinstance(found, str) else tuple(found)
