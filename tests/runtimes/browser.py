"""Runs exported files in Chromium: on WebGPU, whose card it computes by itself.

python browser.py PACKAGES CASES ANSWERS: a line of JSON in, one out, as replay.py.
"""

import json
import shutil
import sys
from pathlib import Path

# The exit status where there is no WebGPU: the reason is on stderr.
UNAVAILABLE = 3
ADDRESS = "http://localhost/"  # one that may use WebGPU; nothing is asked of a network
_FLAGS = (
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--disable-background-networking",
)
_TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}
_ANSWER = """async ([path, one]) => {
  const ort = await import("/onnxruntime-web/dist/ort.webgpu.min.mjs");
  const { answer } = await import("/replay.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
  return await answer(ort, "webgpu", bytes, one);
}"""


def main(packages, cases, answers):
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        give_up("playwright is not installed.")
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        give_up("Chromium is not installed.")

    def serve(route):
        path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
        if not path:
            route.fulfill(body="<!doctype html>", content_type="text/html")
        elif path == "replay.mjs":
            _send(route, Path(__file__).with_name(path))
        elif path == "model":
            _send(route, Path(model))
        else:
            _send(route, Path(packages) / path)

    with sync_playwright() as playwright, open(answers, "w") as file:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = browser.new_page()
        page.route("**/*", serve)
        page.goto(ADDRESS)
        if not page.evaluate("navigator.gpu?.requestAdapter().then((a) => a !== null)"):
            give_up("Chromium finds no adapter of WebGPU here.")
        for line in Path(cases).read_text().splitlines():
            one = json.loads(line)
            model = one["path"]
            answer = page.evaluate(_ANSWER, ["/model", one])
            print(json.dumps(answer), file=file, flush=True)
        browser.close()


def _send(route, path):
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    route.fulfill(path=path, content_type=kind)


def give_up(reason):
    print(reason, file=sys.stderr)
    sys.exit(UNAVAILABLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
