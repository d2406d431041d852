"""What a Sampler refuses: one sentence saying what was given and what is wanted."""

import numpy as np
import pytest

import export
from export.runtime.labels import check_labels


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_samples": -1}, ValueError, "`num_samples` must be at least 0; got -1"),
        ({"num_samples": 2.5}, TypeError, "`num_samples` must be an integer; got 2.5"),
        ({"num_samples": True}, TypeError, "`num_samples` must be an integer"),
        ({"num_samples": "9"}, TypeError, "`num_samples` must be an integer"),
        ({"num_samples": 10**12}, ValueError, "several calls with different seeds"),
        ({"temperature": -1}, ValueError, "`temperature` must be a finite number"),
        ({"temperature": np.nan}, ValueError, "`temperature` must be a finite number"),
        ({"temperature": np.inf}, ValueError, "`temperature` must be a finite number"),
        ({"temperature": 1e39}, ValueError, "must be finite in float32"),
        ({"temperature": "hot"}, TypeError, "`temperature` must be a number"),
        ({"seed": -3}, ValueError, "`seed` must be at least 0; got -3"),
        ({"seed": 0.5}, TypeError, "`seed` must be an integer"),
        ({"seed": 2**63}, ValueError, r"`seed` must be at most 9223372036854775807"),
        ({"seed": 10**99}, ValueError, "`seed` must be at most"),
        ({"labels": [1, 2]}, ValueError, "this decoder is unconditional"),
    ],
)
def test_sample_refuses(sampler, arguments, error, message):
    with pytest.raises(error, match=message):
        sampler.sample(**{"num_samples": 2, **arguments})


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        (np.zeros((2, 5)), ValueError, r"shape \(N, 6\).*got \(2, 5\)"),
        (np.zeros(6), ValueError, r"got \(6,\)"),
        (np.zeros((1, 1, 6)), ValueError, r"got \(1, 1, 6\)"),
        (np.full((1, 6), np.nan), ValueError, "NaN or infinite"),
        (np.full((1, 6), -np.inf), ValueError, "NaN or infinite"),
        (np.full((1, 6), 1e300), ValueError, "finite in float32"),
        (np.zeros((1, 6), bool), TypeError, "dtype bool"),
        (np.zeros((1, 6), complex), TypeError, "dtype complex128"),
        (np.zeros((1, 6), object), TypeError, "dtype object"),
        ([["a"] * 6], TypeError, "array of real numbers"),
        ([[1.0], [1.0, 2.0]], TypeError, "array of numbers; got list"),
        (None, TypeError, "array of real numbers"),
    ],
)
def test_decode_refuses(sampler, z, error, message):
    with pytest.raises(error, match=message):
        sampler.decode(z)
    with pytest.raises(ValueError, match="unconditional"):
        sampler.decode(np.zeros((1, 6)), labels=np.zeros(1))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 16, 12, 1)), ValueError, r"shape \(N, 16, 12, 3\)"),
        (np.zeros((16, 12, 3)), ValueError, r"got \(16, 12, 3\)"),
        (np.full((1, 16, 12, 3), 255, np.uint8), ValueError, "divide by 255"),
        (np.full((1, 16, 12, 3), -0.1), ValueError, r"must lie in \[0, 1\]"),
        (np.full((1, 16, 12, 3), np.nan), ValueError, "NaN or infinite"),
    ],
)
def test_encode_refuses(sampler, images, error, message):
    with pytest.raises(error, match=message):
        sampler.encode(images)


CLASSES = "whole numbers from 0 to 4, one for each of 4 or one for all"
ATTRIBUTES = "float vectors of 3 attributes, one for each of 4 or one for all"


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (None, ValueError, "this model is conditional; got None"),
        ([0, 1], ValueError, r"got shape \(2,\)"),
        ([[0, 1, 2, 3]] * 5, ValueError, r"got shape \(5, 4\)"),
        ([[0, 1], [2]], TypeError, "got list, which numpy cannot read"),
        ([True] * 4, TypeError, "got dtype bool"),
    ],
)
def test_labels_of_the_wrong_number_or_kind(conditional, labels, error, message):
    wanted = ATTRIBUTES if conditional.labels.ndim == 2 else CLASSES
    for call in (
        lambda: conditional.sampler.sample(4, labels),
        lambda: conditional.sampler.decode(np.zeros((4, 5)), labels),
        lambda: conditional.sampler.encode(np.zeros((4, 16, 12, 1)), labels),
    ):
        with pytest.raises(error, match=f"`labels` must be {wanted}.*{message}"):
            call()


def test_names_of_classes_are_labels(conditional):
    def sample(labels):
        return conditional.sampler.sample(4, labels, seed=1)

    if conditional.labels.ndim == 2:
        with pytest.raises(
            TypeError, match=f"`labels` must be {ATTRIBUTES}; got dtype"
        ):
            sample("two")
        return
    np.testing.assert_array_equal(sample("two"), sample(2))
    names = ["4", "ZERO", "1", "three"]  # as numbers and words, in any case
    np.testing.assert_array_equal(sample(names), sample([4, 0, 1, 3]))
    z = np.zeros((2, 5))
    decode = conditional.sampler.decode
    np.testing.assert_array_equal(decode(z, "one"), decode(z, 1))
    there = "^`labels` must be numbers or names of classes, zero, one, two, 3, 4; got "
    with pytest.raises(ValueError, match=there + r"'tow' \(did you mean 'two'\?\)\.$"):
        sample(["one", "tow", "one", "one"])
    with pytest.raises(ValueError, match=there + "'dog'.$"):
        sample("dog")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, 5], "got values from 0 to 5"),
        ([0, 1, 2, -1], "got values from -1 to 2"),
        ([0, 1, 2.5, 3], "got fractions"),
        ([0, 1, np.nan, 3], "got NaN or infinite"),
        (7, "got values from 7 to 7"),
        (10**12, "got values from 1000000000000"),
    ],
)
def test_classes_out_of_range(labels, message):
    with pytest.raises(ValueError, match=f"`labels` must be {CLASSES}; {message}"):
        check_labels(labels, 4, {"num_classes": 5})


def test_attributes_must_be_finite_in_float32():
    for value in (np.inf, np.nan, 1e300):
        with pytest.raises(ValueError, match="got NaN or infinite values"):
            check_labels([0, value, 0], 4, {"num_attributes": 3})


@pytest.mark.parametrize(("threads", "error"), [(0, ValueError), (1.5, TypeError)])
def test_threads_must_be_a_positive_integer(decoder_file, threads, error):
    with pytest.raises(error, match="`threads`"):
        export.Sampler(decoder_file, threads=threads)
