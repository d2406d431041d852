"""Images that memory is not to hold, and images changed at random for training."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from recipes.data import binarize, load_images, on_disk, pictures
from recipes.data.augment import Augmentation
from recipes.data.decoding import Decoder
from recipes.data.rows import Rows

SPLITS = ("train", "validation", "test")
SHAPE = (8, 8, 3)
# Gigabytes: less than 60 pictures take, and more than the 6 of a small split.
LITTLE = 20e-6


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """60 noisy pictures in two classes; temporary files go beside them."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "cache"))
    monkeypatch.setattr(on_disk.tempfile, "tempdir", None)
    (tmp_path / "cache").mkdir()
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        for i in range(30):
            path = tmp_path / "pictures" / name / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (10, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path / "pictures"


def both(source, splits=SPLITS, **options):
    """Loaded into memory, and as a stream."""
    options = {"splits": splits, "seed": 3, **options}
    return load_images(source, **options), load_images(source, memory=LITTLE, **options)


@pytest.mark.parametrize("options", [{}, {"invert": True}, {"image_shape": None}])
def test_stream_has_the_splits_and_pixels_of_arrays(folder, options):
    arrays, stream = both(folder, **{"image_shape": SHAPE, **options})
    assert isinstance(stream.train, Rows) and isinstance(arrays.train, np.ndarray)
    for split in SPLITS:
        images, same = getattr(arrays, split), getattr(stream, split)
        assert images.dtype == same.dtype and images.shape == same.shape
        np.testing.assert_array_equal(images, same[:])
        labels = getattr(arrays, f"{split}_labels")
        np.testing.assert_array_equal(labels, getattr(stream, f"{split}_labels"))
    assert type(stream.validation) is type(stream.test) is np.ndarray
    for index in (5, -1, slice(3, 9, 2), [4, 0, 4], arrays.train_labels == 1):
        np.testing.assert_array_equal(arrays.train[index], stream.train[index])
    assert np.mean(stream.train) == pytest.approx(np.mean(arrays.train), rel=1e-6)
    np.testing.assert_allclose(
        np.mean(stream.train, axis=0), np.mean(arrays.train, axis=0), rtol=1e-5
    )


def test_report_says_what_is_kept_where(folder):
    arrays, stream = both(folder, image_shape=SHAPE)
    said = [sentence for sentence in stream.report if sentence not in arrays.report]
    assert said == [
        "60 images of pictures, 4.61e-05 GB as float32, do not fit in `memory`, "
        "2e-05 GB: kept in a temporary file of 0 MB in "
        f"{str(folder.parent / 'cache')!r}, they are read from it batch by batch"
    ]
    assert set(arrays.report) < set(stream.report)


def test_splits_of_one_folder_are_decoded_once_while_in_use(folder, monkeypatch):
    decoded = []

    def decode(self, encoded, name):
        decoded.append(name)
        return plain(self, encoded, name)

    plain = Decoder.__call__
    monkeypatch.setattr(Decoder, "__call__", decode)
    options = {"image_shape": SHAPE, "memory": LITTLE}
    data = load_images(folder, **options)
    test = load_images(folder, splits="test", **options)
    assert len(decoded) == 60 and len(data.train) + len(test.test) == 55
    # Not if a picture has become another, nor for other pixels.
    os.utime(folder / "cat" / "00.png", ns=(0, 0))
    load_images(folder, splits="test", **options)
    assert len(decoded) == 120
    load_images(folder, image_shape=(16, 16, 1), memory=LITTLE)
    assert len(decoded) == 180


def test_nothing_is_left_behind(folder):
    _, stream = both(folder)
    assert isinstance(stream.train.source, on_disk.DiskArray)
    if os.name != "nt":
        assert not list((folder.parent / "cache").iterdir())


def test_full_disk_is_one_sentence(folder, monkeypatch):
    class Full:
        def seek(self, position):
            pass

        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(on_disk, "_open", lambda: ("there", Full()))
    with pytest.raises(OSError, match=r"in 'there', cannot be written \(No space.*TMP"):
        load_images(folder, memory=LITTLE)


def test_grey_pictures_before_coloured_ones(folder, monkeypatch):
    monkeypatch.setattr(pictures, "BLOCK", 16)
    for path in sorted((folder / "cat").iterdir()):
        Image.open(path).convert("L").save(path)
    arrays, stream = both(folder)
    np.testing.assert_array_equal(arrays.train, stream.train[:])
    assert "30 images in grey repeated in three channels" in stream.report


def test_unreadable_pictures_are_skipped_and_listed(folder):
    for name in ("cat/04.png", "dog/07.png"):
        (folder / name).write_bytes(b"no picture")
    arrays, stream = both(folder)
    np.testing.assert_array_equal(arrays.train, stream.train[:])
    np.testing.assert_array_equal(arrays.train_labels, stream.train_labels)
    said = "skipped 2 images that are not readable: cat/04.png, dog/07.png"
    assert said in arrays.report and said in stream.report
    with pytest.raises(ValueError, match=r"cat.04\.png is not a readable image"):
        load_images(folder, memory=LITTLE, strict=True)
    (folder / "dog" / "08.png").write_bytes(b"")
    for name in ("09", "10"):
        (folder / "dog" / f"{name}.png").write_bytes(b"")
    with pytest.raises(ValueError, match="More than 3 of the 60 images"):
        load_images(folder, memory=LITTLE)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_arrays_stay_in_their_own_type(kind):
    x = np.random.default_rng(0).integers(0, 256, (60, 10, 10, 3)).astype("uint8")
    x = x if kind == "uint8" else x.astype(kind) / 255
    arrays, stream = both({"x_train": x, "x_test": x[:9]}, image_shape=SHAPE)
    assert stream.train.source.dtype == kind
    np.testing.assert_array_equal(arrays.train, stream.train[:])
    np.testing.assert_array_equal(arrays.test, stream.test[:])
    assert any(f"kept as {kind}, they become float32" in s for s in stream.report)


@pytest.mark.parametrize("kind", ["uint8", "float32", ">u2", "fortran"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_of_a_file_go_to_the_disk(tmp_path, save, kind):
    x = np.random.default_rng(0).integers(0, 256, (600, 8, 8)).astype("uint8")
    x = {
        "uint8": lambda: x,
        "float32": lambda: x.astype("float32") / 255,
        ">u2": lambda: x.astype(">u2") * 257,
        "fortran": lambda: np.asfortranarray(x),
    }[kind]()
    save(tmp_path / "x.npz", pictures=x, labels=np.arange(600) % 3)
    arrays, stream = both(tmp_path / "x.npz")
    on_disk_now = isinstance(stream.train.source, on_disk.DiskArray)
    assert on_disk_now == (kind != "fortran")  # which a file holds by columns
    for split in SPLITS:
        images, same = getattr(arrays, split), getattr(stream, split)
        np.testing.assert_array_equal(images, same[:])
        labels = getattr(arrays, f"{split}_labels")
        np.testing.assert_array_equal(labels, getattr(stream, f"{split}_labels"))


@pytest.mark.parametrize("memory", [0, -1, "much", None])
def test_memory_is_a_number_of_gigabytes(memory):
    with pytest.raises(ValueError, match="`memory` must be a number of gigabytes > 0"):
        load_images(np.zeros((9, 8, 8)), memory=memory)


def test_binary_test_images_are_those_of_one_draw():
    images = np.random.default_rng(1).random((600, 3, 3, 1), dtype="float32")
    draws = np.random.default_rng(5).random(images.shape)
    np.testing.assert_array_equal(binarize(images, 5), draws < images)


# Changes at random.


def changed(images, kinds, levels=None, seed=0):
    return Augmentation(kinds, levels)(images, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).random((40, 16, 16, 2), dtype="float32")


def test_flips_mirror_about_half_of_the_images(noise):
    flipped = changed(noise, "flip")
    mirrored = [bool((a == b[:, ::-1]).all()) for a, b in zip(flipped, noise, strict=1)]
    same = [bool((a == b).all()) for a, b in zip(flipped, noise, strict=True)]
    assert [a != b for a, b in zip(mirrored, same, strict=True)] == [True] * 40
    assert 10 < sum(mirrored) < 30


def test_shifts_move_by_a_sixteenth_and_repeat_the_edge(noise):
    seen = set()
    for image, moved in zip(noise, changed(noise, "shift"), strict=True):
        padded = np.pad(image, [(1, 1), (1, 1), (0, 0)], mode="edge")
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if (padded[y : y + 16, x : x + 16] == moved).all()
        ]
        assert len(found) == 1
        seen.update(found)
    assert len(seen) == 9


def test_rotations_turn_by_at_most_ten_degrees():
    rows, columns = np.mgrid[:32, :32] - 15.5
    # A bar: its direction can be told from its second moments.
    bar = (np.abs(rows) < 2) & (np.abs(columns) < 12)
    images = np.repeat(bar[None, ..., None].astype("float32"), 30, axis=0)
    turned = changed(images, "rotate")
    assert turned.min() >= 0 and turned.max() <= 1
    weights = turned[..., 0]
    angles = np.degrees(
        0.5
        * np.arctan2(
            2 * (weights * rows * columns).sum((1, 2)),
            (weights * (columns**2 - rows**2)).sum((1, 2)),
        )
    )
    assert 5 < np.abs(angles).max() < 11 and angles.min() < -2 and angles.max() > 2
    # The middle stays, and constant images do.
    np.testing.assert_allclose(weights[:, 15:17, 15:17], 1, atol=1e-6)
    np.testing.assert_allclose(changed(images * 0 + 0.3, "rotate"), 0.3, atol=1e-6)


def test_turned_pixels_keep_their_levels(noise):
    eight_bit = np.rint(noise * 255) / np.float32(255)
    turned = changed(eight_bit, "rotate", levels=256)
    np.testing.assert_array_equal(turned, np.rint(turned * 255) / np.float32(255))
    pixels = np.random.default_rng(0).integers(0, 2, (30, 8, 8), dtype=np.uint8)
    data = load_images(pixels, augment=["rotate"])
    drawn = data.train.draw(np.arange(20), np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0, 1} and not np.array_equal(
        drawn, data.train[:20]
    )


@pytest.mark.parametrize("memory", [1, LITTLE])
def test_training_images_alone_are_changed(folder, memory):
    options = {"image_shape": SHAPE, "splits": SPLITS}
    plain = load_images(folder, **options)
    data = load_images(folder, memory=memory, augment="shift, flip", **options)
    for split in SPLITS:
        np.testing.assert_array_equal(getattr(data, split)[:], getattr(plain, split))
    assert type(data.validation) is type(data.test) is np.ndarray
    drawn = [data.train.draw(np.arange(9), np.random.default_rng(s)) for s in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    said = "training images are changed at random: flip, shift; flip is not for digits,"
    assert any(sentence.startswith(said) for sentence in data.report)


def test_flips_of_digits_are_advised_against():
    digits = load_images("digits", augment="flip").report
    assert any("look like digits or letters" in s and "leave flip" in s for s in digits)
    shifted = load_images("digits", augment="shift").report
    assert "training images are changed at random: shift" in shifted


@pytest.mark.parametrize("augment", ["flop", "flip,flip", ["rotate", "noise"]])
def test_unknown_changes_are_one_sentence(augment):
    with pytest.raises(
        ValueError, match="^`augment` must name some of flip, shift, ro"
    ):
        load_images(np.zeros((9, 8, 8)), augment=augment)
