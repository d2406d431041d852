"""The box that pictures are cropped to: inside them, centred, of the right shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recipes.data import load_images
from recipes.data.geometry import cover_box

sides = st.integers(1, 20_000)


def check_box(height, width, to_height, to_width):
    left, top, right, bottom = cover_box(height, width, to_height, to_width)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert left + right == pytest.approx(width)
    assert top + bottom == pytest.approx(height)
    ratio = (right - left) / (bottom - top)
    assert ratio == pytest.approx(to_width / to_height, rel=1e-6)
    assert right - left == width or bottom - top == height


@pytest.mark.parametrize("target", [(28, 28), (32, 32), (64, 48), (8, 100), (33, 57)])
def test_the_box_lies_within_pictures_of_every_side(target):
    for side in range(1, 1201):
        for size in ((side, side), (side, 450), (450, side)):
            check_box(*size, *target)


@settings(deadline=None)
@given(sides, sides, sides, sides)
def test_the_box_lies_within_any_picture(height, width, to_height, to_width):
    check_box(height, width, to_height, to_width)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 1200), st.integers(1, 1200))
def test_pillow_takes_the_box(height, width):
    box = cover_box(height, width, 28, 28)
    Image.new("L", (width, height)).resize((28, 28), box=box)


def test_pictures_whose_box_was_refused(tmp_path):
    for side in (29, 58, 450):
        pixels = np.full((20, side, side), 200, np.uint8)
        data = load_images(pixels, image_shape=(28, 28, 1))
        np.testing.assert_allclose(data.train, 200 / 255, atol=1e-6)
        Image.fromarray(pixels[0]).save(tmp_path / f"{side}.png")
    data = load_images(tmp_path, image_shape=(28, 28, 1), test=0, validation=0)
    assert len(data.train) == 3
