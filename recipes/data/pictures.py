"""Collects pictures, decoded some at a time, in one uint8 array."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recipes.data.decoding import Decoder, Picture
from recipes.data.geometry import describe_resize
from recipes.data.on_disk import BLOCK, DiskArray


class Pictures:
    """Collects encoded pictures (PNG, JPEG, ...) as uint8 (N, H, W, C).

    Each is resized when it is decoded, so a folder of photographs takes the memory of
    what it becomes, or none where that is too much: then it is kept on disk. Notes on
    what was changed are collected for the report.

    Args:
        image_shape: (height, width, channels), or `None`: then all must have one size,
            and are grey only if every one of them is.
        count: how many there will be, at most.
        memory: bytes that they may take as float32; more of them are kept on disk.

    Raises:
        ValueError: if `image_shape` asks for channels that pictures do not have.
    """

    def __init__(self, image_shape=None, count: int = 0, memory: float = np.inf):
        self._decode = Decoder(image_shape)
        self._shape = image_shape
        self._count, self._memory = count, memory
        self._first: Picture | None = None
        self._planes: list[np.ndarray] = []
        self._coloured = self._grey = 0
        self._on_disk: DiskArray | None = None
        self._resized_from: set[tuple[int, int]] = set()
        self._counts: collections.Counter[str] = collections.Counter()

    def decoded(
        self, items: Iterable[tuple[Callable[[], bytes], str]]
    ) -> Iterator[Callable[[], Picture]]:
        """Decodes pictures in threads, ahead of their turn.

        Args:
            items: for each picture a function that reads it, and its name.

        Yields:
            for each in turn a function that returns the `Picture`, or raises what
            reading or decoding it did.
        """
        threads = min(8, os.cpu_count() or 1)
        waiting = collections.deque()
        with ThreadPoolExecutor(threads) as pool:
            for read, name in items:
                waiting.append(pool.submit(self._read, read, name))
                if len(waiting) > 8 * threads:
                    yield waiting.popleft().result
            while waiting:
                yield waiting.popleft().result

    def add(self, picture: Picture) -> None:
        """Collects a decoded picture.

        Raises:
            ValueError: if it has another size than the ones before and there is no size
                to resize to. The sentence says its name.
            OSError: if it cannot be kept on disk.
        """
        if self._first is None:
            self._first = picture
            row = picture.plane.shape[:2] + (self._shape[2:] if self._shape else (1,))
            if 4 * self._count * np.prod(row) > self._memory:
                self._on_disk = DiskArray(row)
        size, wanted = picture.plane.shape[:2], self._first.plane.shape[:2]
        if size != wanted:
            raise ValueError(
                "The images have different sizes, {}x{} in {} and {}x{} in {}: pass "
                "`image_shape` to resize them.".format(
                    *wanted, self._first.name, *size, picture.name
                )
            )
        self._counts.update(picture.changes)
        if picture.resized_from:
            self._resized_from.add(picture.resized_from)
        if picture.plane.ndim == 3:
            self._coloured += 1
        else:
            self._grey += 1
        self._planes.append(picture.plane)
        if self._on_disk is not None and len(self._planes) == BLOCK:
            self._write()

    def array(self) -> np.ndarray | DiskArray:
        """All pictures so far, uint8 (N, H, W, C). Empties the collector."""
        if self._channels == 3 and self._grey:
            self._counts["in grey repeated in three channels"] = self._grey
        if self._on_disk is None:
            images = self._stacked()
        else:
            self._write()
            images, self._on_disk = self._on_disk, None
        self._coloured = self._grey = 0
        return images

    @property
    def _channels(self) -> int:
        """How many all pictures so far need."""
        return self._shape[2] if self._shape else 3 if self._coloured else 1

    def _stacked(self) -> np.ndarray:
        """The pictures in memory as one array; they are let go."""
        planes, self._planes = self._planes, []
        shape = (len(planes), *planes[0].shape[:2], self._channels)
        images = np.empty(shape, np.uint8)
        for image, plane in zip(images, planes, strict=True):
            image[...] = plane if plane.ndim == 3 else plane[..., None]
        return images

    def _write(self) -> None:
        """Moves the pictures in memory to the disk."""
        if not self._planes:
            return
        images, narrow = self._stacked(), self._on_disk
        if narrow.shape[3] != images.shape[3]:  # the first coloured ones
            self._on_disk = DiskArray(images.shape[1:])
            for block in narrow.blocks():
                self._on_disk.append(np.repeat(block, 3, axis=-1))
        self._on_disk.append(images)

    def _read(self, read, name) -> Picture:
        return self._decode(read(), name)

    def notes(self) -> list[str]:
        """What was changed, a sentence each."""
        notes = [
            f"{count:,} image{'s' if count > 1 else ''} {what}"
            for what, count in self._counts.items()
        ]
        if self._resized_from:
            notes.append(describe_resize(self._resized_from, *self._shape[:2]))
        return notes
