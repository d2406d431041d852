"""Training speed, side by side: the zoo on three backends and hand-written loops.

    make bench
    python tests/benchmarks/bench.py --quick     # does it run? says nothing about speed

Each measurement is a process of its own, and they take turns (A B C, A B C), so that a
machine that gets slower or faster meets all of them. The first epoch, in which things
are compiled, is not counted. Figures are medians over all epochs of all turns. Writes
RESULTS.md and results.json beside this file.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
IMAGES = 60_000
# More than this share of the cores used by other programs makes figures worthless.
LOADED = 0.1
PEER = "hand-written PyTorch loop"


@dataclasses.dataclass(frozen=True)
class Contender:
    """One row of a table: a script of this folder, its options and its backend."""

    name: str
    script: str
    options: tuple[str, ...] = ()
    backend: str = ""


def zoo_fit(name, backend, model="dense", steps=1):
    return Contender(
        f"{name}, steps_per_execution={steps}" if steps > 1 else name,
        "measure_zoo.py",
        (f"--model={model}", f"--steps={steps}"),
        backend,
    )


DENSE = (
    Contender(PEER, "peers_torch.py"),
    Contender(f"{PEER}, fused Adam", "peers_torch.py", ("--adam=fused",)),
    Contender("hand-written JAX loop, a call a step", "peers_jax.py", ("--loop=step",)),
    Contender("hand-written JAX loop, a call an epoch", "peers_jax.py"),
    zoo_fit("zoo on TensorFlow", "tensorflow"),
    zoo_fit("zoo on TensorFlow", "tensorflow", steps=67),
    zoo_fit("zoo on JAX", "jax"),
    zoo_fit("zoo on JAX", "jax", steps=67),
    zoo_fit("zoo on PyTorch", "torch"),
)
CONV = (
    zoo_fit("zoo on PyTorch", "torch", "conv"),
    zoo_fit("zoo on TensorFlow", "tensorflow", "conv"),
    zoo_fit("zoo on JAX", "jax", "conv"),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--epochs", type=int, default=2, help="measured epochs a turn")
    parser.add_argument("--out", type=Path, help="folder of RESULTS.md, results.json")
    parser.add_argument("--quick", action="store_true", help="a few images, one turn")
    options = parser.parse_args()
    count, conv_count = (2048, 512) if options.quick else (IMAGES, 4_992)
    rounds, epochs = (1, 1) if options.quick else (options.rounds, options.epochs)
    out = options.out or (None if options.quick else HERE)

    begin = time.monotonic()
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        images, source = prepare_images(Path(folder) / "images.npy", count)
        print(f"{count:,} images of {source}, {rounds} turn(s) of {epochs} epoch(s)")
        results = {
            "dense": compete(DENSE, images, count, epochs, rounds, load),
            "conv": compete(CONV, images, conv_count, epochs, rounds, load),
            "sampler": {} if options.quick else measure_samplers(Path(folder)),
        }
    record = {
        "date": date.today().isoformat(),
        **environment(results),
        "images": {"source": source, "dense": count, "conv": conv_count},
        "rounds": rounds,
        "epochs": epochs,
        "minutes": round((time.monotonic() - begin) / 60, 1),
        "cores_used_by_others": round(load.most, 2),
        "loaded": load.too_high,
        "quick": options.quick,
        **results,
    }
    text = markdown(record)
    print("\n" + text)
    if out is not None:
        (out / "RESULTS.md").write_text(text, encoding="utf-8")
        content = json.dumps(record, indent=1) + "\n"
        (out / "results.json").write_text(content, encoding="utf-8")
        print(f"Written: {out / 'RESULTS.md'}, {out / 'results.json'}")


def prepare_images(path, count):
    """MNIST if it lies in the TFDS folder, else noise of its shape: (path, source)."""
    # Reading needs packages that this process, which only waits, does not load.
    code = (
        "import sys, numpy as np; from recipes.data import load_images; "
        "data = load_images('mnist', splits=('train',), validation=0); "
        "np.save(sys.argv[1], data.train)"
    )
    process = run([sys.executable, "-c", code, str(path)], check=False)
    if process.returncode == 0 and len(np.load(path, mmap_mode="r")) >= count:
        return path, "MNIST"
    shape = (count, 28, 28, 1)
    np.save(path, np.random.default_rng(0).random(shape, dtype=np.float32))
    return path, "noise in the shape of MNIST"


def compete(contenders, images, count, epochs, rounds, load):
    """{name: figures} after all turns of all contenders."""
    turns = {contender.name: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            load.look()
            command = [sys.executable, HERE / contender.script, *contender.options]
            command += [f"--images={images}", f"--count={count}", f"--epochs={epochs}"]
            process = run(command, KERAS_BACKEND=contender.backend)
            figures = json.loads(process.stdout.strip().splitlines()[-1])
            turns[contender.name].append(figures)
            rate = figures["images_per_second"]
            print(f"turn {turn + 1}: {contender.name}: {rate:,.0f} images/s")
    return {name: combine(figures) for name, figures in turns.items()}


def combine(turns):
    rates = [rate for turn in turns for rate in turn["each_epoch"]]
    first = [turn["first_epoch_seconds"] for turn in turns]
    return {
        **turns[-1],
        "images_per_second": statistics.median(rates),
        "each_epoch": rates,
        "first_epoch_seconds": statistics.median(first),
    }


def measure_samplers(folder):
    """{preset: milliseconds} of the decoders of shipped MNIST presets."""
    results = {}
    for config in sorted((ROOT / "zoo" / "presets").glob("*_mnist/config.json")):
        preset = config.parent.name
        path = folder / f"{preset}.onnx"
        code = (
            "import sys, zoo, export; "
            "export.export_decoder(zoo.from_preset(sys.argv[1]), sys.argv[2])"
        )
        process = run([sys.executable, "-c", code, preset, str(path)], check=False)
        if process.returncode != 0:
            # No reason to lose what was measured before.
            print(f"{preset} cannot be exported: {process.stderr.splitlines()[-1]}")
            continue
        # Twice: the first process reads the libraries from disk.
        for _ in range(2):
            process = run([sys.executable, HERE / "measure_sampler.py", path])
        results[preset] = json.loads(process.stdout)
        print(f"decoder of {preset}: {results[preset]}")
    return results


def run(command, check=True, **environment):
    given = {name: value for name, value in environment.items() if value}
    process = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **given},
        capture_output=True,
        text=True,
    )
    if check and process.returncode != 0:
        sys.exit(f"{command} failed:\n{process.stderr[-3000:]}")
    return process


class Load:
    """How many cores other programs use, looked at while nothing is measured."""

    def __init__(self):
        self.most = 0.0

    def look(self, seconds=0.5):
        before = _busy_seconds()
        time.sleep(seconds)
        busy = (_busy_seconds() - before) / seconds
        if busy > LOADED * os.cpu_count() and not self.too_high:
            print(f"WARNING: other programs use {busy:.1f} of {os.cpu_count()} cores.")
        self.most = max(self.most, busy)

    @property
    def too_high(self):
        return self.most > LOADED * os.cpu_count()


def _busy_seconds():
    """Seconds that all cores together have spent working, 0 where Linux is not."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, interrupt, soft = map(int, fields[:7])
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")


def environment(results):
    """Machine and versions, taken out of the figures of the processes that know."""
    hardware, versions = "", {}
    for figures in [*results["dense"].values(), *results["conv"].values()]:
        hardware = figures.pop("hardware", hardware)
        versions.update(figures.pop("versions", {}))
    return {"hardware": hardware, "versions": dict(sorted(versions.items()))}


def markdown(record):
    """RESULTS.md."""
    images = record["images"]
    lines = [
        "# Measured speed",
        "",
        f"`make bench`, {record['date']}, {record['minutes']:.0f} minutes on "
        f"{record['hardware']}. "
        + ", ".join(f"{name} {v}" for name, v in record["versions"].items())
        + ".",
        "",
    ]
    if record["quick"]:
        lines += ["**A quick trial: these figures say nothing about speed.**", ""]
    if record["loaded"]:
        lines += [
            f"**Other programs used up to {record['cores_used_by_others']} cores: "
            "these figures are too low, and their ratios unreliable.**",
            "",
        ]
    lines += [
        "Training images a second, batch 128, Adam, float32. Each turn is a process of "
        "its own; its first epoch, in which things are compiled, is not counted. "
        f"Turns: {record['rounds']}, epochs counted in each: {record['epochs']}; "
        "figures are medians. The loss after the same number of epochs stands beside: "
        "equal losses show that the same model is trained.",
        "",
        f"## DenseVAE 784-400-20, {images['dense']:,} images of {images['source']}",
        "",
        *table(record["dense"], PEER),
        "",
        "The hand-written loops compute the loss alone; `fit` also computes ELBO, "
        "reconstruction, KL and active units, and runs callbacks.",
        "",
        f"## ConvVAE, filters 16 and 32, one block a stage, {images['conv']:,} images",
        "",
        *table(record["conv"], "zoo on PyTorch"),
    ]
    if record["sampler"]:
        columns = list(next(iter(record["sampler"].values())))
        lines += [
            "",
            "## Sampling from exported decoders, milliseconds",
            "",
            "onnxruntime and numpy in a fresh process; the start without that of "
            "Python itself; 1 and 64 images on one thread.",
            "",
            "| preset | " + " | ".join(columns) + " |",
            "|---" * (1 + len(columns)) + "|",
        ]
        for preset, figures in record["sampler"].items():
            cells = (f"{figures[column]:.2f}" for column in columns)
            lines.append(f"| {preset} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def table(results, reference):
    base = results[reference]["images_per_second"]
    lines = [
        "| | images/s | slowest to fastest epoch | ratio | first epoch, s | loss |",
        "|---|---|---|---|---|---|",
    ]
    for name, figures in results.items():
        rate, each = figures["images_per_second"], figures["each_epoch"]
        lines.append(
            f"| {name} | {rate:,.0f} | {min(each):,.0f} to {max(each):,.0f} | "
            f"{rate / base:.2f} | {figures['first_epoch_seconds']:.1f} | "
            f"{figures['loss']:.1f} |"
        )
    return lines


if __name__ == "__main__":
    main()
