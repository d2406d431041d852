"""Images that memory does not hold: an array in a temporary file."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recipes.data.locations import cache_folder

# Rows that are read at once where all of them are gone through.
BLOCK = 256


class DiskArray:
    """Rows of an array in a file without a name, which ends with the last reference.

    Rows are appended in their order and read in any, by any thread. The file is not
    mapped: of pages that a process has mapped many more count as its memory.

    Args:
        row_shape: of one row.
        dtype: of the numbers.

    Raises:
        OSError: if there is no folder to write in.

    Example:
        >>> import numpy as np
        >>> array = DiskArray((2,))
        >>> array.append([[1, 2], [3, 4]])
        >>> array[np.array([1, 0, 1])].tolist(), int(array.max())
        ([[3, 4], [1, 2], [3, 4]], 4)
    """

    def __init__(self, row_shape, dtype=np.uint8):
        self.shape = (0, *row_shape)
        self.dtype = np.dtype(dtype)
        self.folder, self._file = _open()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Size of the file."""
        return self.size * self.dtype.itemsize

    def append(self, rows) -> None:
        """Adds rows (N, *row_shape) at the end.

        Raises:
            OSError: if the disk is full.
        """
        rows = np.ascontiguousarray(rows, self.dtype)
        try:
            with self._lock:
                self._file.seek(self.nbytes)
                rest = memoryview(rows).cast("B")
                while rest:  # the system takes some gigabytes at a time
                    rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise OSError(
                "The images do not fit in memory, and the temporary file that they are "
                f"to be kept in, in {str(self.folder)!r}, cannot be written "
                f"({error.strerror}): name a folder with more room in the environment "
                "variable TMPDIR."
            ) from error
        self.shape = (len(self) + len(rows), *self.shape[1:])

    def __getitem__(self, index) -> np.ndarray:
        chosen = np.arange(len(self))[index]
        rows = np.empty((*np.shape(chosen), *self.shape[1:]), self.dtype)
        flat = rows.reshape(np.size(chosen), *self.shape[1:])
        chosen = np.ravel(chosen)
        # Neighbours are read at once.
        breaks = np.flatnonzero(np.diff(chosen) != 1) + 1
        starts = [0, *breaks.tolist()]
        for start, stop in zip(starts, [*starts[1:], len(chosen)], strict=True):
            if start < stop:
                self._read(int(chosen[start]), flat[start:stop])
        return rows

    def _read(self, first, rows) -> None:
        """Fills `rows` with those from the row `first` on."""
        with self._lock:
            self._file.seek(first * (self.nbytes // len(self)))
            rest = memoryview(rows).cast("B")
            while rest:
                count = self._file.readinto(rest)
                if not count:
                    raise OSError(
                        f"A temporary file in {str(self.folder)!r} has lost its end."
                    )
                rest = rest[count:]

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows in their order, some at a time."""
        for start in range(0, len(self), BLOCK):
            yield self[start : start + BLOCK]

    def min(self):
        """The smallest number, NaN if one is."""
        return np.min([block.min() for block in self.blocks()])

    def max(self):
        """The largest number, NaN if one is."""
        return np.max([block.max() for block in self.blocks()])


def _open():
    """(a folder, a file in it that has no name or is removed when it is closed)."""
    # Without TMPDIR the usual folder may be one that itself lies in memory.
    folders = [] if os.environ.get("TMPDIR") else [cache_folder()]
    for folder in [*folders, Path(tempfile.gettempdir())]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return folder, tempfile.TemporaryFile(buffering=0, dir=folder)
        except OSError as error:
            refused = error
    raise refused
