"""The file of compressed images: what is in it besides the bits."""

import hashlib
import struct
import zlib
from typing import NamedTuple

import numpy as np

MAGIC, VERSION = b"VAEz", 1
# Magic, version, CRC-32 of all that follows.
_START = struct.Struct("<4sBI")
_DIGEST = 16


class Container(NamedTuple):
    """What a file of compressed images says.

    Attributes:
        model: digest of the model, 16 bytes.
        images: `images_digest`.
        preset: name of the model's preset, "" if it has none.
        shape: (N, H, W, C).
        classes: how many the labels are of that lie on the stack; 0 without labels.
        resolution: of the grid of latents.
        schedule: how many blocks there are of 1, 2, 4, ... images.
        used: how many of the words that a stack begins with are not those of
            `first_words`.
        notes: of `rounding.Notes`.
        words: uint32, the stack, but for those words.
    """

    model: bytes
    images: bytes
    preset: str
    shape: tuple[int, ...]
    classes: int
    resolution: list[int]
    schedule: list[int]
    used: int
    notes: list[int]
    words: np.ndarray

    def to_bytes(self) -> bytes:
        """The file."""
        name = self.preset.encode()
        numbers = [len(name), *name, *self.shape, self.classes, self.used]
        for several in (self.resolution, self.schedule, self.notes):
            numbers += [len(several), *several]
        head = zlib.compress(_varints(numbers), 9)
        size = _varints([len(head)])
        rest = b"".join(
            (self.model, self.images, size, head, self.words.astype("<u4").tobytes())
        )
        return _START.pack(MAGIC, VERSION, zlib.crc32(rest)) + rest

    @classmethod
    def from_bytes(cls, data: bytes) -> "Container":
        """Reads a file.

        Raises:
            ValueError: if it is none, of another version, cut off or altered.
        """
        wanted = "`data` must be what `compress` returned"
        if data[:4] != MAGIC:
            raise ValueError(f"{wanted}; got {len(data):,} bytes of another kind.")
        if len(data) < _START.size:
            raise ValueError(f"{wanted}, all of it; got {len(data):,} bytes alone.")
        _, version, checksum = _START.unpack_from(data)
        if version != VERSION:
            raise ValueError(
                f"{wanted} in version {VERSION} of its format; got version {version}."
            )
        rest = data[_START.size :]
        if zlib.crc32(rest) != checksum:
            raise ValueError(
                f"{wanted}, unchanged; these {len(data):,} bytes were cut off or "
                "altered: their checksum is another."
            )
        try:
            return cls._read(rest)
        except (ValueError, IndexError, zlib.error, UnicodeDecodeError) as error:
            raise ValueError(f"{wanted}; it says what none can: {error}.") from error

    @classmethod
    def _read(cls, rest):
        digests, rest = rest[: 2 * _DIGEST], rest[2 * _DIGEST :]
        size, at = _number(rest, 0)
        numbers = _numbers(zlib.decompress(rest[at : at + size]))
        words = np.frombuffer(rest[at + size :], "<u4").astype(np.uint32)

        def take(count):
            nonlocal numbers
            taken, numbers = numbers[:count], numbers[count:]
            if len(taken) < count:
                raise ValueError("a list that ends too early")
            return taken

        name = bytes(take(take(1)[0])).decode()
        shape, (classes, used) = take(4), take(2)
        resolution, schedule, notes = (take(take(1)[0]) for _ in range(3))
        model, images = digests[:_DIGEST], digests[_DIGEST:]
        rest = (name, tuple(shape), classes, resolution, schedule, used, notes, words)
        return cls(model, images, *rest)


def images_digest(levels) -> bytes:
    """16 bytes that tell images by their levels (N, H, W, C)."""
    found = hashlib.sha256(repr(levels.shape).encode())
    found.update(np.ascontiguousarray(levels, "<u2").tobytes())
    return found.digest()[:_DIGEST]


def first_words(count) -> np.ndarray:
    """Words that a stack begins with, uint32 (count,), the same each time.

    They are of no meaning: of what is popped first something has to be there.
    """
    stream = hashlib.shake_256(b"vae-zoo compress").digest(4 * count)
    # A coder takes no last word that is 0.
    return np.frombuffer(stream, "<u4").astype(np.uint32) | np.uint32(1)


def _varints(numbers):
    """Whole numbers >= 0, seven bits a byte, of each the lowest first."""
    found = bytearray()
    for number in map(int, numbers):
        while number >= 128:
            found.append(number & 127 | 128)
            number >>= 7
        found.append(number)
    return bytes(found)


def _number(data, at):
    number, shift = 0, 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _numbers(data):
    found, at = [], 0
    while at < len(data):
        number, at = _number(data, at)
        found.append(number)
    return found
