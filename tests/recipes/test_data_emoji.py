"""Emoji: the pictures of an npm package, split by emoji and not by picture."""

import json

import numpy as np
import pytest
from PIL import Image

from recipes.data import load_images
from recipes.data.open import named_data_set

TONES = 3


def entry(number, category, tones=0, drawn=True):
    """What emoji.json says of an emoji."""
    variations = {
        f"1F3F{tone}": {"image": f"{number}-{tone}.png", "has_img_google": True}
        for tone in range(tones)
    }
    return {
        "image": f"{number}.png",
        "category": category,
        "has_img_google": drawn,
        **({"skin_variations": variations} if tones else {}),
    }


@pytest.fixture
def data_dir(tmp_path):
    """A data folder with such a package: 20 fruits, 20 people in four tones."""
    entries = [entry(number, "Fruits") for number in range(20)]
    entries += [entry(number, "People", TONES) for number in range(20, 40)]
    entries += [entry(40, "Component"), entry(41, "Fruits", drawn=False)]
    pictures = tmp_path / "emoji" / "img" / "google" / "64"
    pictures.mkdir(parents=True)
    for number in range(41):
        for name in (f"{number}", *(f"{number}-{tone}" for tone in range(TONES))):
            # Opaque on the left alone; the level says which emoji it is.
            pixels = np.zeros((64, 64, 4), np.uint8)
            pixels[:, :32] = (number, 200, 0, 255)
            Image.fromarray(pixels).save(pictures / f"{name}.png")
    (tmp_path / "emoji" / "emoji.json").write_text(json.dumps(entries))
    return tmp_path


def emoji_of(images):
    """Which emoji pictures are of."""
    return np.rint(255 * images[:, 0, 0, 0]).astype(int)


def test_all_tones_of_an_emoji_are_of_one_split(data_dir):
    splits = ("train", "validation", "test")
    data = load_images("emoji", data_dir=data_dir, splits=splits, validation=10)
    assert data.class_names == ("Fruits", "People")
    assert data.license.startswith("Apache-2.0")
    assert data.image_shape == (64, 64, 3)
    rest = np.concatenate([emoji_of(data.train), emoji_of(data.validation)])
    test = emoji_of(data.test)
    assert len(rest) + len(test) == 20 + 20 * (1 + TONES)
    assert set(rest).isdisjoint(test) and len(set(test)) == 4
    assert set(rest) | set(test) == set(range(40))
    np.testing.assert_array_equal(data.test_labels, test >= 20)
    np.testing.assert_array_equal(data.train[:, :, 40:], 1)  # transparent is white
    again = load_images("emoji", data_dir=data_dir, splits=("test",), seed=1)
    np.testing.assert_array_equal(again.test, data.test)


def test_they_are_a_data_set_by_name(data_dir, tmp_path_factory, monkeypatch):
    """Unless the package is missing, and there is a folder of that name."""
    folder = tmp_path_factory.mktemp("work")
    monkeypatch.chdir(folder)
    assert named_data_set("emoji", data_dir) == "emoji"
    (folder / "emoji").mkdir()
    for number in range(12):
        Image.new("L", (8, 8), number).save(folder / "emoji" / f"{number}.png")
    options = {"splits": ("train", "test"), "test": 2}
    own = load_images("emoji", data_dir=folder / "none", **options)
    assert own.image_shape == (8, 8, 1)
    theirs = load_images("emoji", data_dir=data_dir, splits=("train", "test"))
    assert theirs.image_shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (
            lambda folder: (folder / "emoji.json").unlink(),
            FileNotFoundError,
            "There are no emoji in .*: in .* run `npm pack emoji-datasource-google@16",
        ),
        (
            lambda folder: (folder / "emoji.json").write_text("[1]"),
            ValueError,
            "is not the list of emoji",
        ),
        (
            lambda folder: (folder / "emoji.json").write_text("{"),
            ValueError,
            "is not the list of emoji",
        ),
        (
            lambda folder: (folder / "emoji.json").write_text("[]"),
            ValueError,
            "lists no emoji",
        ),
        (
            lambda folder: (folder / "img/google/64/3.png").unlink(),
            ValueError,
            "is not whole: there is no .*3.png",
        ),
    ],
)
def test_a_package_that_is_not_whole_is_one_sentence(data_dir, damage, error, said):
    damage(data_dir / "emoji")
    with pytest.raises(error, match=said) as caught:
        load_images("emoji", data_dir=data_dir, splits=("train", "test"))
    assert "\n" not in str(caught.value)
