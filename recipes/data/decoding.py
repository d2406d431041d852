"""Decodes picture files, each by itself."""

from __future__ import annotations

import dataclasses
import functools
import io

import numpy as np

from recipes.data.geometry import SMALLEST, cover_box
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


@dataclasses.dataclass
class Picture:
    """One decoded picture.

    Attributes:
        name: how errors name it.
        plane: uint8 (H, W), or (H, W, 3) of a coloured one.
        changes: what was done to it, for the report.
        resized_from: (height, width) that it had, or `None` if it has it still.
    """

    name: str
    plane: np.ndarray | None = None
    changes: list[str] = dataclasses.field(default_factory=list)
    resized_from: tuple[int, int] | None = None


class Decoder:
    """Turns an encoded picture (PNG, JPEG, ...) into pixels; any thread may call it.

    Args:
        image_shape: (height, width, channels) to resize to, or `None`.

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
        self._pillow.preinit()  # not in several threads at once
        self._orient = require("PIL.ImageOps").exif_transpose
        self._shape = image_shape

    def __call__(self, encoded: bytes, name: str) -> Picture:
        """Decodes one picture.

        Raises:
            Unreadable: if it cannot be read.
            ValueError: if it is too small, and not to be resized. The sentence says
                `name`.
        """
        if not encoded:
            raise Unreadable(f"{name} is not a readable image (it is empty).")
        picture = Picture(name)
        try:
            with self._pillow.open(io.BytesIO(encoded)) as image:
                image.load()
                picture.plane = self._decode(image, picture)
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
        return picture

    def _decode(self, image, picture) -> np.ndarray:
        if getattr(image, "n_frames", 1) > 1:
            picture.changes.append("animated, first frame taken")
        # Looking for an orientation costs more than decoding a small image.
        if image.info:
            image = self._orient(image)
        image = self._plain(image, picture)
        if self._shape is not None and image.mode == "RGB" and self._shape[2] == 1:
            image = image.convert("L")
            picture.changes.append("in colour turned to grey (Rec. 601 luma)")
        if self._shape is not None:
            return np.asarray(self._resize(image, picture))
        height, width = image.height, image.width
        if min(height, width) < SMALLEST:
            raise _Refused(
                f"{picture.name} is {height}x{width} (height x width), smaller than "
                f"{SMALLEST}x{SMALLEST}: pass `image_shape` to resize."
            )
        return np.asarray(image)

    def _plain(self, image, picture):
        """Any mode Pillow knows → "L" or "RGB"."""
        mode = image.mode
        if mode.startswith("I"):
            wide = np.asarray(image)
            if wide.min() < 0 or wide.max() > 65535:
                raise _Refused(f"{picture.name} has more than 16 bits a pixel.")
            picture.changes.append("of 16 bits a pixel reduced to 8")
            # 257 · 255 = 65535
            eight_bit = np.rint(wide / 257).astype(np.uint8)
            return self._pillow.fromarray(eight_bit)
        if mode == "F":
            raise _Refused(
                f"{picture.name} has floating-point pixels, which have no range."
            )
        grey = mode in ("1", "L", "LA", "La") or _has_grey_palette(image)
        if image.has_transparency_data or mode in ("La", "RGBa"):
            picture.changes.append("with transparency drawn over white")
            image = image.convert("RGBA")
            paper = self._pillow.new("RGBA", image.size, (255, 255, 255, 255))
            image = self._pillow.alpha_composite(paper, image)
        return image.convert("L" if grey else "RGB")

    def _resize(self, image, picture):
        height, width = self._shape[:2]
        if image.size == (width, height):
            return image
        picture.resized_from = (image.height, image.width)
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
