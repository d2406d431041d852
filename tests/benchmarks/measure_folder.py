"""Memory and time of fine-tuning on a folder that is large for the memory.

python measure_folder.py [--count 50000] [--channels 3] [--backends torch jax]
                         [--folder PICTURES] [--memory 0.7]

Draws the pictures, unless the folder is there, and runs `vae-zoo finetune` for one
epoch on each backend: the whole command, from reading the folder to the figures on its
test images. Prints a line of JSON for each.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIZE = 64
MAKE_PRESET = """
import sys, zoo
shape = (int(sys.argv[2]), int(sys.argv[2]), int(sys.argv[3]))
model = zoo.DenseVAE(shape, latent_dim=16, hidden_units=(128,), seed=0)
model.save_to_preset(sys.argv[1], {"preset": "blobs"})
"""


def draw_pictures(folder, count, channels):
    """Writes `count` PNG files of soft blobs, 1,000 to a sub-folder of no meaning."""
    rng = np.random.default_rng(0)
    for i in range(count):
        path = folder / f"{i // 1000:03}" / f"{i:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (6, 6, 3) if channels == 3 else (6, 6)
        blobs = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        blobs.resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(
            path, compress_level=1
        )


def measure(command, backend):
    """(seconds, most resident megabytes, what it printed) of a command."""
    environment = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT), "COLUMNS": "500"}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if status:
        sys.exit(text)
    return time.perf_counter() - start, usage.ru_maxrss / 1024, text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--channels", type=int, default=3, choices=(1, 3))
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax", "torch"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--memory", default="0.7")
    parser.add_argument("--augment", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        pictures = options.folder or work / "pictures"
        if not pictures.is_dir():
            draw_pictures(pictures, options.count, options.channels)
        preset = work / "blobs"
        make = [sys.executable, "-c", MAKE_PRESET, preset, SIZE, options.channels]
        measure(make, options.backends[0])
        for backend in options.backends:
            command = [sys.executable, "-m", "recipes.commands.cli", "finetune", preset]
            command += ["--data", pictures, "--epochs", 1, "--memory", options.memory]
            command += ["--augment", options.augment, "--out", work / backend]
            seconds, megabytes, said = measure(command, backend)
            figures = {
                "backend": backend,
                "peak_mb": round(megabytes),
                "seconds": round(seconds, 1),
                "streamed": "batch by batch" in said,
                "elbo": re.findall(r"validation (-?[\d.]+)", said)[-1],
            }
            record = json.loads((work / backend / "preset/metadata.json").read_text())
            figures["epoch_seconds"] = record["training"]["seconds"]
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
