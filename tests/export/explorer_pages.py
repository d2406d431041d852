"""Pages of small models in headless Chromium: what the explorer's tests share."""

import base64
import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import export
from export import explorer

# Starting it as root, in a closed network: no sandbox, and no looking for updates.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def missing(what):
    """Skips a test for want of a program; not in CI, which must have it."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def find_chromium():
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return found or missing("Chromium is not installed: apt-get install chromium")


def check_built():
    try:
        explorer.check_built()
    except FileNotFoundError as error:
        missing(str(error))


class Page(NamedTuple):
    """A written page and what it was made from."""

    path: Path
    exported: Path
    sampler: export.Sampler

    @property
    def description(self):
        """What the page knows of its model."""
        pattern = r'<script id="description" type="application/json">(.*?)</script>'
        return json.loads(re.search(pattern, self.path.read_text("utf-8")).group(1))


def write_page(folder, source, **options):
    """The page of an exported file or folder."""
    check_built()
    path = folder / "page.html"
    path.write_bytes(explorer.make_page(source, **options))
    return Page(path, source, export.Sampler(source))


class Visit:
    """A browser's visit to a page: what it shows, asks for and complains of.

    Args:
        context: Playwright's browser context.
        address: the page's file, or a URL.
        wait: whether a first image is waited for.
    """

    def __init__(self, context, address, wait=True):
        self.context = context
        self.page = context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        url = address.as_uri() if isinstance(address, Path) else address
        self.page.goto(url)
        if wait:
            self.wait_until("window.explorer !== undefined")

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def wait_until(self, condition, seconds=60):
        """Waits for a JavaScript expression to be true.

        Playwright's own way evaluates text in the page, which its policy forbids.
        """
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, f"{condition}: not after {seconds} s"
            self.page.wait_for_timeout(20)

    def settle(self):
        """Waits until everything asked for is shown."""
        self.page.evaluate("explorer.settled()")

    def image(self):
        """The numbers behind the large image: float32 (H, W, C)."""
        self.settle()
        numbers, shape = self.page.evaluate(
            """() => {
                const bytes = new Uint8Array(explorer.shown.image.slice().buffer);
                const text = Array.from(bytes, (b) => String.fromCharCode(b)).join("");
                return [btoa(text), explorer.model.about.image_shape];
            }"""
        )
        return np.frombuffer(base64.b64decode(numbers), "<f4").reshape(shape)

    def latent(self):
        """The latent or the codes that it is decoded from."""
        self.settle()
        return np.array(self.page.evaluate("Array.from(explorer.shown.latent)"))

    def set_range(self, selector, value):
        """Moves a slider as a user does, who causes an `input` event."""
        self.page.eval_on_selector(
            selector,
            """(slider, value) => {
                slider.value = value;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            str(value),
        )

    def canvas(self, selector):
        """What a canvas shows: uint8 (height, width, 3)."""
        text, height, width = self.page.eval_on_selector(
            selector,
            """(canvas) => {
                const { width, height } = canvas;
                const pen = canvas.getContext("2d");
                const { data } = pen.getImageData(0, 0, width, height);
                const text = Array.from(data, (b) => String.fromCharCode(b)).join("");
                return [btoa(text), height, width];
            }""",
        )
        pixels = np.frombuffer(base64.b64decode(text), np.uint8)
        return pixels.reshape(height, width, 4)[..., :3]

    def check_quiet(self):
        """Nothing was asked of any network, and nothing was complained of."""
        inside = ("file:", "blob:", "data:", "http://127.0.0.1:")
        assert all(url.startswith(inside) for url in self.requests), self.requests
        documents = [u for u in self.requests if not u.startswith(("blob:", "data:"))]
        assert len(documents) == 1, documents
        assert self.complaints == []
        assert not self.page.is_visible("#problem")
