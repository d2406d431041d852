"""Reads and writes TFRecord files without TensorFlow, with all their checksums.

A record is an 8-byte little-endian length, a masked CRC-32C of it, the payload, and a
masked CRC-32C of the payload.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), bits reversed
_MASK = 0xA282EAD8
_FRAME = 12  # bytes before the payload; four more follow it


def read_tfrecord(path) -> list[bytes]:
    """The payloads of a TFRecord file, in order.

    Args:
        path: an uncompressed TFRecord file; it is read whole.

    Returns:
        list of bytes, one item a record.

    Raises:
        ValueError: if the file is truncated or a checksum does not match.

    Example:
        >>> import os
        >>> read_tfrecord(os.devnull)
        []
    """
    return from_tfrecord(Path(path).read_bytes(), repr(str(path)))


def from_tfrecord(content: bytes, what: str) -> list[bytes]:
    """The payloads in the bytes of a TFRecord file, in order.

    Args:
        content: the bytes.
        what: how errors name them.

    Raises:
        ValueError: if they are truncated or a checksum does not match.
    """
    starts, lengths, position = [], [], 0
    while position < len(content):
        length = int.from_bytes(content[position : position + 8], "little")
        if position + _FRAME + length + 4 > len(content):
            raise ValueError(f"{what} is truncated or not a TFRecord file.")
        starts.append(position + _FRAME)
        lengths.append(length)
        position += _FRAME + length + 4
    if not starts:
        return []
    data = np.frombuffer(content, np.uint8)
    starts, lengths = np.array(starts), np.array(lengths)
    eight = np.full_like(starts, 8)
    for first, count in ((starts - _FRAME, eight), (starts, lengths)):
        stored = _u32(data, first + count)
        if not np.array_equal(_masked_crcs(data, first, count), stored):
            raise ValueError(f"{what} is damaged: a checksum does not match.")
    return [
        content[start : start + length]
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def to_tfrecord(payloads) -> bytes:
    """The bytes of a TFRecord file of some payloads.

    Example:
        >>> from_tfrecord(to_tfrecord([b"one", b"two"]), "these")
        [b'one', b'two']
    """
    payloads = list(payloads)
    lengths = [len(payload).to_bytes(8, "little") for payload in payloads]
    checksums = [_checksums(stretches) for stretches in (lengths, payloads)]
    parts = zip(lengths, checksums[0], payloads, checksums[1], strict=True)
    return b"".join(itertools.chain.from_iterable(parts))


def _checksums(stretches) -> list[bytes]:
    """Masked checksums of some bytes each, as they stand in a file."""
    if not stretches:
        return []
    sizes = np.array([len(stretch) for stretch in stretches])
    starts = np.cumsum(sizes) - sizes
    crcs = _masked_crcs(np.frombuffer(b"".join(stretches), np.uint8), starts, sizes)
    return [crc.tobytes() for crc in crcs.astype("<u4")]


def _masked_crcs(data, starts, lengths) -> np.ndarray:
    """CRCs of many stretches of `data`: byte j of all of them in one step."""
    # Longest first, so that those still running are a prefix.
    order = np.argsort(-lengths, kind="stable")
    starts, remaining = starts[order], -lengths[order]
    crcs = np.full(len(starts), 0xFFFFFFFF, np.uint32)
    for j in range(-int(remaining[0])):
        running = np.searchsorted(remaining, -j, side="left")
        crc = crcs[:running]
        crc[:] = _TABLE[(crc ^ data[starts[:running] + j]) & 0xFF] ^ (crc >> 8)
    crcs = ~crcs
    masked = ((crcs >> 15) | (crcs << 17)) + np.uint32(_MASK)
    result = np.empty_like(masked)
    result[order] = masked
    return result


def _u32(data, positions) -> np.ndarray:
    bytes_ = data[positions[:, None] + np.arange(4)]
    return np.ascontiguousarray(bytes_).view("<u4")[:, 0]


def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = table & 1
        table = (table >> 1) ^ (odd * np.uint32(_POLYNOMIAL))
    return table


_TABLE = _table()
