"""`vae-zoo compress` and `vae-zoo decompress`: files that give the same images."""

import numpy as np
import pytest
from command_helpers import fail, succeed
from PIL import Image

WORDS = ("compress", "dense_vae_digits", "digits", "--binarize", "-n", 30)


def test_a_file_gives_the_same_images_as_an_array_and_as_pictures(tmp_path):
    from recipes.data import binarize, load_images

    file, wanted = (
        tmp_path / "a.vaez",
        binarize(load_images("digits", splits="test").test)[:30],
    )
    said = succeed(*WORDS, "--out", file)
    assert "30 images" in said and "bits/dim" in said and "times smaller" in said
    assert file.stat().st_size < wanted.size / 8 / 2
    said = succeed("decompress", file, "--out", tmp_path / "a.npz")
    assert "30 images" in said and "bits/dim" in said
    with np.load(tmp_path / "a.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["images"], wanted)
    succeed("decompress", file, "--out", tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").iterdir())) == 30
    with Image.open(tmp_path / "pictures" / "00007.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture) / 255, wanted[7, ..., 0])
    assert "exists already" in fail(*WORDS, "--out", file)
    assert "exists already" in fail("decompress", file, "--out", tmp_path / "pictures")


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"GIF89a", "got 6 bytes of another kind"),
        (b"VAEz\1\0\0\0\0abc", "cut off or altered"),
        (None, "Cannot read"),
    ],
)
def test_files_of_other_kinds_are_told_in_a_sentence(content, sentence, tmp_path):
    file = tmp_path / "x.vaez"
    if content is not None:
        file.write_bytes(content)
    assert sentence in fail("decompress", file, "--out", tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_a_file_of_another_preset_is_refused(tmp_path):
    file = tmp_path / "a.vaez"
    succeed(*WORDS[:-1], 3, "--out", file)
    said = fail("decompress", file, "--preset", "dense_vae_mnist", "--out", "x.npz")
    assert "the preset 'dense_vae_digits'" in said


def test_grey_pixels_are_not_made_black_and_white_unasked(tmp_path):
    file = tmp_path / "a.vaez"
    said = fail("compress", "dense_vae_digits", "digits", "--out", file)
    assert "those of 'digits' are grey" in said and "--binarize" in said
    assert not file.exists()
