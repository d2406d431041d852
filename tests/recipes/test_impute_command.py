"""`vae-zoo impute`: pictures and arrays of filled-in pixels."""

import numpy as np
import pytest
from command_helpers import fail, succeed
from PIL import Image

from recipes.commands.imputing import missing_pixels

WORDS = ("impute", "dense_vae_digits", "digits", "--num-steps", 4, "-n", 2)


def test_draws_are_kept_and_shown(tmp_path):
    asked = (*WORDS, "--num-draws", 3, "--missing", "lower", "--out")
    said = succeed(*asked, tmp_path / "a.npz")
    assert "3 draws of 2 images" in said
    with np.load(tmp_path / "a.npz", allow_pickle=False) as kept:
        draws, images, observed = (kept[n] for n in ("draws", "images", "observed"))
    assert draws.shape == (3, 2, 28, 28, 1) and observed.shape == (28, 28)
    assert observed[:14].all() and not observed[14:].any()
    np.testing.assert_array_equal(draws[:, :, :14], np.stack([images[:, :14]] * 3))
    assert set(np.unique(draws)) == {0, 1}  # a preset of binary pixels
    succeed(*asked, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > picture.height > 56
    assert "exists already" in fail(*asked, tmp_path / "a.png")


def test_masks_are_halves_chance_or_pictures(tmp_path):
    size = (6, 9)
    assert missing_pixels("upper", size)[:3].all()
    assert missing_pixels("left", size).sum() == 6 * 4
    assert missing_pixels("right", size).sum() == 6 * 5
    by_chance = missing_pixels("random", (40, 40), seed=1)
    assert 700 < by_chance.sum() < 900
    assert (by_chance != missing_pixels("random", (40, 40), seed=2)).any()
    white = np.zeros((10, 10), np.uint8)
    white[2:5, 3:8] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(
        missing_pixels(str(tmp_path / "mask.png"), (10, 10)), white == 255
    )


@pytest.mark.parametrize(
    "words, sentence",
    [
        (("--missing", "middle"), "`--missing` must be one of lower, upper"),
        (("--missing", "lower", "--out", "x.gif"), "must end in .png"),
        (("--missing", "white.png"), "a pixel of each image observed"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((28, 28), 255, np.uint8)).save("white.png")
    assert sentence in fail(*WORDS, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["white.png"]
