"""`vae-zoo interpolate` and `vae-zoo cluster`."""

import csv

import numpy as np
import pytest
from command_helpers import fail, succeed
from PIL import Image

import zoo
from recipes.data import load_images
from zoo import applications

DIGITS = {"name": "digits", "binarized": False, "training_images": 1500}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    model = zoo.DenseVAE((28, 28, 1), 3, hidden_units=(8,), seed=0)
    folder = tmp_path_factory.mktemp("presets") / "dense"
    model.save_to_preset(folder, metadata={"dataset": DIGITS})
    return folder


def test_interpolate_draws_what_lies_between(preset, tmp_path):
    x = load_images("digits", splits="test").test
    picture = tmp_path / "end.png"
    Image.fromarray(np.rint(255 * x[4, ..., 0]).astype(np.uint8)).save(picture)
    asked = ("--num-steps", 5, "--path", "linear", "--out")
    succeed("interpolate", preset, 3, picture, *asked, tmp_path / "a.png")
    succeed("interpolate", preset, 3, 4, *asked, tmp_path / "b.png")
    drawn = [np.asarray(Image.open(tmp_path / f"{n}.png"), int) for n in "ab"]
    assert np.max(np.abs(drawn[0] - drawn[1])) <= 2
    model = zoo.from_preset(preset)
    wanted = applications.interpolate(model, x[3], x[4], 5, "linear")[0]
    found = drawn[1][4:60:2, 4::2].reshape(28, 5, 30)[..., :28]
    np.testing.assert_allclose(found.swapaxes(0, 1), 255 * wanted[..., 0], atol=0.6)


def test_cluster_writes_a_table_and_a_picture(preset, tmp_path):
    out = tmp_path / "found"
    said = succeed("cluster", preset, "digits", "--num-clusters", 4, "--out", out)
    assert "4 clusters of 297 images of digits" in " ".join(said.split())
    rows = list(csv.DictReader((out / "clusters.csv").open()))
    data = load_images("digits", splits="test")
    assert [row["label"] for row in rows] == [str(y) for y in data.test_labels]
    found = applications.cluster(zoo.from_preset(preset), data.test, 4)
    assert [int(row["cluster"]) for row in rows] == found.labels.tolist()
    with Image.open(out / "clusters.png") as picture:
        assert picture.format == "PNG"
    assert "exists already" in fail("cluster", preset, "digits", "--out", out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("interpolate", "P", 3, 999), "There is no image 999"),
        (("interpolate", "P", 3, "no.png"), "Cannot read the picture 'no.png'"),
        (("interpolate", "P", 3, 4, "--out", "no/a.png"), "there is no folder 'no'"),
        (("interpolate", "P", 3, 4, "--label", "2"), "takes no labels"),
        (("cluster", "P", "digits", "--num-clusters", 298, "--out", "x"), "got 298"),
        (("cluster", "P", "no/such", "--out", "y"), "no data set 'no/such'"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    arguments, words, preset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert words in fail(*(preset if word == "P" else word for word in arguments))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
