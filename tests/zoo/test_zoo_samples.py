"""Fréchet distance, precision and recall, against closed forms and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluation.samples import frechet_distance, precision_recall

pytestmark = pytest.mark.one_backend("metrics of NumPy")

RNG = np.random.default_rng(0)


def points_of(mean, covariance, count=50):
    """Points whose sample mean and covariance are exactly these."""
    white = RNG.standard_normal((count, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_distance_of_axis_aligned_gaussians():
    first = points_of([0, 0, 0], np.diag([1.0, 4.0, 9.0]))
    second = points_of([1, 2, 2], np.diag([4.0, 4.0, 1.0]))
    # |m1 - m2|^2 + sum (s1 - s2)^2
    assert frechet_distance(first, second) == pytest.approx(9 + 1 + 0 + 4)


def test_distance_of_gaussians_that_do_not_commute():
    c1, c2 = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, -0.5], [-0.5, 2.0]])
    # For 2 x 2 matrices Tr M^(1/2) = (Tr M + 2 det(M)^(1/2))^(1/2).
    product = c1 @ c2
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = 2.0 + np.trace(c1) + np.trace(c2) - 2 * root
    found = frechet_distance(points_of([0, 0], c1), points_of([1, 1], c2))
    assert found == pytest.approx(expected)


def test_distance_to_itself_is_zero_and_it_is_symmetric():
    first, second = RNG.random((40, 5)), RNG.random((30, 5)) ** 2
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    there, back = frechet_distance(first, second), frechet_distance(second, first)
    assert there == pytest.approx(back) and there > 0
    # Constant features, whose covariance is singular.
    assert frechet_distance(np.zeros((3, 2)), np.ones((3, 2))) == pytest.approx(2)


def test_precision_and_recall_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    # Radii to the nearest neighbour: 1, 1, 1, 8.
    assert precision_recall(real, np.array([[-1.0], [3.0], [-1.5]]), 1)[0] == 2 / 3
    # Samples at 0 and 0.5 with radii 0.5: only the real 0 and 1 are that close.
    assert precision_recall(real, np.array([[0.0], [0.5]]), 1)[1] == 2 / 4
    far = real + 1000
    assert precision_recall(real, far, 1) == (0.0, 0.0)
    # All on one spot: precise, and missing all others.
    assert precision_recall(real, np.ones((4, 1)), 1) == (1.0, 0.25)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 3), st.integers(0, 99))
def test_precision_and_recall_against_the_definition(count, others, dim, seed):
    rng = np.random.default_rng(seed)
    real, drawn = rng.random((count, dim)), rng.random((others, dim)) * 1.3

    def inside(points, manifold):
        hits = 0
        for point in points:
            for centre in manifold:
                radius = sorted(np.linalg.norm(manifold - centre, axis=1))[1]
                if np.linalg.norm(point - centre) <= radius:
                    hits += 1
                    break
        return hits / len(points)

    expected = inside(drawn, real), inside(real, drawn)
    assert precision_recall(real, drawn, neighbours=1) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [frechet_distance, precision_recall])
@pytest.mark.parametrize(
    ("real", "generated", "words"),
    [
        (np.zeros((9, 2)), np.zeros((9, 3)), "same size; got 2 and 3"),
        (np.zeros(9), np.zeros((9, 2)), r"`real` must be features .* shape \(9,\)"),
        (np.zeros((9, 2)), np.zeros((1, 2)), "`generated` must be features"),
        (np.full((9, 2), np.nan), np.zeros((9, 2)), "`real` must be finite"),
    ],
)
def test_what_are_no_features_is_refused(metric, real, generated, words):
    with pytest.raises(ValueError, match=words):
        metric(real, generated)
