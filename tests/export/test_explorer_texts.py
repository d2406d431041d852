"""The explorer's page of a model of texts: the sentences of Python, in a browser."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from explorer_pages import missing, write_page
from test_export_texts import BYTES, CASES, T, make_model

import export
from export.explorer import assets
from zoo.vocabulary import Vocabulary

NOTHING = "(nothing)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with labels, exported; its texts are bytes, some of them no UTF-8."""
    folder = tmp_path_factory.mktemp("texts") / "bytes"
    export.export_model(make_model("lstm", **CASES["lstm"]), folder, verify=False)
    return folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page"), folder)


def lines(seen, selector):
    return seen.page.eval_on_selector_all(
        selector, "all => all.map(e => e.textContent)"
    )


def shown(texts):
    return [text or NOTHING for text in texts]


def test_seed_shows_the_sentence_of_python(made, visit):
    seen = visit(made.path)
    for seed in (0, 7, 2**40 + 3):
        seen.page.fill("#seed", str(seed))
        seen.settle()
        expected = made.sampler.sample(1, labels=0, seed=seed)
        assert [seen.page.text_content("#text")] == shown(expected)
    seen.page.select_option("#label", "2")
    seen.set_range("#temperature", 0.6)
    seen.settle()
    expected = made.sampler.sample(1, labels=2, seed=2**40 + 3, temperature=0.6)
    assert [seen.page.text_content("#text")] == shown(expected)
    told = seen.page.text_content("#python")
    assert told.startswith("export.Sampler(") and "temperature=0.6" in told
    seen.page.click("#new-sample")
    seen.settle()
    drawn = made.sampler.sample(
        1, labels=2, seed=int(seen.page.input_value("#seed")), temperature=0.6
    )
    assert [seen.page.text_content("#text")] == shown(drawn)
    for hidden in ("#image", "#download", "#blend", "#own", "#wall"):
        assert not seen.page.is_visible(hidden)
    seen.check_quiet()


def test_sliders_write_the_most_probable_text(made, visit):
    seen = visit(made.path)
    seen.settle()
    seen.set_range("#latent-1", -1.5)
    latent = np.float32(seen.latent())
    assert latent[1] == -1.5
    expected = made.sampler.decode(latent[None], labels=0)
    assert [seen.page.text_content("#text")] == shown(expected)
    assert "Latents set by hand" in seen.page.text_content("#status")


def test_lists_are_those_of_python(made, visit):
    seen = visit(made.path)
    seen.page.fill("#seed", "5")
    seen.settle()
    seen.page.eval_on_selector("#sentence-list", "e => e.scrollIntoView()")
    seen.page.click("#draw-sentences")
    seen.wait_until("document.querySelectorAll('#sentence-list li').length === 16")
    seen.wait_until(
        "document.getElementById('sentences-status').textContent"
        ".startsWith('16 sentences of seed 5')"
    )
    expected = made.sampler.sample(16, labels=0, seed=5)
    assert lines(seen, "#sentence-list button") == shown(expected)
    seen.page.click("#sentence-list li:nth-child(4) button")
    seen.settle()
    assert [seen.page.text_content("#text")] == shown(expected[3:4])
    assert seen.page.text_content("#python").endswith(".sample(4, labels=0, seed=5)[3]")


def test_between_two_sentences(made, visit):
    seen = visit(made.path)
    seen.page.eval_on_selector("#between-list", "e => e.scrollIntoView()")
    seen.wait_until("document.querySelectorAll('#between-list li').length === 9")
    seen.settle()
    # Its ends are the latents of the seed's first two.
    z = made.sampler.draw_latents(2, labels=0, seed=0)
    ends = made.sampler.decode(z, labels=0)
    found = lines(seen, "#between-list button")
    assert [found[0], found[-1]] == shown(ends)
    seen.page.click("#between-list li:nth-child(5) button")
    seen.settle()
    middle = made.sampler.decode(np.float32(seen.latent())[None], labels=0)
    assert [seen.page.text_content("#text")] == [found[4]] == shown(middle)
    assert "50 % of the way" in seen.page.text_content("#status")
    seen.set_range("#latent-0", 2)
    seen.settle()
    seen.page.click("#to-here")
    large = seen.page.text_content("#text")
    seen.wait_until(
        "document.querySelector('#between-list li:last-child').textContent === "
        f"{json.dumps(large)}"
    )


def test_page_of_a_decoder_alone_draws_nothing(folder, tmp_path, visit):
    made = write_page(tmp_path, folder / "decoder.onnx")
    assert "New texts cannot be drawn here" in made.path.read_text("utf-8")
    seen = visit(made.path)
    seen.settle()
    centre = np.float32([seen.latent()])
    expected = made.sampler.decode(centre, labels=0)
    assert [seen.page.text_content("#text")] == shown(expected)
    assert not seen.page.is_visible("#sampling")
    seen.check_quiet()


def test_page_knows_its_texts(made):
    about = made.description
    assert about["image_shape"] is None and "encoder" not in about["files"]
    assert about["texts"] == {"length": T, "vocabulary": BYTES.get_config()}
    assert about["python"].startswith("export.Sampler(")
    assert f"texts of up to {T} tokens of {len(BYTES)}" in made.path.read_text("utf-8")


NODE = """
const { readFileSync } = require("node:fs");
const { toTexts } = require(process.argv[2]);
const { rows, texts } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(toTexts(Int32Array.from(rows.flat()), texts)));
"""


@pytest.mark.one_backend("no model is run")
@pytest.mark.parametrize("kind", ["bytes", "words", "none"])
def test_texts_are_those_of_python_in_node(kind, tmp_path):
    node, esbuild = shutil.which("node"), assets.SOURCES / "node_modules/.bin/esbuild"
    if node is None or not esbuild.exists():
        missing("the explorer's page is not built: make explorer")
    bundle = tmp_path / "texts.js"
    source = assets.SOURCES / "src/texts.ts"
    options = ["--bundle", "--format=cjs", f"--outfile={bundle}"]
    subprocess.run([esbuild, source, *options], check=True, capture_output=True)
    rng = np.random.default_rng(0)
    vocabulary = {
        "bytes": Vocabulary("bytes", [*BYTES.tokens, "\u00f0\u009f", "\u0098\u0080"]),
        "words": Vocabulary(
            "words", ["", "<unk>", "caf\u00e9", "\u05d0\u05d1", "\U0001f600"]
        ),
        "none": None,
    }[kind]
    size = 30 if vocabulary is None else len(vocabulary)
    rows = rng.integers(0, size, (400, 12))
    rows[200:, :2] = rng.integers(size - 5, size, (200, 2))
    if kind == "bytes":  # white space of all sorts, and a mark of byte order
        spaces = (" \t\x1c\x85\u00a0\u2009x\u3000\ufeff").encode()
        rows[0, :12], rows[1, :12] = 0, 0
        rows[0, :12] = [b + 1 for b in spaces[:12]]
        rows[1, :7] = [b + 1 for b in "\ufeffx\u3000".encode()]
    config = vocabulary and vocabulary.get_config()
    given = {"rows": rows.tolist(), "texts": {"length": 12, "vocabulary": config}}
    done = subprocess.run(
        [node, "-e", NODE, "-", bundle],
        input=json.dumps(given),
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    if vocabulary is None:
        rows = [row[: row.index(0)] if 0 in row else row for row in rows.tolist()]
        expected = [" ".join(map(str, row)) for row in rows]
    else:
        expected = vocabulary.decode(rows)
    assert json.loads(done.stdout) == expected
