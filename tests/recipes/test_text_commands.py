"""`vae-zoo sample`, `export` and `verify` of models of texts."""

import json
import unicodedata

import pytest
from command_helpers import fail, succeed

import export
import zoo
from recipes.commands.sample_without_keras import sample_in_fresh_process
from recipes.common.text_lines import lines_of
from zoo.vocabulary import Vocabulary

TOKENS = ["", *(bytes([i]).decode("latin-1") for i in range(256)), "th", "the"]


@pytest.fixture(scope="module")
def model():
    """It writes ends of lines, escape characters and bytes that are no UTF-8."""
    vocabulary = Vocabulary("bytes", TOKENS)
    return zoo.TextVAE(6, latent_dim=2, units=4, vocabulary=vocabulary, seed=0)


@pytest.fixture(scope="module")
def place(model, tmp_path_factory):
    """A folder with a preset and what it was exported to, by command."""
    folder = tmp_path_factory.mktemp("texts")
    model.save_to_preset(folder / "preset")
    said = succeed("export", folder / "preset", folder / "exported")
    assert "largest error against Keras" in said
    return folder


@pytest.mark.parametrize("source", ["preset", "exported", "exported/generator.onnx"])
def test_sample_prints_texts(source, place, model):
    printed = succeed("sample", place / source, "--num", "40", "--seed", "3")
    lines = lines_of(model.sample(40, seed=3), model.vocabulary)
    assert len(printed.splitlines()) == len(lines) == 40
    # Nothing moves a cursor.
    moving = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert moving.isdisjoint(map(unicodedata.category, printed.replace("\n", "")))
    assert "\\x" in printed
    plain = [line for line in lines if line.isprintable()]
    assert plain and set(plain) <= set(printed.splitlines())


@pytest.mark.parametrize("source", ["preset", "exported"])
def test_sample_writes_a_text_a_line(source, place, model, tmp_path):
    out = tmp_path / "samples.txt"
    said = succeed("sample", place / source, "-n", "40", "--seed", "3", "--out", out)
    assert said == f"40 samples: {out}\n"
    lines = lines_of(model.sample(40, seed=3), model.vocabulary)
    assert out.read_text("utf-8") == "".join(f"{line}\n" for line in lines)
    again = fail("sample", place / source, "--out", out)
    assert "exists already" in again
    succeed("sample", place / source, "-n", "1", "--out", out, "--overwrite")
    assert len(out.read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sample", "exported", "--out", "x.png"], "must end in .txt"),
        (["sample", "exported/decoder.onnx"], "it holds a decoder alone"),
        (["sample", "exported", "--shards", "2", "--out", "x"], "Shards are of images"),
        (["encode", "exported", "digits", "--out", "x"], "Shards are of images"),
    ],
)
def test_refused_in_a_sentence(arguments, said, place, monkeypatch):
    monkeypatch.chdir(place)
    assert said in fail(*arguments)


def test_verify_is_that_of_images(place):
    assert "generator.onnx" in succeed("verify", place / "exported")


def test_tokens_without_a_vocabulary_are_numbers(tmp_path, monkeypatch):
    model = zoo.TextVAE(4, vocabulary_size=9, latent_dim=2, units=4, seed=0)
    model.save_to_preset(tmp_path / "preset")
    printed = succeed("sample", tmp_path / "preset", "-n", "3", "--seed", "1")
    rows = [[int(n) for n in line.split()] for line in printed.splitlines()]
    expected = [[n for n in row if n] for row in model.sample(3, seed=1).tolist()]
    assert rows == expected


def test_a_fresh_process_samples_without_keras(place, model, tmp_path):
    expected = model.sample(12, seed=0)
    out = tmp_path / "texts.txt"
    report, error = sample_in_fresh_process(place / "exported", out, expected)
    assert error == 0 and report["num_samples"] == 12
    lines = lines_of(expected, model.vocabulary)
    assert out.read_text("utf-8") == "".join(f"{line}\n" for line in lines)
    manifest = json.loads((place / "exported" / "manifest.json").read_text())
    assert manifest["vocabulary"]["kind"] == "bytes"
    assert export.Sampler(place / "exported").vocabulary == model.vocabulary
