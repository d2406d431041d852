"""The page of a report: whole in itself, true, and with code that runs."""

import base64
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from markdown_blocks import python_source, read_blocks, run_in_fresh_process
from PIL import Image
from typer.testing import CliRunner

import zoo
from recipes.commands.cli import app
from recipes.documents.card import write_card
from recipes.documents.report import about, usage, write_report

ROOT = Path(__file__).resolve().parents[2]
DIGITS = {"name": "digits", "binarized": False, "training_images": 1500}


def preset_of(model, folder, **metadata):
    """Saves a model that says it was trained on the embedded digits."""
    metadata = {"dataset": DIGITS, "summary": "Tiny & <new>.", **metadata}
    model.save_to_preset(folder, metadata=metadata)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def preset(folder):
    model = zoo.DenseVAE((28, 28, 1), 4, hidden_units=(8,), seed=0)
    metrics = {
        "elbo": -101.5,
        "elbo_standard_error": 1.0,
        "test_images": 297,
        "command": "vae-zoo evaluate tiny",
        "diagnosis": ["All of it has collapsed."],
        "sample_notes": ["Precision is not shown."],
        "nll": 100.25,
        "num_importance_samples": 9,
    }
    protocol = {"metric": "nll", "data": "digits", "draws": 9, "prior": "learned"}
    protocol |= {"differs": "smaller"}
    return preset_of(
        model,
        folder / "tiny",
        metrics=metrics,
        # The second as presets of former versions have it.
        anchors=[
            {"model": "Somebody et al.", "value": "99.9", **protocol},
            ["Who knows how", "12.3"],
        ],
        training={"command": "vae-zoo train tiny", "epochs": 3, "seconds": 12.0},
    )


@pytest.fixture(scope="module")
def page(preset, folder):
    out = folder / "report.html"
    write_report(preset, out)
    return out.read_text("utf-8")


class Parsed(HTMLParser):
    """Tags that were opened and not closed, and the attributes that lead elsewhere."""

    VOID = ("meta", "img", "link", "br", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.images = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(attributes)
        found = (attributes.get(name) for name in ("src", "href", "srcset", "action"))
        self.addresses += [address for address in found if address]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def code_of(page, language="python"):
    """The page's blocks of code in a language."""
    pattern = rf'<code class="language-{language}">(.*?)</code>'
    return [html.unescape(code) for code in re.findall(pattern, page, re.S)]


def test_page_is_whole_in_itself(page):
    parsed = Parsed(page)
    assert not parsed.open
    assert parsed.addresses
    assert all(a.startswith(("data:image/", "#")) for a in parsed.addresses)
    assert "url(" not in page and "@import" not in page and "<script" not in page
    assert len(page) < 5e6


def test_every_picture_can_be_opened_and_is_described(page):
    images = Parsed(page).images
    assert len(images) >= 6
    for image in images:
        content = base64.b64decode(image["src"].partition(",")[2])
        width, height = Image.open(io.BytesIO(content)).size
        assert min(width, height) >= 100
        assert len(image["alt"]) > 20


def test_page_says_what_is_stored(page):
    text = html.unescape(page)
    for said in (
        "Tiny & <new>.",
        "-101.50",
        "-103.46 to -99.54",
        "On all 297 test images of digits",
        "vae-zoo evaluate tiny",
        "vae-zoo train tiny",
        "All of it has collapsed.",
        "Precision is not shown.",
        "Somebody et al.",
        "99.9",
        "NLL, K = 9; digits, test images; prior learned",
        "100.25 (smaller)",
        "Who knows how",
    ):
        assert said in text
    # What is not code is escaped.
    assert "<new>" not in page


def test_page_names_what_it_could_not_draw(page):
    assert "Not drawn here" in page
    assert "history" in page.partition("Not drawn here")[2]


def test_same_page_again(preset, page, tmp_path):
    write_report(preset, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text("utf-8") == page


SHAPE = (28, 28, 1)


def codes_of(num_classes=None, fitted=True):
    """A tiny model of codes; fitted, its prior has been trained."""
    prior = zoo.CodePrior(
        8, (7, 7), width=8, num_layers=1, num_heads=2, num_classes=num_classes
    )
    prior = prior if fitted else "uniform"
    model = zoo.VQVAE(SHAPE, 8, 4, filters=(8, 8), prior=prior, seed=0)
    if fitted:
        images = np.random.default_rng(0).random((8, *SHAPE), dtype=np.float32)
        labels = None if num_classes is None else np.arange(8)
        model.fit_prior(images, labels, epochs=1, verbose=0)
    return model


def labelled(**labels):
    return zoo.ConditionalVAE(SHAPE, 4, hidden_units=(8,), seed=0, **labels)


# A tiny model of each kind that is sampled, trained or named in its own way.
KINDS = {
    "plain": lambda: zoo.DenseVAE(SHAPE, 4, hidden_units=(8,), seed=0),
    "classes": lambda: labelled(num_classes=10),
    "attributes": lambda: labelled(num_attributes=3),
    "codes": codes_of,
    "codes given classes": lambda: codes_of(num_classes=10),
    "codes without prior": lambda: codes_of(fitted=False),
}


@pytest.fixture(scope="module", params=KINDS)
def each_kind(request, tmp_path_factory):
    """(kind, preset of it whose name must be quoted in a shell, its page)."""
    folder = tmp_path_factory.mktemp("it's a kind") / "preset"
    metrics = {"elbo": -101.5, "test_images": 297, "binarized": False, "seed": 0}
    preset_of(
        KINDS[request.param](),
        folder,
        preset="tiny_run",
        metrics={**metrics, "seconds": 1.0},
        training={"command": "vae-zoo train tiny", "epochs": 3, "seconds": 12.0},
    )
    out = folder.with_name("report.html")
    write_report(folder, out)
    return request.param, folder, out.read_text("utf-8")


def in_small(code):
    """The same code on a few images."""
    for array in ("data.train_labels", "data.train", "attributes"):
        code = re.sub(rf"(, |\(){array}([,)])", rf"\1{array}[:64]\2", code)
    return code.replace("epochs=3", "epochs=1")


def test_code_runs(each_kind, tmp_path):
    kind, _, page = each_kind
    blocks = code_of(page)
    assert len(blocks) == 3
    if kind not in ("classes", "codes given classes"):  # deployed by the same lines
        blocks = blocks[:2]
    sampled = kind != "codes without prior"
    said = "(16, 28, 28, 1)" if sampled else "None"
    sources = [f"{in_small(block)}\n" for block in blocks]
    sources[0] += f"print({'images.shape' if sampled else None})"
    # The backend that starts fastest, and compiles nothing.
    printed = run_in_fresh_process(sources, tmp_path, "page", KERAS_BACKEND="torch")
    assert printed.split("\n")[0] == said
    assert (tmp_path / "fine_tuned" / "config.json").is_file()


def test_commands_run(each_kind, tmp_path, monkeypatch):
    kind, preset, page = each_kind
    monkeypatch.chdir(tmp_path)
    (code,) = code_of(page, "sh")
    lines = [shlex.split(line) for line in code.splitlines()]
    shown = CliRunner().invoke(app, ["show", str(preset)]).output
    lines += [
        shlex.split(line.removeprefix("  shell"))
        for line in shown.splitlines()
        if " vae-zoo " in line and "Trained by" not in line
    ]
    assert {words[1] for words in lines} >= {"show", "explore", "export"}
    seen = set()
    for words in lines:
        # Those two are tested where files are made.
        if tuple(words) in seen or words[1] in ("explore", "export"):
            continue
        seen.add(tuple(words))
        # Trained by the same line as other kinds.
        if words[1] == "finetune" and kind in ("codes", "codes without prior"):
            continue
        options = ["--epochs", "1"] if words[1] == "finetune" else []
        result = CliRunner().invoke(app, [*words[1:], *options])
        assert result.exit_code == 0, f"{kind}: {words}: {result.output}"


def test_python_that_show_prints_runs(each_kind):
    _, preset, _ = each_kind
    shown = CliRunner().invoke(app, ["show", str(preset)]).output
    lines = shown[shown.index("Python") + 6 :].partition("shell")[0].splitlines()
    exec("\n".join(line.strip() for line in lines), {})


def test_card_of_a_run_loads_what_lies_beside_it(each_kind, tmp_path, monkeypatch):
    kind, preset, _ = each_kind
    moved = shutil.copytree(preset, tmp_path / "moved")
    if kind != "codes without prior":
        (moved / "samples.png").write_bytes(b"")
    write_card(moved)
    monkeypatch.chdir(moved)
    blocks = [b for b in read_blocks(moved / "README.md") if b.language == "python"]
    names = {}
    exec(python_source(blocks), names)
    assert ("images" in names) == (kind != "codes without prior")
    if "images" in names:
        assert names["images"].shape == (16, *SHAPE)


@pytest.mark.parametrize("name", zoo.list_presets())
def test_code_of_shipped_presets_runs(name, tmp_path):
    found = about.about(name)
    load, finetune, deploy, commands = usage.blocks(found)
    names = {}
    exec(load.code, names)
    if found.image_shape:
        assert names["images"].shape == (16, *found.image_shape)
        assert load.code.splitlines()[-1][7:] == deploy.code.splitlines()[-1][
            7:
        ].replace("sampler", "model")
    else:
        assert len(names["texts"]) == 16
    given = found.num_classes is not None
    assert ("data.train_labels" in finetune.code) == given
    for words in map(shlex.split, commands.code.splitlines()):
        assert words[2] == name


def test_finished_run_is_its_preset(preset, folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "preset").symlink_to(preset)
    result = CliRunner().invoke(app, ["report", str(run), "--out", f"{run}.html"])
    assert result.exit_code == 0, result.output
    assert "-101.50" in Path(f"{run}.html").read_text("utf-8")


def test_run_that_is_not_finished(tmp_path):
    history = {"elbo": [-200.0, -150.0], "reconstruction": [190.0, 140.0]}
    history |= {"kl": [10.0, 10.0], "val_elbo": [-210.0, -160.0]}
    state = {
        "settings": {"recipe": "tiny", "seed": 0, "images": 1500, "epochs": 9},
        "epochs_done": 2,
        "history": history,
        "seconds": 4.0,
    }
    np.savez(tmp_path / "checkpoint.npz", state=np.array(json.dumps(state)))
    write_report(tmp_path, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "2 of 9 epochs are done" in page
    assert len(Parsed(page).images) == 1
    assert "vae-zoo train tiny --resume" in page


def test_exported_folder_needs_no_keras(preset, tmp_path):
    import export

    export.export_model(zoo.from_preset(preset), tmp_path / "exported")
    code = (
        "import sys\n"
        "for name in ('keras', 'tensorflow', 'jax', 'torch'):\n"
        "    sys.modules[name] = None\n"
        "from recipes.documents.report import write_report\n"
        "write_report('exported', 'report.html')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    page = (tmp_path / "report.html").read_text("utf-8")
    assert len(Parsed(page).images) >= 3
    for block in code_of(page):
        exec(block.replace('"exported"', repr(str(tmp_path / "exported"))), {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_preset"], "There is no preset 'no_such_preset'"),
        (["PRESET", "--out", "report.txt"], "must end in .html"),
        (["PRESET", "--out", "nowhere/report.html"], "there is no folder"),
        (["PRESET", "--out", "taken.html"], "exists already"),
        (["PRESET", "--data", "nowhere", "--out", "r.html"], "nowhere"),
        (["damaged.onnx", "--out", "r.html"], "damaged.onnx"),
    ],
)
def test_mistakes_get_a_sentence(arguments, said, preset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken.html").write_text("mine")
    Path("damaged.onnx").write_bytes(b"no model")
    before = sorted(tmp_path.iterdir())
    words = [str(preset) if word == "PRESET" else word for word in arguments]
    result = CliRunner().invoke(app, ["report", *words])
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert Path("taken.html").read_text() == "mine"


def test_missing_jinja_is_told(preset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match="pip install"):
        write_report(preset, tmp_path / "report.html")
