"""Decodes picture files, one at a time, into one uint8 array."""

from __future__ import annotations

import collections
import functools
import io

import numpy as np

from recipes.data.geometry import SMALLEST, cover_box, describe_resize
from recipes.data.locations import require

# Pillow tells these apart from pictures, or needs other programs to draw them.
_NO_PICTURES = {"EPS", "IPTC", "MPEG"}


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """Endings, in lower case, of the files that Pillow as installed can decode."""
    pillow, stub = require("PIL.Image"), require("PIL.ImageFile").StubImageFile
    pillow.init()

    def decodes(kind) -> bool:
        opener = pillow.OPEN.get(kind, (None,))[0]
        # A stub only recognizes its format: GRIB, HDF5, ...
        is_stub = isinstance(opener, type) and issubclass(opener, stub)
        return opener is not None and not is_stub and kind not in _NO_PICTURES

    known = pillow.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if decodes(kind))


class Unreadable(ValueError):
    """What should be a picture cannot be read; the sentence says which and why."""


class Pictures:
    """Collects encoded pictures (PNG, JPEG, ...) as uint8 (N, H, W, C).

    Each is resized when it is added, so a folder of photographs takes the memory of
    what it becomes. Notes on what was changed are collected for the report.

    Args:
        image_shape: (height, width, channels), or `None`: then all must have one size,
            and are grey only if every one of them is.

    Raises:
        ValueError: if `image_shape` asks for channels that pictures do not have.
    """

    def __init__(self, image_shape=None):
        if image_shape is not None and image_shape[2] not in (1, 3):
            raise ValueError(
                "Picture files are grey or RGB: `image_shape` must end in 1 or 3, "
                f"received {image_shape!r}."
            )
        self._pillow = require("PIL.Image")
        self._orient = require("PIL.ImageOps").exif_transpose
        self._shape = image_shape
        self._planes: list[np.ndarray] = []
        self._names: list[str] = []
        self._resized_from: set[tuple[int, int]] = set()
        self._counts: collections.Counter[str] = collections.Counter()

    def add(self, encoded: bytes, name: str) -> None:
        """Decodes one picture.

        Raises:
            Unreadable: if it cannot be read.
            ValueError: if it is too small, or has another size than the ones before and
                there is no size to resize to. The sentence says `name`.
        """
        if not encoded:
            raise Unreadable(f"{name} is not a readable image (it is empty).")
        try:
            with self._pillow.open(io.BytesIO(encoded)) as image:
                image.load()  # so that what is broken is not counted below
                plane = self._decode(image, name)
        except _Refused as refused:
            raise ValueError(str(refused)) from None
        # Damaged files raise whatever the decoder stumbles on: OSError, SyntaxError,
        # zlib.error, struct.error, DecompressionBombError, ...
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            # Pillow's own sentence names an object in memory.
            if isinstance(error, self._pillow.UnidentifiedImageError):
                reason = "it has none of the formats that Pillow reads"
            raise Unreadable(f"{name} is not a readable image ({reason}).") from error
        self._planes.append(plane)
        self._names.append(name)

    def array(self) -> np.ndarray:
        """All pictures so far, uint8 (N, H, W, C). Empties the collector."""
        planes, self._planes = self._planes, []
        coloured = [plane.ndim == 3 for plane in planes]
        channels = self._shape[2] if self._shape else 3 if any(coloured) else 1
        if channels == 3 and not all(coloured):
            self._counts["in grey repeated in three channels"] += coloured.count(False)
        images = np.empty((len(planes), *planes[0].shape[:2], channels), np.uint8)
        for image, plane in zip(images, planes, strict=True):
            image[...] = plane if plane.ndim == 3 else plane[..., None]
        return images

    def notes(self) -> list[str]:
        """What was changed, a sentence each."""
        notes = [
            f"{count:,} image{'s' if count > 1 else ''} {what}"
            for what, count in self._counts.items()
        ]
        if self._resized_from:
            notes.append(describe_resize(self._resized_from, *self._shape[:2]))
        return notes

    def _decode(self, image, name) -> np.ndarray:
        if getattr(image, "n_frames", 1) > 1:
            self._counts["animated, first frame taken"] += 1
        # Looking for an orientation costs more than decoding a small image.
        if image.info:
            image = self._orient(image)
        image = self._plain(image, name)
        if self._shape is not None and image.mode == "RGB" and self._shape[2] == 1:
            image = image.convert("L")
            self._counts["in colour turned to grey (Rec. 601 luma)"] += 1
        if self._shape is not None:
            return np.asarray(self._resize(image))
        height, width = image.height, image.width
        if min(height, width) < SMALLEST:
            raise _Refused(
                f"{name} is {height}x{width} (height x width), smaller than "
                f"{SMALLEST}x{SMALLEST}: pass `image_shape` to resize."
            )
        if self._planes and self._planes[0].shape[:2] != (height, width):
            other = "x".join(map(str, self._planes[0].shape[:2]))
            raise _Refused(
                f"The images have different sizes, {other} in {self._names[0]} and "
                f"{height}x{width} in {name}: pass `image_shape` to resize them."
            )
        return np.asarray(image)

    def _plain(self, image, name):
        """Any mode Pillow knows → "L" or "RGB"."""
        mode = image.mode
        if mode.startswith("I"):
            wide = np.asarray(image)
            if wide.min() < 0 or wide.max() > 65535:
                raise _Refused(f"{name} has more than 16 bits a pixel.")
            self._counts["of 16 bits a pixel reduced to 8"] += 1
            # 257 · 255 = 65535
            eight_bit = np.rint(wide / 257).astype(np.uint8)
            return self._pillow.fromarray(eight_bit)
        if mode == "F":
            raise _Refused(f"{name} has floating-point pixels, which have no range.")
        grey = mode in ("1", "L", "LA", "La") or _has_grey_palette(image)
        if image.has_transparency_data or mode in ("La", "RGBa"):
            self._counts["with transparency drawn over white"] += 1
            image = image.convert("RGBA")
            paper = self._pillow.new("RGBA", image.size, (255, 255, 255, 255))
            image = self._pillow.alpha_composite(paper, image)
        return image.convert("L" if grey else "RGB")

    def _resize(self, image):
        height, width = self._shape[:2]
        if image.size == (width, height):
            return image
        self._resized_from.add((image.height, image.width))
        return image.resize(
            (width, height),
            self._pillow.Resampling.BICUBIC,
            box=cover_box(image.height, image.width, height, width),
        )


class _Refused(Exception):
    """A readable picture that is not wanted; carries the sentence for the user."""


def _has_grey_palette(image) -> bool:
    if image.mode not in ("P", "PA"):
        return False
    colours = np.array(image.getpalette("RGB") or []).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())
