"""The explorer's page as a file, and the command that writes it: no browser needed."""

import base64
import gzip
import hashlib
import html
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from explorer_pages import check_built
from typer.testing import CliRunner

import export
from export import explorer
from export.explorer import assets as explorer_assets
from export.explorer.latents import describe_latents
from export.explorer.pieces import cut
from export.runtime.session import Session
from recipes.commands.cli import app
from zoo.threefry import normals, threefry2x32, uniforms

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "export" / "explorer" / "web"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model's exported folder."""
    import zoo

    folder = tmp_path_factory.mktemp("small") / "small"
    model = zoo.DenseVAE((16, 12, 3), latent_dim=6, hidden_units=(48,), seed=0)
    export.export_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    """The text of the small model's page."""
    check_built()
    content = explorer.make_page(folder, title='<"A" & B>', summary="</script>")
    assert content == explorer.make_page(folder, title='<"A" & B>', summary="</script>")
    return content.decode()


def data(page, name):
    """A piece of data that a page carries."""
    (text,) = re.findall(rf'<script type="text/plain" id="data-{name}">(.*?)<', page)
    return gzip.decompress(base64.b64decode(text))


def description(page):
    pattern = r'<script id="description" type="application/json">(.*?)</script>'
    return json.loads(re.search(pattern, page).group(1))


# The file.


def test_page_carries_the_files_whole(page, folder):
    about = description(page)
    assert set(about["files"]) == {"decoder", "encoder", "sampler"}
    for kind, numbers in about["files"].items():
        content = b"".join(data(page, f"piece-{number}") for number in numbers)
        assert content == (folder / f"{kind}.onnx").read_bytes()
    assert data(page, "runtime").startswith(b"\0asm")


def test_shared_weights_are_carried_once(folder):
    files = {
        name: (folder / f"{name}.onnx").read_bytes() for name in ("decoder", "sampler")
    }
    pieces, parts = cut(files)
    for name, numbers in parts.items():
        assert b"".join(pieces[number] for number in numbers) == files[name]
    assert sum(map(len, pieces)) < len(files["sampler"]) + 20_000
    assert set(parts["decoder"]) & set(parts["sampler"])


def test_page_allows_itself_alone(page):
    (policy,) = re.findall(
        r'<meta http-equiv="Content-Security-Policy" content="(.*?)">', page
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"  # and so for connections
    assert not {"connect-src", "frame-src", "object-src"} & set(rules)
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    for text, rule in ((style, "style-src"), (script, "script-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules[rule]


def test_page_escapes_what_it_is_told(page):
    title = '<"A" & B>'
    assert f"<h1>{html.escape(title)}</h1>" in page
    assert '<p class="summary">&lt;/script&gt;</p>' in page
    assert description(page)["title"] == title
    assert str(ROOT) not in page


def test_importance_is_taken_or_measured(folder):
    decoder = Session(folder / "decoder.onnx", "decoder")
    given = describe_latents(decoder, importance=[0.1, 3, 0.2, 0, 1, 0.2])
    assert given["order"] == [1, 4, 2, 5, 0, 3] and given["unit"] == "nats"
    measured = describe_latents(decoder)
    assert measured["unit"] == "change" and sorted(measured["order"]) == [*range(6)]
    weights = np.array(measured["weight"])[measured["order"]]
    assert (np.diff(weights) <= 0).all() and weights[-1] > 0
    # Three standard deviations of N(0, 1).
    assert np.abs(np.array(measured["low"]) + 3).max() < 0.25
    assert np.abs(np.array(measured["high"]) - 3).max() < 0.25
    assert np.abs(measured["centre"]).max() < 0.1


def test_latent_without_effect_comes_last(tmp_path):
    import zoo

    model = zoo.DenseVAE((8, 8, 1), 3, hidden_units=(8,), seed=0)
    kernel = next(w for w in model.decoder.weights if w.shape[0] == 3)
    values = np.array(kernel)
    values[1] = 0
    kernel.assign(values)
    export.export_decoder(model, tmp_path / "decoder.onnx")
    about = describe_latents(Session(tmp_path / "decoder.onnx", "decoder"))
    assert about["order"][-1] == 1 and about["weight"][1] == 0


# The sources of its scripts.


def test_lock_file_names_no_host():
    lock = (WEB / "package-lock.json").read_text("utf-8")
    assert "resolved" not in lock and "://" not in lock
    versions = json.loads((WEB / "package.json").read_text("utf-8"))
    for entries in (versions["dependencies"], versions["devDependencies"]):
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", v) for v in entries.values())


def test_threefry_in_typescript(tmp_path):
    check_built()
    bundle = tmp_path / "threefry.mjs"
    esbuild = WEB / "node_modules" / ".bin" / "esbuild"
    source = WEB / "src" / "threefry.ts"
    command = [esbuild, source, "--bundle", "--format=esm", f"--outfile={bundle}"]
    subprocess.run([*command, "--log-level=error"], check=True)
    ones = 2**32 - 1
    pi = (0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)  # key, counter
    keys_and_counters = [((0, 0), (0, 0)), ((ones, ones), (ones, ones)), pi]
    code = f"""
import {{ normals, threefry2x32, uniforms }} from {json.dumps(bundle.as_uri())};
const given = {json.dumps(keys_and_counters)};
console.log(JSON.stringify({{
    words: given.map(([key, counter]) => threefry2x32(key, counter)),
    normals: Array.from(normals(2n ** 62n + 12345n, 40, 7)),
    uniforms: Array.from(uniforms(2n ** 40n + 3n, 5, 3)),
}}));
"""
    command = ["node", "--input-type=module", "-e", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    got = json.loads(said.stdout)
    for (key, counter), words in zip(keys_and_counters, got["words"], strict=True):
        expected = threefry2x32(key, [np.array([c], np.uint32) for c in counter])
        assert words == [int(word[0]) for word in expected]
    # Of the paper's authors.
    assert [f"{w:08x}" for w in got["words"][0]] == ["6b200159", "99ba4efe"]
    assert [f"{w:08x}" for w in got["words"][1]] == ["1cb996fc", "bb002be7"]
    assert [f"{w:08x}" for w in got["words"][2]] == ["c4923a9c", "483df7a0"]
    expected = normals(2**62 + 12345, 40, 7).ravel()
    np.testing.assert_allclose(got["normals"], expected, atol=5e-7)
    assert got["uniforms"] == uniforms(2**40 + 3, 5, 3).ravel().tolist()


# What cannot be.


def test_unbuilt_page_says_what_to_run(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(explorer_assets, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="run `make explorer`"):
        explorer.make_page(folder)
    result = run("explore", folder, "--out", tmp_path / "page.html")
    assert result.exit_code == 1 and "make explorer" in result.stderr


def test_damage_is_noticed(folder, tmp_path):
    check_built()
    content = bytearray((folder / "decoder.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "decoder.onnx").write_bytes(content)
    with pytest.raises(export.RuntimeModelError, match="is damaged"):
        explorer.make_page(tmp_path / "decoder.onnx")
    with pytest.raises(FileNotFoundError):
        explorer.make_page(tmp_path / "nothing.onnx")


def test_images_of_two_channels_are_refused(tmp_path):
    import zoo

    check_built()
    model = zoo.DenseVAE((8, 8, 2), 3, hidden_units=(8,), seed=0)
    export.export_decoder(model, tmp_path / "decoder.onnx")
    with pytest.raises(export.RuntimeModelError, match="of 1 or 3 channels"):
        explorer.make_page(tmp_path / "decoder.onnx")


# The command.


def run(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in arguments])


def test_command_writes_a_page(folder, tmp_path, monkeypatch):
    check_built()
    monkeypatch.chdir(tmp_path)
    assert "Open it in a browser" in run("explore", folder).stdout
    page = (tmp_path / f"{folder.name}.html").read_text("utf-8")
    assert f"<h1>{folder.name}</h1>" in page
    again = run("explore", folder)
    assert again.exit_code == 1 and "exists already" in again.stderr
    assert run("explore", folder, "--overwrite").exit_code == 0
    (tmp_path / "one.onnx").write_bytes((folder / "decoder.onnx").read_bytes())
    assert run("explore", "one.onnx", "--out", "one.html").exit_code == 0
    assert set(description((tmp_path / "one.html").read_text())["files"]) == {"decoder"}


def test_command_exports_a_preset_on_the_way(tmp_path):
    check_built()
    out = tmp_path / "digits.html"
    result = run("explore", "dense_vae_digits", "--out", out, "--quantize", "fp16")
    assert result.exit_code == 0, result.stderr
    page = out.read_text("utf-8")
    about = description(page)
    assert about["title"] == "dense_vae_digits"
    assert about["latents"]["unit"] == "nats"  # of the preset's evaluation
    assert "Small gated dense VAE" in page
    # Rounded weights are not the preset's.
    assert about["python"].startswith("export.Sampler(")
    assert out.stat().st_size < 7e6


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{folder}", "--out", "a.html", "--serve"), 2, "not both"),
        (("{folder}", "--out", "a.txt"), 1, "must end in .html"),
        (("{folder}", "--quantize", "int8"), 1, "--quantize is for presets"),
        (("no_such_preset",), 1, "There is no preset"),
        (("missing.onnx",), 1, "There is no file missing.onnx"),
    ],
)
def test_command_tells_mistakes(folder, tmp_path, monkeypatch, arguments, code, words):
    check_built()
    monkeypatch.chdir(tmp_path)
    result = run("explore", *(word.format(folder=folder) for word in arguments))
    assert result.exit_code == code and words in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts as Unix does")
def test_command_serves_until_interrupted(folder):
    check_built()
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "recipes.commands.cli",
            "explore",
            folder,
            "--serve",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell leaves what it starts in the background deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        url = process.stdout.readline().split()[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert b"data-runtime" in answer.read()
        # A name of somebody's own that resolves to this machine.
        for host, status in (("evil.example:80", 421), ("localhost", 421)):
            request = urllib.request.Request(url, headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            assert refused.value.code == status
        port = urllib.parse.urlsplit(url).port
        request = urllib.request.Request(url, headers={"Host": f"localhost:{port}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        # A browser that goes away says nothing here.
        asked = f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                connection.sendall(asked)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
