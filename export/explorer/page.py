"""The page: template, style, scripts, runtime and model in one HTML file."""

import base64
import gzip
import hashlib
import html
import json
from string import Template

from export.explorer.assets import read_assets
from export.explorer.describe import describe, facts, warning
from export.explorer.exported import read_exported
from export.explorer.pieces import cut
from export.shipped import shipped_preset

# Nothing may be fetched or sent. The worker is made from what the page carries, and
# `data:` is the icon; WebAssembly counts as evaluated code.
_POLICY = (
    "default-src 'none'; script-src '{script}' 'wasm-unsafe-eval'; "
    "style-src '{style}'; worker-src blob:; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def make_page(file_or_folder, *, title=None, summary=None, importance=None):
    """Makes the page that explores an exported model.

    It opens from disk, runs the model by itself and makes no network request. The
    image that it shows for a seed is that of `export.Sampler`, up to rounding.

    Args:
        file_or_folder: a decoder.onnx, or a folder written by `export.export_model`,
            which lets the page encode the user's own pictures, too.
        title: heading of the page; by default the model's preset, or the file's name.
        summary: a sentence under the heading.
        importance: what each latent counts, in nats, by which sliders are ordered;
            measured on the decoder if not given, which takes seconds.

    Returns:
        The HTML as bytes: some 5 MB for the runtime, and the model's files once and a
        third.

    Raises:
        FileNotFoundError: if there is no such file or folder, or `make explorer` has
            not been run.
        RuntimeModelError: if the file or folder is damaged, or too large for a page.
    """
    assets = read_assets()
    exported = read_exported(file_or_folder)
    title = title or shipped_preset(exported.metadata)
    title = title or exported.path.resolve().stem
    pieces, parts = cut(exported.files)
    description = describe(exported, parts, title, importance)
    data = {"worker": assets.worker, "runtime": assets.runtime}
    for number, piece in enumerate(pieces):
        data[f"piece-{number}"] = gzip.compress(piece, compresslevel=6, mtime=0)
    page = Template(assets.template).substitute(
        policy=_POLICY.format(
            script=_source_of(assets.script), style=_source_of(assets.style)
        ),
        title=html.escape(title),
        summary=html.escape(" ".join(filter(None, (summary, warning(exported))))),
        facts=html.escape(facts(exported.metadata)),
        style=assets.style,
        script=assets.script,
        colophon=html.escape(_colophon(assets, exported)),
        licences=html.escape(assets.licences),
        description=_json(description),
        data="\n".join(_data_element(name, content) for name, content in data.items()),
    )
    return page.encode()


def _source_of(text):
    """How a Content-Security-Policy names an inline script or style to allow."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _json(value):
    """JSON that cannot end the script element which holds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _data_element(name, content):
    text = base64.b64encode(content).decode()
    return f'<script type="text/plain" id="data-{name}">{text}</script>'


def _colophon(assets, exported):
    version = (exported.metadata["versions"] or {}).get("vae-zoo", "")
    return (
        f"Made by vae-zoo {version}. The page carries the model and onnxruntime-web "
        f"{assets.versions['onnxruntime-web']}, which runs it in this browser: nothing "
        "is fetched, and nothing leaves the page."
    )
