"""Arrays and .npz files: scaled, resized, split, and refused with one sentence."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recipes.data import binarize, load_images
from recipes.data.splits import cut
from recipes.data.values import find_scale

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (40, 12, 10, 3), np.uint8)
EVERY = ("train", "validation", "test")


def every_image(data):
    return np.concatenate([data.train, data.validation, data.test])


uint8_images = hnp.arrays(
    np.uint8,
    st.tuples(
        st.integers(4, 12),
        st.integers(8, 14),
        st.integers(8, 14),
        st.sampled_from([1, 3]),
    ),
)


@settings(max_examples=25, deadline=None)
@given(uint8_images)
def test_uint8_round_trips_through_unit_interval(pixels):
    data = load_images((pixels, np.arange(len(pixels))), splits=EVERY)
    images = every_image(data)
    assert images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    order = np.concatenate(
        [data.train_labels, data.validation_labels, data.test_labels]
    )
    white = 1 if pixels.max() <= 1 else 255
    np.testing.assert_array_equal(np.rint(images * white), pixels[order])


@settings(max_examples=25, deadline=None)
@given(
    uint8_images,
    st.tuples(st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3])),
)
def test_resize_gives_the_shape_asked_for(pixels, shape):
    data = load_images(pixels, image_shape=shape, splits=EVERY)
    images = every_image(data)
    assert images.shape == (len(pixels), *shape)
    assert images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1


@settings(max_examples=50, deadline=None)
@given(
    st.integers(3, 500),
    st.floats(0, 0.4),
    st.none() | st.floats(0, 0.4) | st.integers(0, 1),
    st.integers(0, 2**31),
)
def test_splits_are_disjoint_complete_and_repeatable(count, test, validation, seed):
    parts = cut(count, test=test, validation=validation, seed=seed)
    together = np.concatenate(list(parts.values()))
    np.testing.assert_array_equal(np.sort(together), np.arange(count))
    again = cut(count, test=test, validation=validation, seed=seed)
    for name in EVERY:
        np.testing.assert_array_equal(parts[name], again[name])
    other = cut(count, test=test, validation=0, seed=seed + 1)
    np.testing.assert_array_equal(parts["test"], other["test"])


def test_validation_depends_on_seed_and_test_does_not():
    labels = np.arange(40)
    first, second = (
        load_images((PIXELS, labels), splits=EVERY, seed=seed) for seed in (0, 1)
    )
    assert set(first.validation_labels) != set(second.validation_labels)
    np.testing.assert_array_equal(first.test_labels, second.test_labels)


def test_only_the_wanted_splits_are_loaded():
    data = load_images(PIXELS)
    assert data.test is None and data.test_labels is None
    assert len(data.train) == 32 and len(data.validation) == 4
    assert data.report[-1].endswith("not loaded")
    assert len(load_images(PIXELS, splits="test").test) == 4


def test_validation_of_nothing():
    data = load_images(PIXELS, validation=0, test=0)
    assert len(data.train) == 40 and data.validation is None


def test_source_array_is_not_changed():
    images = RNG.random((20, 8, 8, 1), np.float32)
    before = images.copy()
    load_images(images, test=0, validation=0).train[:] = 0
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    ("images", "scaled", "sentence"),
    [
        (np.array([0, 255], np.uint8), [0, 1], "uint8 pixels in [0, 255]"),
        (np.array([0, 51], np.uint8), [0, 0.2], "brightest is 51"),
        (np.array([0, 1], np.uint8), [0, 1], "binary uint8"),
        (np.array([False, True]), [0, 1], "bool"),
        (np.array([0, 255]), [0, 1], "int64 pixels in [0, 255]"),
        (np.array([0, 65535], np.uint16), [0, 1], "uint16 pixels in [0, 65535]"),
        (np.array([0.0, 0.25]), [0, 0.25], "float64 pixels in [0, 1] kept"),
        (np.array([-1e-7, 1 + 1e-7]), [0, 1], "kept"),
        (np.array([-1.0, 1.0], np.float32), [0, 1], "float32 pixels in [-1, 1]"),
        (np.array([0.0, 255.0]), [0, 1], "float64 pixels in [0, 255]"),
        (np.array([0, 1.0], np.float16), [0, 1], "float16"),
    ],
)
def test_value_range_is_told_and_reported(images, scaled, sentence):
    scale = find_scale(images, "x")
    np.testing.assert_allclose(scale.apply(images, "x"), scaled, atol=1e-6)
    assert sentence in scale.sentence


@pytest.mark.parametrize(
    "images",
    [
        np.array([0.0, 16.0]),
        np.array([-0.2, 1.0]),
        np.array([-3.0, 3.0]),
        np.array([0.0, 300.0]),
        np.array([-5, 200]),
        np.array([0, 1023], np.uint16),
        np.array([0, 100000]),
        np.array([-1, 1], np.int8),
    ],
)
def test_ambiguous_value_range_is_refused(images):
    with pytest.raises(ValueError, match="the pixels|The pixels of x are .* none of"):
        find_scale(images, "x")


def test_value_range_asked_for():
    scale = find_scale(np.array([0.0, 16.0]), "x", value_range=(0, 16))
    assert scale.apply(np.array([0.0, 4.0]), "x").tolist() == [0, 0.25]
    with pytest.raises(ValueError, match="outside the range"):
        scale.apply(np.array([17.0]), "x")
    with pytest.raises(ValueError, match="`value_range` must be two finite numbers"):
        find_scale(np.array([0.0]), "x", value_range=(1, 0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad):
    images = np.zeros((10, 8, 8), np.float32)
    images[3, 2, 1] = bad
    with pytest.raises(ValueError, match="arrays contain NaN or infinite"):
        load_images(images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((0, 8, 8)), "are empty, of shape"),
        (np.zeros((8, 8)), r"must have shape \(N, H, W, C\) or \(N, H, W\), received"),
        (np.zeros((2, 2, 8, 8, 1)), r"must have shape \(N, H, W, C\)"),
        (np.full((4, 8, 8), "a"), "must be real numbers"),
        (np.zeros((4, 8, 8), complex), "must be real numbers"),
        (np.zeros((4, 3, 32, 32)), r"looks like \(N, C, H, W\)"),
        (np.zeros((4, 7, 9, 1)), "smaller than 8x8: pass `image_shape`"),
        (np.zeros((1, 8, 8)), "1 images are too few"),
    ],
)
def test_wrong_arrays_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        load_images(images)


def test_small_arrays_are_resized_when_asked():
    digits = np.full((20, 4, 4), 200, np.uint8)
    data = load_images(digits, image_shape=(8, 8, 1))
    assert data.image_shape == (8, 8, 1)
    np.testing.assert_allclose(data.train, 200 / 255, atol=1e-6)
    assert "resized from 4x4 to 8x8 (height x width, bicubic)" in data.report


def test_resizing_down_is_antialiased():
    stripes = np.zeros((20, 32, 32, 1), np.uint8)
    stripes[:, :, ::2] = 255
    data = load_images(stripes, image_shape=(8, 8, 1))
    assert np.abs(data.train - 0.5).max() < 0.1


def test_aspect_ratio_is_kept_by_cropping():
    wide = np.zeros((20, 8, 16, 1), np.uint8)
    wide[:, :, 4:12] = 255  # the centre, all that a square keeps
    data = load_images(wide, image_shape=(8, 8, 1))
    np.testing.assert_array_equal(data.train, 1)
    assert any("cropped around the centre" in line for line in data.report)


def test_channels():
    grey = load_images(PIXELS, image_shape=(12, 10, 1))
    expected = PIXELS @ [0.299, 0.587, 0.114] / 255
    assert abs(grey.train.mean() - expected.mean()) < 0.02
    assert "colour turned to grey (Rec. 601 luma)" in grey.report
    colour = load_images(PIXELS[..., 0], image_shape=(12, 10, 3))
    assert (colour.train[..., 0] == colour.train[..., 2]).all()
    clear = np.zeros((20, 8, 8, 4), np.uint8)  # black, and fully transparent
    clear[0, 0, 0] = 255
    data = load_images(clear)
    assert data.image_shape == (8, 8, 3) and (data.train == 1).all()
    assert load_images(clear, image_shape=(8, 8, 4)).image_shape == (8, 8, 4)
    with pytest.raises(ValueError, match="3 channels, which do not convert to the 5"):
        load_images(PIXELS, image_shape=(12, 10, 5))


@pytest.mark.parametrize("shape", [(8, 8), (4, 8, 1), (8, 8, 0), 8, (8.5, 8, 1), "abc"])
def test_wrong_image_shape(shape):
    with pytest.raises(ValueError, match="`image_shape` must be"):
        load_images(PIXELS, image_shape=shape)


@pytest.mark.parametrize("value", [-1, 1.0, -0.1, True, "10%", float("nan")])
def test_wrong_validation(value):
    with pytest.raises(ValueError, match="`validation` must be a number"):
        load_images(PIXELS, validation=value)


def test_too_much_validation():
    with pytest.raises(ValueError, match="40 images are too few"):
        load_images(PIXELS, validation=40)


def test_wrong_splits_and_source():
    with pytest.raises(ValueError, match="`splits` must name"):
        load_images(PIXELS, splits=("train", "dev"))
    with pytest.raises(ValueError, match="are empty with these"):
        load_images(PIXELS, splits="test", test=0)
    with pytest.raises(TypeError, match="`source` must be .* received int"):
        load_images(3)


def test_labels():
    data = load_images((PIXELS, np.arange(40)[:, None] % 4))
    assert data.train_labels.dtype == np.int64 and data.num_classes == 4
    for labels in (np.arange(39), np.eye(40), np.full(40, 0.5), ["a"] * 40):
        with pytest.raises(ValueError, match="labels of arrays must be one whole"):
            load_images((PIXELS, labels))


def test_npz_with_its_own_splits(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(
        path, x_train=PIXELS, y_train=np.zeros(40), x_test=PIXELS[:7], y_test=np.ones(7)
    )
    data = load_images(str(path), splits=EVERY, validation=5)
    assert [len(getattr(data, name)) for name in EVERY] == [35, 5, 7]
    assert data.test_labels.tolist() == [1] * 7
    assert any("test from 'x_test'" in line for line in data.report)


def test_npz_with_own_validation_split():
    arrays = {
        "train_images": PIXELS,
        "val_images": PIXELS[:9],
        "test_images": PIXELS[:3],
    }
    data = load_images(arrays, splits=EVERY)
    assert [len(getattr(data, name)) for name in EVERY] == [40, 9, 3]
    data = load_images(arrays, splits=EVERY, validation=4)
    assert [len(getattr(data, name)) for name in EVERY] == [36, 4, 3]
    del arrays["test_images"]  # what is published on is what it calls validation
    data = load_images(arrays, splits=EVERY, validation=4)
    assert [len(getattr(data, name)) for name in EVERY] == [36, 4, 9]


@pytest.mark.parametrize("key", ["images", "x", "imgs", "whatever"])
def test_npz_with_one_array(tmp_path, key):
    path = tmp_path / "data.npz"
    np.savez(path, names=np.array(["a"]), **{key: PIXELS}, labels=np.arange(40))
    data = load_images(path)
    assert data.image_shape == (12, 10, 3) and data.train_labels is not None


def test_npz_with_labels_of_another_kind(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, images=PIXELS, labels=np.zeros((40, 5)))
    data = load_images(path)
    assert data.train_labels is None
    assert any(line.startswith("labels left out") for line in data.report)


def test_npz_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone\.npz"):
        load_images(tmp_path / "gone.npz")
    path = tmp_path / "data.npz"
    np.savez(path, labels=np.arange(40))
    with pytest.raises(ValueError, match=r"holds no array of images: .*\['labels'\]"):
        load_images(path)
    np.savez(path)
    with pytest.raises(ValueError, match="found nothing"):
        load_images(path)
    np.savez(path, images=np.array([{}, {}], object))
    with pytest.raises(ValueError, match=r"\['images'\] cannot be read"):
        load_images(path)
    with path.open("wb") as file:
        np.save(file, PIXELS)
    with pytest.raises(ValueError, match=r"not a readable \.npz file"):
        load_images(path)
    path.write_bytes(b"no archive at all")
    with pytest.raises(ValueError, match=r"not a readable \.npz file"):
        load_images(path)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_damaged_npz_says_so_or_loads(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.npz")
        np.savez_compressed(path, images=PIXELS[:, :8, :8])
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content) - 1))]
        else:
            content[data.draw(st.integers(0, len(content) - 1))] ^= 255
        path.write_bytes(content)
        try:
            load_images(path)
        except ValueError as error:
            assert "data.npz" in str(error)


def test_binarize():
    images = RNG.random((50, 8, 8, 1)).astype(np.float32)
    bits = binarize(images)
    assert bits.dtype == np.float32 and set(np.unique(bits)) == {0, 1}
    expected = np.random.default_rng(0).random(images.shape) < images
    np.testing.assert_array_equal(bits, expected)
    assert (binarize(images, seed=1) != bits).any()
    assert binarize(np.zeros((0, 8, 8, 1))).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_binarize_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\] without NaN"):
        binarize(np.array([0.5, bad]))


@pytest.mark.parametrize("word", ["y", "target", "targets", "classes", "label"])
def test_every_name_of_labels_is_read(word):
    images, labels = np.full((20, 8, 8), 200, np.uint8), np.arange(20)
    data = load_images({"images": images, word: labels}, test=0, validation=0)
    assert data.train_labels.tolist() == labels.tolist()
    named = {"x_train": images, f"{word}_train": labels, "x_test": images}
    assert load_images(named, validation=0).train_labels.tolist() == labels.tolist()


def test_arrays_that_are_not_used_are_said():
    images = np.full((20, 8, 8), 200, np.uint8)
    data = load_images({"images": images, "kind": np.arange(20)})
    assert "arrays: not used: 'kind'" in data.report


def test_an_unknown_scale_is_told_to_users_of_python_and_of_the_command_line():
    pixels = np.full((20, 8, 8), 16.0)
    with pytest.raises(ValueError, match="scale them .* first, or, in Python, pass"):
        load_images(pixels)


def test_inverted_images_are_the_negatives():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    kept = pixels.copy()
    for source in (pixels, (pixels / 255).astype("float32")):
        options = {"splits": ("train", "validation", "test")}
        plain = load_images(source, **options)
        inverted = load_images(source, invert=True, **options)
        for split in options["splits"]:
            negative = 1 - getattr(plain, split)
            np.testing.assert_allclose(getattr(inverted, split), negative, atol=1e-6)
        said = "inverted, black to white and white to black"
        assert inverted.report.count(said) == 1 and said not in plain.report
    np.testing.assert_array_equal(pixels, kept)
