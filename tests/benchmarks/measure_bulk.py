"""Samples in bulk: workers of Ray beside as many processes that are started by hand.

python measure_bulk.py [--num 1000000] [--shards 100] [--workers 2] [--kills 3]

Draws samples of `dense_vae_mnist`, exported, three times: by processes that have every
n-th shard each, by `vae-zoo sample --workers`, and by the same command killed on the
way. All must write the same bytes. Prints a line of JSON: seconds with all there is to
start, and the most memory of one process.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRESET = "dense_vae_mnist"
EXPORT = f"""
import sys, zoo, export
export.export_model(zoo.from_preset({PRESET!r}), sys.argv[1])
"""
BY_HAND = """
import sys
from recipes.bulk import engine, jobs, shards, storage
from recipes.commands.bulk import open_model

engine.use_one_thread()
source, out, num, count, mine, of = sys.argv[1:]
model, facts = open_model(source, None)
all_shards = shards.shards_to_draw(int(num), int(count))
worker = engine.Worker(jobs.Sample(model), all_shards, storage.Storage(out), "parquet")
for report in engine.run(worker, all_shards[int(mine) :: int(of)], 1):
    assert not report.error, report.error
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--num", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(measure(Path(temporary), options)))


def measure(folder, options):
    source = folder / "exported"
    subprocess.run(python("-c", EXPORT, source), check=True, env=environment())
    counts = str(options.num), str(options.shards)
    parts = [
        python("-c", BY_HAND, source, folder / "hand", *counts, i, options.workers)
        for i in range(options.workers)
    ]
    by_hand, memory_by_hand = watch(*parts)
    command = python("-m", "recipes.commands.cli", "sample", source)
    command += ["--num", counts[0], "--shards", counts[1]]
    command += ["--workers", str(options.workers), "--out"]
    by_ray, memory = watch([*command, str(folder / "ray")])
    again = [*command, str(folder / "killed")]
    for i in range(options.kills):
        wanted = options.shards * (i + 1) // (options.kills + 1)
        watch(again, folder=folder / "killed", until=wanted)
    if options.kills:
        watch(again)
    names = ("hand", "ray", "killed") if options.kills else ("hand", "ray")
    made = [digests(folder / name) for name in names]
    size = sum(path.stat().st_size for path in (folder / "ray").iterdir())
    return {
        "samples": options.num,
        "workers": options.workers,
        "seconds_by_hand": round(by_hand, 1),
        "seconds_by_ray": round(by_ray, 1),
        "ratio": round(by_hand / by_ray, 3),
        "samples_per_second": round(options.num / by_ray),
        "peak_mb_by_hand": memory_by_hand,
        "peak_mb": memory,
        "megabytes": round(size / 1e6),
        "same_bytes": all(part == made[0] for part in made),
        "shards": len(made[0]),
    }


def python(*words):
    return [sys.executable, *map(str, words)]


def environment():
    given = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **given}


def watch(*commands, folder=None, until=None):
    """(seconds, most MB of one process) of commands that run at a time.

    With a folder, all is killed as soon as that many shards are there.
    """
    start, most = time.perf_counter(), 0
    running = [
        subprocess.Popen(c, env=environment(), start_new_session=True) for c in commands
    ]
    while any(process.poll() is None for process in running):
        most = max(most, largest({process.pid for process in running}))
        if folder and len(list(folder.glob("*.parquet"))) >= until:
            for process in running:
                os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.2)
    codes = [process.wait() for process in running]
    if folder is None and any(codes):
        sys.exit(f"{commands} failed: {codes}")
    return time.perf_counter() - start, most


def largest(sessions):
    """Resident MB of the largest process in one of the sessions."""
    sizes = [0]
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) in sessions:
                sizes.append(int(fields[21]) * os.sysconf("SC_PAGE_SIZE") // 10**6)
        except OSError:  # it has ended
            continue
    return max(sizes)


def digests(folder):
    """{name: SHA-256} of the shards in a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.parquet"))
    }


if __name__ == "__main__":
    main()
