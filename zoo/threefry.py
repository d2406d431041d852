"""The random numbers behind samples: counter-based, the same in every language.

Salmon, Moraes, Dror & Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011: the
cipher-like function Threefry-2x32 with 20 rounds turns a key and a counter into two
random 32-bit words. There is no state. The key is the seed and the counter says which
number is wanted, so that each can be computed alone, in any order, by anything.

This module needs numpy alone: `zoo` samples with it, and so does `export.runtime`,
where Keras is not installed. sampler.onnx computes the same as a graph.

In words of 32 bits, where sums drop what overflows and `rotate` turns to the left:

    threefry2x32((k0, k1), (c0, c1)):
        k2 = k0 xor k1 xor 0x1BD11BDA
        x0, x1 = c0 + k0, c1 + k1
        for round in 0, 1, ..., 19:
            x0 = x0 + x1
            x1 = rotate(x1, (13, 15, 26, 6, 17, 29, 16, 24)[round mod 8]) xor x0
            if round mod 4 = 3:
                s = (round + 1) / 4
                x0 = x0 + k[s mod 3]
                x1 = x1 + k[(s + 1) mod 3] + s
        return x0, x1

and in double precision, rounded to float32 at the very end, the normal numbers of a
seed from 0 to 2**63 - 1, by Box & Muller, "A Note on the Generation of Random Normal
Deviates", 1958:

    a, b = threefry2x32((seed mod 2**32, seed div 2**32), (row, pair))
    radius = sqrt(-2 ln((a + 1) / 2**32))
    angle = 2 pi b / 2**32
    normals[row, 2 pair] = radius cos(angle)
    normals[row, 2 pair + 1] = radius sin(angle)

Uniform numbers in [0, 1) are the highest 24 bits of each word, exact in float32. Their
counters have the highest bit set, so that they share no words with the normals:

    a, b = threefry2x32((seed mod 2**32, seed div 2**32), (row, 2**31 + pair))
    uniforms[row, 2 pair] = (a div 2**8) / 2**24
    uniforms[row, 2 pair + 1] = (b div 2**8) / 2**24

Rows and pairs count from 0, rows up to 2**32 - 1. Where the number of columns is odd,
the last number of the last pair is left out. No number depends on how many rows or
columns are asked for, nor on which row is the first of them.
"""

import math
import operator
import secrets

import numpy as np
import numpy.typing as npt

MAX_SEED = 2**63 - 1
# Rows of a seed: their counter is a word.
MAX_ROWS = 2**32

ROUNDS = 20
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
# Where the second words of the uniforms' counters begin.
FIRST_OF_UNIFORMS = 2**31
# As arrays: converting a Python number would cost as much as the shift of a few words.
_SHIFTS = [(np.array(r, np.uint32), np.array(32 - r, np.uint32)) for r in ROTATIONS]
# Pairs worked on at a time: temporary arrays stay small, and in the caches.
_BLOCK = 8192


def threefry2x32(key, counter):
    """Two random words for each counter: Threefry-2x32 with 20 rounds.

    Args:
        key: (k0, k1), integers from 0 to 2**32 - 1.
        counter: (c0, c1), uint32 arrays of at least one dimension that broadcast.

    Returns:
        (x0, x1), uint32 arrays of the counters' common shape.

    Example:

    >>> zero = np.zeros(1, np.uint32)
    >>> [f"{int(word[0]):08x}" for word in threefry2x32((0, 0), (zero, zero))]
    ['6b200159', '99ba4efe']
    """
    words = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    shape = np.broadcast_shapes(*(np.shape(c) for c in counter))
    x0, x1, bits = (np.empty(shape, np.uint32) for _ in range(3))
    np.add(counter[0], np.uint32(words[0]), out=x0)
    np.add(counter[1], np.uint32(words[1]), out=x1)
    for i in range(ROUNDS):
        left, right = _SHIFTS[i % 8]
        x0 += x1
        np.right_shift(x1, right, out=bits)
        x1 <<= left
        x1 |= bits
        x1 ^= x0
        if i % 4 == 3:
            s = (i + 1) // 4
            x0 += np.uint32(words[s % 3])
            x1 += np.uint32((words[(s + 1) % 3] + s) % 2**32)
    return x0, x1


def normals(
    seed: int, num_rows: int, num_columns: int, first: int = 0
) -> npt.NDArray[np.float32]:
    """Standard normal numbers, fixed by a seed.

    Args:
        seed: integer from 0 to `MAX_SEED`.
        num_rows, num_columns: how many, >= 0 and >= 1.
        first: the row to begin with; first + num_rows is at most 2**32.

    Returns:
        float32 array (num_rows, num_columns), rows first, first + 1, ... of the seed;
        no number is larger than 6.67. The first n rows do not change when more are
        asked for.

    Raises:
        ValueError: if `first` is out of range, or no whole number.

    Example:

    >>> z = normals(seed=7, num_rows=1000, num_columns=3)
    >>> bool((z[10:] == normals(7, 990, 3, first=10)).all()), round(float(z.std()), 1)
    (True, 1.0)
    """
    z = np.empty((num_rows, num_columns), np.float32)
    for block, a, b in _blocks(z, seed, first, 0):
        radius = np.sqrt(-2.0 * np.log((a + 1.0) * 2.0**-32))
        angle = b * (2.0 * math.pi * 2.0**-32)
        block[:, 0::2] = radius * np.cos(angle)
        block[:, 1::2] = (radius * np.sin(angle))[:, : num_columns // 2]
    return z


def uniforms(
    seed: int, num_rows: int, num_columns: int, first: int = 0
) -> npt.NDArray[np.float32]:
    """Numbers spread evenly over [0, 1), fixed by a seed.

    Args:
        seed: integer from 0 to `MAX_SEED`.
        num_rows, num_columns, first: as in `normals`.

    Returns:
        float32 array (num_rows, num_columns) of multiples of 2**-24, rows first,
        first + 1, ... of the seed. The first n rows do not change when more are asked
        for.

    Raises:
        ValueError: if `first` is out of range, or no whole number.

    Example:

    >>> u = uniforms(seed=7, num_rows=1000, num_columns=3)
    >>> bool((u[10:] == uniforms(7, 990, 3, first=10)).all()), round(float(u.mean()), 1)
    (True, 0.5)
    """
    u = np.empty((num_rows, num_columns), np.float32)
    for block, a, b in _blocks(u, seed, first, FIRST_OF_UNIFORMS):
        block[:, 0::2] = a >> np.uint32(8)
        block[:, 1::2] = (b >> np.uint32(8))[:, : num_columns // 2]
        block *= np.float32(2.0**-24)
    return u


def _blocks(array, seed, first, first_pair):
    """Rows of `array`, some at a time, and the words (a, b) of their pairs.

    Args:
        array: (num_rows, num_columns).
        seed: the key.
        first: the first row's number, the first word of its counter.
        first_pair: the second word of the first pair's counter.
    """
    first = _check_first(first, len(array))
    num_pairs = (array.shape[1] + 1) // 2
    pairs = np.arange(first_pair, first_pair + num_pairs, dtype=np.uint32)
    step = max(1, _BLOCK // len(pairs))
    for start in range(0, len(array), step):
        block = array[start : start + step]
        begin = first + start
        # Counted in 64 bits, as the end may be 2**32.
        rows = np.arange(begin, begin + len(block), dtype=np.int64).astype(np.uint32)
        counter = rows[:, None], pairs
        yield block, *threefry2x32((seed & 0xFFFFFFFF, seed >> 32), counter)


def _check_first(first, num_rows):
    """`first`, if a seed has so many rows from there on.

    Raises:
        ValueError: otherwise.
    """
    try:
        valid = 0 <= operator.index(first) <= MAX_ROWS - num_rows
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(
            "`first` must be a whole number from 0 to 2**32 less the number of rows, "
            f"as a seed has 2**32 of them; got {first!r} for {num_rows} rows."
        )
    return operator.index(first)


def fresh_seed() -> int:
    """A seed that nobody knows, for draws that are not to be repeated."""
    return secrets.randbits(63)
