"""The study of missing pixels: its figures, of draws whose quality is known."""

import numpy as np
import pytest

from recipes import missing_pixels

SHAPE = (400, 8, 8, 1)


def test_intervals_of_right_draws_hold_the_truth_19_times_of_21():
    rng = np.random.default_rng(0)
    share = rng.random((SHAPE[0], 1, 1, 1))  # differs from image to image
    truth, *drawn = (rng.random((21, *SHAPE)) < share).astype("float32")
    found = missing_pixels.coverage(np.stack(drawn), truth)
    # Its standard error is 0.015.
    assert found == pytest.approx(19 / 21, abs=0.05)
    assert missing_pixels.coverage(np.zeros((20, *SHAPE)), np.ones(SHAPE)) == 0
    # Draws that are all alike, and alike the truth, leave it to chance.
    same = missing_pixels.coverage(np.repeat(truth[None], 20, axis=0), truth)
    assert same == pytest.approx(19 / 21, abs=0.05)


def test_cross_entropy_is_that_of_the_formula():
    expected, truth = np.array([[0.25, 0.5]]), np.array([[1.0, 0.0]])
    wanted = -(np.log(0.25) + np.log(0.5)) / 2
    assert missing_pixels.cross_entropy(expected, truth) == pytest.approx(wanted)
    # A pixel that was thought certain, and is otherwise, costs much, not infinitely.
    assert 10 < missing_pixels.cross_entropy(np.ones((1, 1)), np.zeros((1, 1))) < 20
