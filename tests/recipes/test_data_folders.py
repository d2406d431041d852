"""Folders of pictures: every layout and mode, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from recipes.data import load_images

EVERY = ("train", "validation", "test")


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **options)
    return path


def grey(value=100, size=(10, 12)):
    return np.full(size, value, np.uint8)


def test_flat_folder(tmp_path):
    for i in range(20):
        save(tmp_path / f"{i:02}.png", grey(i))
    (tmp_path / "notes.txt").write_text("not a picture")
    save(tmp_path / "._00.png", grey())
    data = load_images(tmp_path, splits=EVERY)
    assert data.image_shape == (10, 12, 1)
    assert data.train_labels is None
    images = np.concatenate([data.train, data.validation, data.test])
    values = np.rint(images[:, 0, 0, 0] * 255)
    assert sorted(values.tolist()) == list(range(20))
    again = load_images(str(tmp_path))
    np.testing.assert_array_equal(again.train, data.train)


SUFFIXES = "png jpg JPEG bmp gif webp tif TIFF jfif jpe avif ppm pgm tga jp2"


@pytest.mark.parametrize("suffix", SUFFIXES.split())
def test_formats(tmp_path, suffix):
    for i in range(3):
        save(tmp_path / f"{i}.{suffix}", grey(120))
    data = load_images(tmp_path)
    np.testing.assert_allclose(data.train, 120 / 255, atol=0.02)
    assert not any("skipped" in sentence for sentence in data.report)


def test_other_files_are_counted(tmp_path):
    save(tmp_path / "0.png", grey())
    names = ("a.txt", "b.TXT", "c.pdf", "d.mpg", "e.h5", "f.eps", "g.grib", ".hidden")
    for name in names:
        (tmp_path / name).write_bytes(b"no picture")
    data = load_images(tmp_path, test=0, validation=0)
    kinds = next(s for s in data.report if s.startswith("skipped"))
    assert kinds.startswith("skipped 7 files that are no images (.txt, ")
    assert len(data.train) == 1


def test_classes(tmp_path):
    for name, value in (("cat", 10), ("dog", 200)):
        for i in range(10):
            save(tmp_path / name / "more" / f"{i}.png", grey(value))
    (tmp_path / "empty").mkdir()
    data = load_images(tmp_path, splits=EVERY)
    assert data.class_names == ("cat", "dog") and data.num_classes == 2
    np.testing.assert_array_equal(data.train[:, 0, 0, 0] > 0.5, data.train_labels == 1)


def test_single_sub_folder_is_no_class(tmp_path):
    for i in range(3):
        save(tmp_path / "images" / f"{i}.png", grey())
    assert load_images(tmp_path).class_names is None


def test_own_splits(tmp_path):
    for split, count in (("train", 10), ("test", 4)):
        for name in ("a", "b"):
            for i in range(count):
                save(tmp_path / split / name / f"{i}.png", grey(len(split)))
    data = load_images(tmp_path, splits=EVERY)
    assert [len(getattr(data, name)) for name in EVERY] == [18, 2, 8]
    assert data.class_names == ("a", "b")
    assert data.test_labels.tolist() == [0] * 4 + [1] * 4
    save(tmp_path / "test" / "c" / "0.png", grey())
    with pytest.raises(ValueError, match="has the class 'c', which is not among"):
        load_images(tmp_path)


def test_resize_and_report(tmp_path):
    save(tmp_path / "0.png", grey(size=(20, 20)))
    save(tmp_path / "1.jpg", grey(size=(40, 30)))
    save(tmp_path / "2.png", grey(size=(16, 16)))
    data = load_images(tmp_path, image_shape=(16, 16, 1))
    assert data.image_shape == (16, 16, 1)
    assert any("resized from 2 sizes, 20x20 to 40x30, to 16" in s for s in data.report)


def test_modes(tmp_path):
    save(tmp_path / "0.png", np.full((10, 10), True))
    save(tmp_path / "1.png", np.full((10, 10), 65535 // 2, np.uint16))
    clear = np.zeros((10, 10, 4), np.uint8)
    save(tmp_path / "2.png", clear)
    palette = Image.fromarray(np.full((10, 10, 3), (255, 0, 0), np.uint8))
    palette.convert("P").save(tmp_path / "3.png")
    palette.convert("CMYK").save(tmp_path / "4.jpg")
    save(tmp_path / "5.png", np.full((10, 10, 2), (0, 0), np.uint8))
    images = load_images(tmp_path, validation=0, test=0).train
    means = images.mean((1, 2))
    expected = [[1] * 3, [0.5] * 3, [1] * 3, [1, 0, 0], [1, 0, 0], [1] * 3]
    np.testing.assert_allclose(means, expected, atol=0.01)
    report = "\n".join(load_images(tmp_path).report)
    assert "1 image of 16 bits a pixel reduced to 8" in report
    assert "2 images with transparency drawn over white" in report
    assert "3 images in grey repeated in three channels" in report
    grey_images = load_images(tmp_path, image_shape=(10, 10, 1), test=0, validation=0)
    np.testing.assert_allclose(grey_images.train[3].mean(), 0.299, atol=0.01)


def test_grey_palette_and_animation(tmp_path):
    frames = [Image.fromarray(grey(value)).convert("P") for value in (50, 90)]
    for i in range(3):
        frames[0].save(tmp_path / f"{i}.gif", save_all=True, append_images=frames[1:])
    data = load_images(tmp_path)
    assert data.image_shape == (10, 12, 1)
    np.testing.assert_allclose(data.train, 50 / 255, atol=0.01)
    assert "3 images animated, first frame taken" in data.report


def test_orientation_of_photographs(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    for i in range(3):
        save(tmp_path / f"{i}.jpg", grey(size=(10, 20)), exif=exif)
    assert load_images(tmp_path).image_shape == (20, 10, 1)


def test_missing_and_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder .*gone"):
        load_images(tmp_path / "gone")
    (tmp_path / "readme.txt").write_text("")
    with pytest.raises(ValueError, match="There is no image in the folder"):
        load_images(tmp_path)
    with pytest.raises(ValueError, match="is a file, wanted a folder"):
        load_images(tmp_path / "readme.txt")


def test_damaged_image_is_named(tmp_path):
    save(tmp_path / "0.png", grey())
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    path = save(tmp_path / "1.png", noise)
    whole = path.read_bytes()
    for content in (b"", b"not an image", whole[:200]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"1\.png is not a readable image"):
            load_images(tmp_path, image_shape=(8, 8, 1))


def test_sizes_without_image_shape(tmp_path):
    save(tmp_path / "0.png", grey())
    save(tmp_path / "1.png", grey(size=(12, 12)))
    with pytest.raises(
        ValueError, match=r"different sizes, 10x12 in .*0\.png and 12x12"
    ):
        load_images(tmp_path)
    save(tmp_path / "0.png", grey(size=(7, 9)))
    with pytest.raises(ValueError, match=r"0\.png is 7x9 .* smaller than 8x8"):
        load_images(tmp_path)


def test_images_beside_class_folders(tmp_path):
    save(tmp_path / "loose.png", grey())
    for name in ("a", "b"):
        save(tmp_path / name / "0.png", grey())
    with pytest.raises(ValueError, match=r"holds images \('loose.png', ...\) beside"):
        load_images(tmp_path)


def test_channels_no_picture_has(tmp_path):
    save(tmp_path / "0.png", grey())
    with pytest.raises(ValueError, match="must end in 1 or 3"):
        load_images(tmp_path, image_shape=(8, 8, 4))


def test_few_unreadable_images_are_skipped(tmp_path):
    for i in range(40):
        for name in ("a", "b"):
            save(tmp_path / name / f"{i:02}.png", grey(200 if name == "b" else 10))
    broken = [tmp_path / "a" / f"{i:02}.png" for i in (3, 5, 6, 7, 8)]
    for path in broken[:4]:
        path.write_bytes(b"")
    data = load_images(tmp_path, image_shape=(8, 8, 1), test=0, validation=0)
    assert len(data.train) == 76
    np.testing.assert_array_equal(data.train[:, 0, 0, 0] > 0.5, data.train_labels == 1)
    said = "skipped 4 images that are not readable: a/03.png, a/05.png, a/06.png, a/07"
    assert any(said in sentence for sentence in data.report)
    with pytest.raises(ValueError, match=r"03\.png is not a readable image \(it is em"):
        load_images(tmp_path, image_shape=(8, 8, 1), strict=True)
    broken[4].write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"More than 4 of the 80 images .* 5 %: a/03"):
        load_images(tmp_path, image_shape=(8, 8, 1))


def test_errors_name_no_object_in_memory(tmp_path):
    for content in (b"", b"no picture"):
        (tmp_path / "0.png").write_bytes(content)
        with pytest.raises(ValueError, match="not a readable image") as error:
            load_images(tmp_path)
        assert "0x" not in str(error.value).replace(str(tmp_path), "")


def test_linked_folders_are_followed_once(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "images" / name / "0.png", grey())
    save(tmp_path / "far" / "1.png", grey())
    save(tmp_path / "bird" / "2.png", grey())
    inside = tmp_path / "images" / "cat" / "linked"
    try:
        inside.symlink_to(tmp_path / "far", target_is_directory=True)
    except OSError:
        pytest.skip("links need a right on Windows")
    (tmp_path / "images" / "bird").symlink_to(tmp_path / "bird")
    # In circles: to itself, up to the whole, and up from a class.
    (tmp_path / "far" / "again").symlink_to(tmp_path / "far")
    (tmp_path / "images" / "whole").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "dog" / "up").symlink_to(tmp_path / "images")
    data = load_images(tmp_path / "images", test=0, validation=0)
    assert data.class_names == ("bird", "cat", "dog")
    assert data.train_labels.tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(
    "train, other",
    [
        ("train", "val"),
        ("Training", "valid"),
        ("train", "validation"),
        ("train", "test"),
        ("train", "testing"),
    ],
)
@pytest.mark.parametrize("within", ["", "archive/images"])
def test_two_splits_are_no_classes(tmp_path, train, other, within):
    for split, value, count in ((train, 10, 20), (other, 200, 5)):
        for name in ("a", "b"):
            for i in range(count):
                save(tmp_path / within / split / name / f"{i}.png", grey(value))
    (tmp_path / "empty").mkdir()
    data = load_images(tmp_path, splits=EVERY)
    assert data.class_names == ("a", "b")
    # The author's own are the test, and none of them is trained on.
    assert [len(getattr(data, name)) for name in EVERY] == [36, 4, 10]
    assert data.train.max() < 0.5 < data.test.min()
    prefix = f"{within}/" if within else ""
    said = "\n".join(data.report)
    assert f"folders taken for splits: train in '{prefix}{train}', " in said
    assert f" in '{prefix}{other}'\n" in said
    assert "folders taken for classes: 0 'a', 1 'b'\n" in said


def test_three_splits_keep_the_authors_validation(tmp_path):
    for split, count in (("train", 10), ("val", 4), ("test", 3)):
        for i in range(count):
            save(tmp_path / split / f"{i}.png", grey())
    data = load_images(tmp_path, splits=EVERY)
    assert [len(getattr(data, name)) for name in EVERY] == [10, 4, 3]


def test_names_of_splits_beside_other_pictures_are_classes(tmp_path):
    for name in ("train", "val", "plane"):
        save(tmp_path / name / "0.png", grey())
    data = load_images(tmp_path, test=0, validation=0)
    assert data.class_names == ("plane", "train", "val")
    for name in ("train", "val"):
        save(tmp_path / "two" / name / "0.png", grey())
    save(tmp_path / "two" / "loose.png", grey())
    with pytest.raises(ValueError, match=r"holds images \('loose.png', ...\) beside"):
        load_images(tmp_path / "two")


def test_classes_in_a_folder_of_their_own(tmp_path):
    for name, value in (("cat", 10), ("dog", 200)):
        save(tmp_path / "images" / "all" / name / "0.png", grey(value))
    data = load_images(tmp_path, test=0, validation=0)
    assert data.class_names == ("cat", "dog")
    assert "folders taken for classes: 0 'cat', 1 'dog'" in data.report
    np.testing.assert_array_equal(data.train[:, 0, 0, 0] > 0.5, data.train_labels == 1)


def test_one_class_of_a_split_is_still_a_class(tmp_path):
    for place in ("train/images/a", "train/images/b", "test/images/b"):
        for i in range(4):
            save(tmp_path / place / f"{i}.png", grey())
    data = load_images(tmp_path, splits=EVERY)
    assert data.class_names == ("a", "b") and data.test_labels.tolist() == [1] * 4
