"""Classes of images matched by name to those that a model knows."""

import numpy as np
import pytest
from PIL import Image

from recipes.data import load_images
from recipes.data.classes import class_numbers, match_classes

DIGITS = tuple("0123456789")
WORDS = "zero one two three four five six seven eight nine".split()


def folder_of(tmp_path, names):
    """A folder a class, each of images as bright as its place in `names`."""
    for value, name in enumerate(names):
        (tmp_path / name).mkdir()
        for i in range(5):
            pixels = np.full((8, 8), 20 * (value + 1), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return load_images(tmp_path, splits=("train", "validation", "test"))


@pytest.mark.parametrize(
    "names, digits",
    [(WORDS, range(10)), (["3", "7", "8"], (3, 7, 8)), (["Seven", "03"], (7, 3))],
)
def test_folders_of_digits_get_the_labels_of_the_model(tmp_path, names, digits):
    data = match_classes(folder_of(tmp_path, names), DIGITS)
    assert data.class_names == DIGITS and data.num_classes == 10
    for split in ("train", "validation", "test"):
        places = np.rint(getattr(data, split)[:, 0, 0, 0] * 255 / 20).astype(int) - 1
        expected = np.array(digits)[places]
        np.testing.assert_array_equal(getattr(data, f"{split}_labels"), expected)
    name = sorted(names)[0]
    digit = list(digits)[list(names).index(name)]
    said = f"classes matched to the model's by name: {name!r} to {digit} '{digit}'"
    assert data.report[-1].startswith(said)


def test_nothing_is_matched_where_there_is_nothing_to_match(tmp_path):
    data = folder_of(tmp_path, ["cat", "dog"])
    assert match_classes(data, None) is data
    assert match_classes(data, ["cat", "dog"]) is data
    bare = load_images(np.full((20, 8, 8), 200, np.uint8))
    assert match_classes(bare, DIGITS) is bare


def test_the_same_name_goes_before_the_same_but_for_case():
    known = ("a", "A", "b")
    assert class_numbers(("A", "B", "a"), known, "x").tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="known|knows"):
        class_numbers(("c", "a"), known, "x")
    with pytest.raises(ValueError, match="must be among"):
        class_numbers(("b",), ("B", "B "), "x")  # which of the two?


def test_other_classes_are_refused_and_both_named():
    with pytest.raises(ValueError) as error:
        class_numbers(("cat", "3"), DIGITS, "pets")
    assert str(error.value) == (
        "The classes of pets must be among those that the model knows by name, "
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, since a model of other classes can be neither "
        "fine-tuned nor scored as it is; received cat, 3."
    )
