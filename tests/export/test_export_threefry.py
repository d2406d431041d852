"""The counter-based generator: published vectors, layout, and what it looks like."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.threefry import (
    MAX_SEED,
    fresh_seed,
    normals,
    threefry2x32,
    uniforms,
)


def words(*texts):
    return tuple(int(text, 16) for text in texts)


# Random123's known answers for threefry2x32 with 20 rounds: counter, key, result.
KNOWN_ANSWERS = [
    (("0", "0"), ("0", "0"), ("6b200159", "99ba4efe")),
    (
        ("ffffffff", "ffffffff"),
        ("ffffffff", "ffffffff"),
        ("1cb996fc", "bb002be7"),
    ),
    (
        ("243f6a88", "85a308d3"),
        ("13198a2e", "03707344"),
        ("c4923a9c", "483df7a0"),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    counter = tuple(np.array([word], np.uint32) for word in words(*counter))
    got = threefry2x32(words(*key), counter)
    assert tuple(int(word[0]) for word in got) == words(*answer)
    assert all(word.dtype == np.uint32 for word in got)


def words_by_the_docstring(seed, row, second):
    """Two words, in Python's own arithmetic, from what the module says alone."""
    limit = 2**32
    key = [seed % limit, seed // limit]
    key.append(key[0] ^ key[1] ^ 0x1BD11BDA)
    x0, x1 = (row + key[0]) % limit, (second + key[1]) % limit
    for i in range(20):
        r = (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]
        x0 = (x0 + x1) % limit
        x1 = ((x1 << r | x1 >> (32 - r)) % limit) ^ x0
        if i % 4 == 3:
            s = (i + 1) // 4
            x0 = (x0 + key[s % 3]) % limit
            x1 = (x1 + key[(s + 1) % 3] + s) % limit
    return x0, x1


def by_the_docstring(seed, row, column):
    a, b = words_by_the_docstring(seed, row, column // 2)
    radius = math.sqrt(-2 * math.log((a + 1) / 2**32))
    angle = 2 * math.pi * b / 2**32
    return radius * (math.sin(angle) if column % 2 else math.cos(angle))


@given(
    seed=st.integers(0, MAX_SEED), row=st.integers(0, 500), column=st.integers(0, 40)
)
def test_layout_is_what_the_docstring_says(seed, row, column):
    z = normals(seed, row + 1, column + 1)
    assert z.dtype == np.float32
    assert abs(z[row, column] - by_the_docstring(seed, row, column)) < 1e-6


@given(seed=st.integers(0, MAX_SEED), columns=st.integers(1, 9))
def test_numbers_do_not_depend_on_how_many_are_asked_for(seed, columns):
    z = normals(seed, 40, 12)
    np.testing.assert_array_equal(normals(seed, 7, columns), z[:7, :columns])


@given(
    seed=st.integers(0, MAX_SEED), row=st.integers(0, 500), column=st.integers(0, 40)
)
def test_uniforms_are_what_the_docstring_says(seed, row, column):
    u = uniforms(seed, row + 1, column + 1)
    assert u.dtype == np.float32
    word = words_by_the_docstring(seed, row, 2**31 + column // 2)[column % 2]
    assert float(u[row, column]) == (word >> 8) / 2**24  # exactly
    np.testing.assert_array_equal(
        uniforms(seed, row + 3, 45)[: row + 1, : column + 1], u
    )


def test_known_uniforms():
    # In steps of 2**-24; of a program written from the docstring alone.
    seeds = {0: UNIFORMS_OF_0, 2**62 + 5: UNIFORMS_OF_LARGE}
    for seed, expected in seeds.items():
        got = uniforms(seed, 2, 3) * 2**24
        assert got.astype(int).tolist() == expected


UNIFORMS_OF_0 = [[3583815, 2486923, 5538904], [15692409, 16439285, 15997920]]
UNIFORMS_OF_LARGE = [[3295757, 10669946, 8962999], [12342819, 5998715, 9108816]]


def test_uniforms_are_uniform():
    u = uniforms(11, 100_000, 3).astype(np.float64)
    assert 0 <= u.min() and u.max() < 1
    share = np.histogram(u, 16, (0, 1))[0] / u.size
    assert np.abs(share - 1 / 16).max() < 5 * math.sqrt(1 / 16 / u.size)
    correlation = np.corrcoef(u, rowvar=False) - np.eye(3)
    assert np.abs(correlation).max() < 5 / math.sqrt(len(u))
    # They share no words with the normals of the same seed.
    z = normals(11, 100_000, 2)
    assert abs(np.corrcoef(u[:, 0], np.hypot(z[:, 0], z[:, 1]))[0, 1]) < 0.02
    assert uniforms(3, 0, 9).shape == (0, 9)


def test_blocks_do_not_show():
    z = normals(3, 5000, 9)
    for rows in (1, 1637, 1638, 1639, 4999):  # one block holds 1,638 rows of 5 pairs
        np.testing.assert_array_equal(normals(3, rows, 9), z[:rows])
    assert normals(3, 0, 9).shape == (0, 9)


def test_numbers_are_standard_normal():
    z = normals(11, 200_000, 4).astype(np.float64)
    n = len(z)
    assert np.abs(z.mean(0)).max() < 5 / math.sqrt(n)
    assert np.abs((z**2).mean(0) - 1).max() < 5 * math.sqrt(2 / n)
    assert np.abs((z**4).mean(0) - 3).max() < 5 * math.sqrt(96 / n)
    correlation = np.corrcoef(z, rowvar=False) - np.eye(4)
    assert np.abs(correlation).max() < 5 / math.sqrt(n)
    # Rows are as independent as columns, and so are seeds.
    assert abs(np.mean(z[1:, 0] * z[:-1, 0])) < 5 / math.sqrt(n)
    other = normals(12, 200_000, 1)[:, 0]
    assert abs(np.mean(z[:, 0] * other)) < 5 / math.sqrt(n)
    edges = [-np.inf, -2, -1, 0, 1, 2, np.inf]
    share = np.histogram(z, edges)[0] / z.size
    expected = [0.02275, 0.13591, 0.34134, 0.34134, 0.13591, 0.02275]
    np.testing.assert_allclose(share, expected, atol=0.002)


def test_seeds_give_other_numbers():
    seeds = [0, 1, 2**31, 2**32, 2**32 + 1, 2**62, MAX_SEED]
    first = {normals(seed, 1, 2).tobytes() for seed in seeds}
    assert len(first) == len(seeds)
    drawn = {fresh_seed() for _ in range(100)}
    assert len(drawn) == 100
    assert all(0 <= seed <= MAX_SEED for seed in drawn)


@pytest.mark.parametrize("numbers", [normals, uniforms])
@given(seed=st.integers(0, MAX_SEED), first=st.integers(0, 40), rows=st.integers(0, 20))
def test_rows_from_the_middle_are_those_of_the_whole(numbers, seed, first, rows):
    whole = numbers(seed, first + rows, 3)
    np.testing.assert_array_equal(numbers(seed, rows, 3, first=first), whole[first:])


def test_shards_in_blocks_are_the_whole():
    whole = normals(3, 5000, 9)  # one block holds 1,638 rows
    shards = [normals(3, 1700, 9, first=0), normals(3, 3300, 9, first=1700)]
    np.testing.assert_array_equal(np.concatenate(shards), whole)


def test_last_rows_of_a_seed_are_what_the_docstring_says():
    last = 2**32 - 1
    z, u = (numbers(9, 2, 3, first=last - 1) for numbers in (normals, uniforms))
    for column in range(3):
        assert abs(z[1, column] - by_the_docstring(9, last, column)) < 1e-6
        word = words_by_the_docstring(9, last, 2**31 + column // 2)[column % 2]
        assert float(u[1, column]) == (word >> 8) / 2**24


@pytest.mark.parametrize("numbers", [normals, uniforms])
@pytest.mark.parametrize("first", [-1, 2**32 - 1, 2**64, 0.5, "0", None])
def test_rows_that_a_seed_has_not_are_refused(numbers, first):
    with pytest.raises(ValueError, match="`first` must be a whole number from 0 to"):
        numbers(0, 2, 3, first=first)
    assert numbers(0, 0, 3, first=2**32).shape == (0, 3)
