"""What commands of `vae-zoo` do of a preset of texts, and what they refuse."""

import csv
import html
import json
import re

import numpy as np
import pytest
from command_helpers import fail, run, succeed

import zoo
from recipes.data.texts import load_texts
from recipes.documents.examples import pieces_of, surprises, text_examples
from recipes.documents.texts import markdown_cells
from recipes.metrics.texts import evaluate_texts
from zoo import applications
from zoo.applications import AnomalyDetector
from zoo.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def data():
    options = {"kind": "words", "size": 100, "max_length": 20}
    return load_texts("phrases", splits=("train", "test"), **options)


@pytest.fixture(scope="module")
def preset(data, tmp_path_factory):
    """A model that was trained for a moment, so that its texts are not all alike."""
    model = zoo.TextVAE(
        20, latent_dim=3, units=16, embedding_dim=8, vocabulary=data.vocabulary, seed=0
    )
    model.compile("adam")
    model.optimizer.learning_rate = 1e-2
    model.fit(data.train[:2000], batch_size=64, epochs=2, verbose=0)
    folder = tmp_path_factory.mktemp("presets") / "phrased"
    model.save_to_preset(folder, {"dataset": {"name": "phrases", "binarized": False}})
    return folder


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "mine.txt"
    texts = ["the old cat sleeps .", "", "is the dog small ?", "a \N{FOX FACE} مرحبا"]
    path.write_bytes("\r\n".join([*texts, "the cat sleeps ."]).encode())
    return path


def test_sample_prints_texts_or_writes_them(preset, tmp_path):
    model = zoo.from_preset(preset)
    wanted = model.to_texts(model.sample(5, seed=3, temperature=0.5))
    asked = ("sample", preset, "-n", 5, "--seed", 3, "--temperature", 0.5)
    assert succeed(*asked).splitlines() == wanted
    out = tmp_path / "drawn.txt"
    assert "5 samples" in succeed(*asked, "--out", out)
    assert out.read_text("utf-8").splitlines() == wanted
    assert "exists already" in fail(*asked, "--out", out)
    assert len(succeed("sample", preset).splitlines()) == 10
    assert "must end in .txt" in fail(*asked, "--out", tmp_path / "a.png")
    assert "Of texts there are no --shards" in " ".join(
        fail(*asked, "--shards", 3, code=2).replace("│", " ").split()
    )


def test_interpolate_takes_typed_texts(preset, tmp_path):
    ends = ("the old cat sleeps .", "is the dog small ?")
    model = zoo.from_preset(preset)
    between = applications.interpolate(model, [ends[0]], [ends[1]], 4, "linear")
    wanted = model.to_texts(between)[0]
    asked = ("interpolate", preset, *ends, "-n", 4, "--path", "linear")
    assert succeed(*asked).splitlines() == wanted
    succeed(*asked, "--out", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().splitlines() == wanted
    result = run("interpolate", preset, "the zebra sings .", ends[1])
    assert result.exit_code == 0 and "Note: 1 of the words of" in result.stderr
    assert "must have words" in fail("interpolate", preset, " ", ends[1])
    long = " ".join(["the cat"] * 11)
    said = fail("interpolate", preset, ends[0], long)
    assert "at most 20 tokens; number 0 has 22" in said


def test_nearest_and_cluster_look_at_all_lines(preset, lines, tmp_path):
    said = succeed("nearest", preset, lines, "the cat sleeps .", "-n", 2).splitlines()
    assert said[1].strip().split(maxsplit=2) == ["0.00", "5", "the cat sleeps ."]
    assert len(said) == 3
    out = tmp_path / "found"
    result = run("cluster", preset, lines, "--out", out, "-n", 2)
    assert result.exit_code == 0, result.output
    assert "1 empty of 5 texts left out" in result.stderr
    rows = list(csv.DictReader((out / "clusters.csv").open(encoding="utf-8")))
    assert [row["number"] for row in rows] == ["1", "3", "4", "5"]
    assert {row["cluster"] for row in rows} == {"0", "1"}
    assert "exists already" in fail("cluster", preset, lines, "--out", out)


def test_encode_writes_latents_beside_texts(preset, lines, tmp_path):
    succeed("encode", preset, lines, "--out", tmp_path / "z", "--format", "npz")
    (file,) = (tmp_path / "z").iterdir()
    found = np.load(file)
    assert found["number"].tolist() == [1, 3, 4, 5]
    model = zoo.from_preset(preset)
    mean = np.asarray(model.encode(found["text"].tolist()).mean)
    np.testing.assert_allclose(found["mean"], mean, atol=1e-5)
    assert found["log_var"].shape == (4, 3)
    asked = ("encode", preset, lines, "--out", tmp_path / "z", "--format")
    assert "already" in fail(*asked, "npz")
    assert "Texts have no pictures" in fail(*asked, "png")


def test_anomalies_are_scored_line_by_line(preset, data, lines, tmp_path):
    detector, out = tmp_path / "detector", tmp_path / "found"
    said = succeed("anomaly", "fit", preset, "phrases", "--out", detector)
    assert "validation texts of phrases" in said and "a text is an anomaly" in said
    said = succeed("anomaly", "score", detector, lines, "--out", out)
    assert "of 4 texts are anomalies" in said
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8")))
    assert rows[0]["number"] == "4" and len(rows) == 4
    fitted = AnomalyDetector.from_preset(detector)
    scores = fitted.score_samples([row["text"] for row in rows])
    np.testing.assert_allclose([float(r["score"]) for r in rows], scores, rtol=1e-3)
    page = (out / "index.html").read_text("utf-8")
    assert "Unusual texts of mine.txt" in page and "<script" not in page
    shown = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert "the old cat sleeps . ■" in shown and "image" not in shown
    assert "a \N{FOX FACE} مرحبا" in shown  # as it was given, beside <unk>


def test_evaluate_keeps_its_figures(preset, tmp_path):
    out = tmp_path / "figures.json"
    asked = ("evaluate", preset, "--num-importance-samples", 2, "--out", out)
    said = succeed(*asked, "--save")
    for words in ("perplexity a word", "self-BLEU", "texts left out", "1,200"):
        assert words in said
    kept = zoo.preset_info(preset)["metrics"]
    assert json.loads(out.read_text())["nll"] == kept["nll"]
    assert kept["command"].startswith("vae-zoo evaluate")
    assert "On 1,200 test texts." in out.with_suffix(".md").read_text()
    assert "nll" in kept["intervals"]
    said = succeed("show", preset)
    assert "up to 20 tokens of" in said and "model.to_texts(" in said


def test_evaluate_compares_two_presets_of_texts(preset, data, tmp_path):
    options = {"latent_dim": 2, "units": 8, "seed": 0}
    untrained = zoo.TextVAE(20, vocabulary=data.vocabulary, **options)
    dataset = {"name": "phrases", "binarized": False}
    untrained.save_to_preset(tmp_path / "untrained", {"dataset": dataset})
    out = tmp_path / "pair.json"
    asked = ("evaluate", "--compare", tmp_path / "untrained")
    k = ("--num-importance-samples", 2)
    said = succeed(*asked, preset, *k, "--out", out)
    assert "untrained and phrased" in said and "PSNR" not in said
    compared = json.loads(out.read_text())
    assert compared["test_texts"] == 1200 and compared["texts_left_out"] == 0
    assert "On 1,200 test texts." in out.with_suffix(".md").read_text()
    # Each figure is the one that `evaluate` gives.
    alone = evaluate_texts(zoo.from_preset(preset), data, num_importance_samples=2)
    figures = compared["figures"]
    for name in ("elbo", "nll", "kl", "nll_ess"):
        assert figures[name]["values"][1] == pytest.approx(alone[name], rel=1e-5)
    assert figures["nll"]["interval"][1] < 0
    said = fail(*asked, "text_vae_phrases", *k)
    assert "what a text is is up to 20 tokens of the one, up to 16" in said
    few = zoo.TextVAE(20, vocabulary=Vocabulary("words", ["", "<unk>"]), **options)
    few.save_to_preset(tmp_path / "few")
    said = fail(*asked, tmp_path / "few", *k)
    assert re.search(r"the vocabulary is one of 54 tokens .* one of 2 tokens", said)


def test_a_report_has_tables_of_texts(preset, data, tmp_path):
    pytest.importorskip("jinja2")
    out = tmp_path / "report.html"
    said = succeed("report", preset, "--out", out, "--seed", 1)
    page = out.read_text("utf-8")
    shown = html.unescape(re.sub(r"<[^>]*>", "\n", page))
    model = zoo.from_preset(preset)
    for text in model.to_texts(model.sample(10, seed=1)):
        assert text in shown
    for heading in ("Samples", "Reconstructions", "Interpolations", "Surprise"):
        assert f"<h3>{heading}</h3>" in page
    assert "Latent space" in page and "Active units" in page
    assert said.count("Not drawn") <= 2 and "is a model of texts" in said
    assert "load_texts" in page and "load_images" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compress", "P", "digits", "--out", "x"), "compress is for images"),
        (("impute", "P", "digits", "--missing", "left"), "impute is for images"),
        (("plot", "samples", "P"), "draws images, and 'phrased' is a model of texts"),
        (("plot", "nearest", "P"), "draws images, and 'phrased' is a model of texts"),
        (("demo", "--preset", "P"), "demo is for images"),
        (("evaluate", "--compare", "P", "dense_vae_digits"), "the other of images"),
        (("finetune", "P", "--data", "no.txt"), "'no.txt' is no file; wanted a file"),
        (("finetune", "P", "--data", "phrases", "--invert"), "--invert (`invert`) is"),
        (("nearest", "dense_vae_digits", "x", "y"), "nearest is for texts"),
        (("finetune", "dense_vae_digits", "--data", "digits", "--column", "a"), "is f"),
        (("sample", "dense_vae_digits", "--out", "a.txt"), "must end in .png"),
        (("nearest", "P", "empty.txt", "a cat"), "empty.txt has no texts"),
        (("encode", "P", "binary.txt", "--out", "z"), "is a binary file"),
        (("anomaly", "fit", "P", "binary.txt", "--out", "z"), "is a binary file"),
        (("cluster", "P", "one.txt", "--out", "z"), "`num_clusters` must"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(
    arguments, words, preset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "one.txt").write_text("the cat sleeps .")
    (tmp_path / "binary.txt").write_bytes(b"\0\1\2")
    assert words in fail(*(preset if word == "P" else word for word in arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ("interpolate", "P", "a cat", "a dog", "--data", "x"),
        ("cluster", "P", "x", "--out", "y", "--invert"),
        ("encode", "P", "x", "--out", "y", "--binarize"),
        ("anomaly", "score", "P", "x", "--strict"),
        ("cluster", "dense_vae_digits", "digits", "--out", "y", "--column", "a"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    arguments, preset, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    fail(*(preset if word == "P" else word for word in arguments), code=2)
    assert not list(tmp_path.iterdir())


def test_a_model_of_classes_takes_labels(tmp_path):
    words = ["", "<unk>", "good", "bad", "film"]
    model = zoo.TextVAE(
        4,
        latent_dim=2,
        units=4,
        vocabulary=Vocabulary("words", words),
        num_classes=2,
        class_names=["bad", "good"],
        seed=0,
    )
    model.save_to_preset(tmp_path / "p")
    table = tmp_path / "reviews.tsv"
    table.write_text("text\tlabel\ngood film\tgood\nbad film\tbad\n")
    wanted = model.to_texts(model.sample(3, labels="good", seed=0))
    said = succeed("sample", tmp_path / "p", "-n", 3, "--label", "good")
    assert [line.strip() for line in said.splitlines()] == wanted
    asked = ("nearest", tmp_path / "p", table, "bad film", "--class", "bad", "-n", 1)
    assert "bad film" in succeed(*asked).splitlines()[1]
    plain = tmp_path / "plain.txt"
    plain.write_text("good film\nbad film\n")
    said = fail("cluster", tmp_path / "p", plain, "--out", tmp_path / "c")
    assert "needs labels beside the texts" in said


def test_surprise_is_what_the_likelihood_is_made_of(preset, data):
    model = zoo.from_preset(preset)
    tokens = data.test[:6]
    nats = surprises(model, tokens)
    mean = np.asarray(model.encode(tokens).mean)
    terms = model.score_draws(
        model.event.as_tensor(tokens), model.as_tensors(mean[None])
    )[0]
    from keras import ops

    total = ops.convert_to_numpy(terms)[0]
    np.testing.assert_allclose(nats.sum(axis=1), -total, rtol=1e-4)
    row = pieces_of(data.vocabulary, tokens[0], nats[0])
    assert "".join(text for text, _ in row) == data.vocabulary.decode(tokens[:1])[0]
    assert sum(value for _, value in row) == pytest.approx(nats[0].sum(), rel=1e-5)


def test_pieces_never_cut_a_character():
    raw = [bytes([i]).decode("latin-1") for i in range(256)]
    words = Vocabulary("bytes", ["", *raw, "a "])
    tokens = words.encode(["é \N{FOX FACE}"], 10)[0]
    pieces = pieces_of(words, tokens, np.ones(10))
    assert [text for text, _ in pieces] == ["é", " ", "\N{FOX FACE}", ""]
    assert [value for _, value in pieces] == [2, 1, 4, 1]


def test_examples_are_fixed_by_their_seed_and_harmless_in_tables(preset, data):
    model = zoo.from_preset(preset)
    first, again = (text_examples(model, data.test, seed=2) for _ in range(2))
    assert first == again and len(first["interpolations"][0]) == 6
    alone = text_examples(model, data.test[:1])
    assert "interpolations" not in alone and len(alone["reconstructions"]) == 1
    cells = markdown_cells([["<unk> | `a`\n\\ \x1b[31m"]])[0][0]
    assert "|" not in cells.replace("\\|", "") and "<" not in cells
    assert "\x1b" not in cells and "\n" not in cells
