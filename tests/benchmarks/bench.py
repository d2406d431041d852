"""Speed and memory, side by side: the zoo on three backends, and its peers.

    make bench
    python tests/benchmarks/bench.py --quick     # does it run? says nothing about speed
    python tests/benchmarks/bench.py --only dense,sampling --out FOLDER

Each measurement is a process of its own, and they take turns (A B C, A B C), so that a
machine that gets slower or faster meets all of them. The first epoch, in which things
are compiled, is not counted. Figures are medians over turns. A complete run writes
RESULTS.md and results.json beside this file.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import contenders
import numpy as np
import pythae_environment
import sampling
import tables
from processes import Processes, run

HERE = Path(__file__).resolve().parent
PARTS = ("dense", "conv", "ladder", "sampling", "growth")


def main():
    options = parse_options()
    begin = time.monotonic()
    sizes = contenders.QUICK if options.quick else contenders.FULL
    # A quick trial measures nothing, so that two processes need not wait in turn.
    processes = Processes(sizes.rounds, workers=os.cpu_count() if options.quick else 1)
    pythae, without_pythae = None, ""
    if "dense" in options.only:
        pythae, without_pythae = pythae_environment.find_or_install()
        if without_pythae:
            print(without_pythae)
    installed = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        images, source = prepare_images(folder / "images.npy", sizes.dense_images)
        results = {}
        for part in options.only:
            print(f"== {part}", flush=True)
            if part == "dense":
                peers = contenders.dense(images, sizes, pythae)
                results[part] = train_equals(processes, peers)
            elif part in ("conv", "ladder"):
                peers = getattr(contenders, part)(images, sizes)
                results[part] = train_equals(processes, peers)
            elif part == "sampling":
                results[part] = sampling.measure(processes, sizes, folder)
            else:
                results[part] = measure_growth(processes, sizes, images, folder)
    record = {
        "date": date.today().isoformat(),
        "hardware": processes.hardware,
        "versions": dict(sorted(processes.versions.items())),
        "images": source,
        "sizes": sizes._asdict(),
        "minutes": round((time.monotonic() - installed) / 60, 1),
        "minutes_installing": round((installed - begin) / 60, 1),
        "cores_used_by_others": round(processes.load.most, 2),
        "loaded": processes.load.too_high,
        "quick": options.quick,
        "without_pythae": without_pythae,
        **results,
    }
    write(record, options.out)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few images, one turn")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--out", type=Path, help="folder of RESULTS.md, results.json")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := sorted(set(options.only) - set(PARTS)):
        parser.error(f"--only takes {', '.join(PARTS)}; got {unknown[0]!r}")
    complete = set(options.only) == set(PARTS) and not options.quick
    if options.out is None and complete:
        options.out = HERE
    return options


def prepare_images(path, count):
    """MNIST if it lies in the TFDS folder, else noise of its shape: (path, source)."""
    # Reading needs packages that this process, which only waits, does not load.
    code = (
        "import sys, numpy as np; from recipes.data import load_images; "
        "data = load_images('mnist', splits=('train',), validation=0); "
        "np.save(sys.argv[1], data.train[: int(sys.argv[2])])"
    )
    process = run([sys.executable, "-c", code, path, count], check=False)
    if process.returncode == 0 and len(np.load(path, mmap_mode="r")) == count:
        return path, "MNIST"
    save_noise(path, (count, 28, 28, 1))
    return path, "noise in the shape of MNIST"


def save_noise(path, shape):
    np.save(path, np.random.default_rng(0).random(shape, dtype=np.float32))


def train_equals(processes, peers):
    """{contender: figures} of contenders which all train the same number of weights."""
    results = processes.train_in_turns(peers)
    parameters = {name: figures["parameters"] for name, figures in results.items()}
    if len(set(parameters.values())) > 1:
        sys.exit(f"Not the same model: {parameters}")
    return results


def measure_growth(processes, sizes, images, folder):
    """{what: {size: figures}}: training against model and image, drawing against
    count."""
    files = {pixels: folder / f"{pixels}.npy" for pixels in sizes.image_sizes}
    for pixels, path in files.items():
        save_noise(path, (sizes.growing_conv_images, pixels, pixels, 1))
    dense = contenders.growing_dense(images, sizes)
    conv = contenders.growing_conv(files, sizes)
    # A turn each: a curve needs less precision than a ratio.
    return {
        "dense": processes.train_in_turns(dense, rounds=1),
        "conv": processes.train_in_turns(conv, rounds=1),
        "sampling": sampling.measure_counts(processes, sizes, folder),
    }


def write(record, out):
    """Shows the tables, and keeps them if there is a folder for them."""
    text = tables.markdown(record)
    print("\n" + text)
    if out is not None:
        (out / "RESULTS.md").write_text(text, encoding="utf-8")
        content = json.dumps(record, indent=1) + "\n"
        (out / "results.json").write_text(content, encoding="utf-8")
        print(f"Written: {out / 'RESULTS.md'}, {out / 'results.json'}")


if __name__ == "__main__":
    main()
