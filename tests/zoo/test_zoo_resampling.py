"""Resampling by weights, and R-hat, against what they are by definition."""

import math

import numpy as np
import pytest

from zoo.applications.resampling import Reservoir, split_r_hat

pytestmark = pytest.mark.one_backend("NumPy alone")

RNG = np.random.default_rng(0)


def test_r_hat_is_one_of_chains_that_agree_and_large_of_others():
    trace = RNG.standard_normal((1000, 2, 4))
    trace[:, 1] += [0, 0, 0, 5]  # variance between: 25 * 3 / 16 of means
    r_hat = split_r_hat(trace)
    assert r_hat[0] == pytest.approx(1, abs=0.01)
    assert r_hat[1] == pytest.approx(math.sqrt(1 + 25 * 3 / 16 * 8 / 7), rel=0.05)
    assert split_r_hat(np.ones((8, 1, 2))) == [1.0]
    assert np.isnan(split_r_hat(np.ones((3, 1, 2)))[0])


def test_slots_apart_choose_among_their_own_candidates():
    slots = 4000
    reservoir = Reservoir([np.random.default_rng(0)], apart=True)
    own = np.arange(slots, dtype=float)
    for number in range(3):  # of weights 1, 2, 3
        z = np.stack([own, np.full(slots, number)], axis=-1)[None]
        reservoir.add(z, np.full((1, slots), math.log(1 + number) - 700))
    np.testing.assert_array_equal(reservoir.z[0, :, 0], own)
    shares = np.bincount(reservoir.z[0, :, 1].astype(int), minlength=3) / slots
    np.testing.assert_allclose(shares, [1 / 6, 2 / 6, 3 / 6], atol=0.04)
    exact = slots * 36 / 14
    assert reservoir.effective_sample_size == pytest.approx([exact])


def test_a_reservoir_takes_candidates_of_no_weight():
    for apart in (False, True):
        reservoir = Reservoir([np.random.default_rng(0)], apart=apart)
        reservoir.add(np.zeros((1, 2, 1)), np.full((1, 2), -np.inf))
        reservoir.add(np.ones((1, 2, 1)), np.array([[0.0, np.nan]]))
        assert reservoir.z[0, 0, 0] == 1
        assert reservoir.effective_sample_size == pytest.approx([1])


def test_a_reservoir_holds_candidates_as_often_as_they_weigh():
    slots = 4000
    reservoir = Reservoir([np.random.default_rng(0)])
    values = np.arange(3 * slots, dtype=float).reshape(3, slots) % 8
    for z in values:
        reservoir.add(z.reshape(1, slots, 1), np.log(1 + z)[None] + 700)
    counts = np.bincount(reservoir.z[0, :, 0].astype(int), minlength=8) / slots
    expected = np.arange(1, 9) / 36
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected / slots))
    weights = 1 + values
    exact = weights.sum() ** 2 / np.sum(weights**2)
    assert reservoir.effective_sample_size == pytest.approx([exact])
