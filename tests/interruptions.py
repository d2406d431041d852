"""Commands that are killed, or meet a full disk: nothing is lost, nothing left behind.

    python tests/interruptions.py kills --number 30 --seed 0
    python tests/interruptions.py disks --number 20 --seed 0

Each command first runs undisturbed, which tells what it makes and how long it takes.
Then it is killed at some moment of that, or runs on a disk of some size less than it
needs. What was there before must be there still, or what it makes; and the same command
again, with `--resume` where there is that, must make the same, to the bit, and leave
nothing else. Disks want to be mounted: root, or a kernel that lets users mount their
own. The last line is a JSON object; the exit code is 1 if anything else happened.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DIGITS = "dense_vae_digits"


class Command(NamedTuple):
    """A command line, and what is there before it.

    Attributes:
        arguments: of the command.
        before: of the command that made what is there before; None for nothing.
        again: what the second attempt is given beside.
    """

    arguments: tuple
    before: tuple | None = None
    again: tuple = ()


SHORT = ("--epochs", "3", "--out", "run")
FEW = ("evaluate", "mine", "--num-importance-samples", "3")
COMMANDS = {
    "train": Command(("train", DIGITS, *SHORT), None, ("--resume",)),
    "finetune": Command(
        ("finetune", DIGITS, "--data", "images.npz", *SHORT), None, ("--resume",)
    ),
    "export": Command(
        ("export", "mine", "out", "--overwrite"),
        ("export", "mine", "out", "--quantize", "fp16"),
    ),
    "report": Command(
        ("report", "mine", "--out", "r.html", "--overwrite"),
        ("report", "mine", "--out", "r.html", "--seed", "1"),
    ),
    "explore": Command(
        ("explore", "mine", "--out", "e.html", "--overwrite"),
        ("explore", "mine", "--out", "e.html", "--quantize", "fp16"),
    ),
    "evaluate": Command((*FEW, "--save"), (*FEW, "--seed", "1", "--save")),
}


def prepared(folder):
    """Puts what commands read into an empty folder."""
    shutil.copytree(ROOT / "zoo" / "presets" / DIGITS, folder / "mine")
    images = np.random.default_rng(0).random((300, 28, 28, 1), dtype="float32")
    np.savez(folder / "images.npz", x=images)
    (folder / "tmp").mkdir()


def started(arguments, folder, backend):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "recipes.commands.cli", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder / "tmp"),
            "COLUMNS": "500",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(arguments, folder, backend):
    """Exit code and output of a command."""
    process = started(arguments, folder, backend)
    output, _ = process.communicate()
    return process.returncode, output


def contents(folder):
    """{path: digest} of all that lies in a folder, but for what tells the time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name] = "folder"
        elif name.startswith("run/logs/"):  # names and records with times of day
            found["run/logs/*"] = "logs"
        elif path.suffix == ".npz" and name.startswith("run/"):
            found[name] = "a checkpoint, with the time it took"
        else:
            found[name] = digest(path)
    # PyTorch's own cache, and a session of onnxruntime's telemetry.
    others = ("tmp/torchinductor", "tmp/.ses")
    return {k: v for k, v in found.items() if not k.startswith(others)}


def digest(path):
    content = path.read_bytes()
    if path.suffix in (".json", ".md", ".html"):
        text = content.decode()
        # Seconds, and what is made of them.
        text = re.sub(r'"(\w*seconds\w*)": [\d.]+', r'"\1": 0', text)
        text = re.sub(r"[\d.,]+ (s|min|h)\b", "0 s", text)
        text = re.sub(r"seconds \| `[\d.]+`", "", text)
        text = re.sub(r'"metadata.json": "\w+"', "", text)
        text = text.replace(" --resume", "")
        content = text.encode()
    return hashlib.sha256(content).hexdigest()


class Undisturbed(NamedTuple):
    """What a command makes of a folder, and in how much time and room."""

    before: dict
    after: dict
    seconds: float
    bytes: int


def undisturbed(command, folder, backend):
    """Runs a command undisturbed; leaves the folder as it was before."""
    prepared(folder)
    if command.before:
        code, output = run(command.before, folder, backend)
        assert code == 0, output
    kept = folder.with_name(folder.name + ".before")
    shutil.copytree(folder, kept)
    before, start, used = contents(folder), time.monotonic(), size(folder)
    code, output = run(command.arguments, folder, backend)
    assert code == 0, output
    answer = Undisturbed(
        before, contents(folder), time.monotonic() - start, size(folder) - used
    )
    shutil.rmtree(folder)
    kept.rename(folder)
    return answer


def size(folder):
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def again(command, folder, backend, known):
    """What is wrong after the second attempt."""
    arguments = command.arguments
    if not (folder / "run" / "preset").exists():
        code, output = run((*arguments, *command.again), folder, backend)
        if code:
            return [f"again: {code}: {output[-500:]}"]
    # What a killed process left in the folder of temporary files is the system's.
    found = {k: v for k, v in contents(folder).items() if not k.startswith("tmp/")}
    wanted = {k: v for k, v in known.after.items() if not k.startswith("tmp/")}
    differing = sorted(k for k in {*found, *wanted} if found.get(k) != wanted.get(k))
    return [f"afterwards differs: {name}" for name in differing]


def killed(command, folder, backend, known, rng):
    """Kills a command at some moment, and tries again: what is wrong."""
    process = started(command.arguments, folder, backend)
    # Not while Python starts, where nothing is written.
    time.sleep(rng.uniform(0.3, 1.05) * known.seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    found = contents(folder)
    faults = []
    # Each file is one of before or one of after; others are unfinished, and swept.
    for name, old in known.before.items():
        new = known.after.get(name)
        if found.get(name) not in (old, new) and not name.startswith("tmp"):
            faults.append(f"killed: {name} is {'changed' if name in found else 'gone'}")
    return faults + again(command, folder, backend, known)


def filled(command, folder, backend, known, rng):
    """Runs a command on a disk that is too small, and again on one that is not."""
    kept = folder.with_name(folder.name + ".kept")
    folder.rename(kept)
    folder.mkdir()
    room = int(size(kept) * 1.02 + 64 * 1024 + rng.uniform(0.02, 0.98) * known.bytes)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", folder]
    subprocess.run(mount, check=True)
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        code, output = run(command.arguments, folder, backend)
        faults = []
        if code < 0:
            faults.append(f"full: signal {-code}: {output[-300:]}")
        elif "Traceback" in output:
            faults.append(f"full: a traceback: {output[-500:]}")
        elif code and not re.search("[Nn]o space left|[Dd]isk", output):
            faults.append(f"full: the sentence does not say so: {output[-300:]}")
        found = contents(folder)
        if code:
            for name, old in known.before.items():
                if found.get(name) != old:
                    what = "changed" if name in found else "gone"
                    faults.append(f"full: {name} is {what}")
            for name in sorted(set(found) - set(known.before)):
                if not name.startswith("run"):
                    faults.append(f"full: {name} is left behind")
        subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)
        return faults + again(command, folder, backend, known)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def disturb(how, number, seed, backend, names=tuple(COMMANDS)):
    """Disturbs commands in turns: {command: attempts} and what was wrong."""
    counts, faults, known = dict.fromkeys(names, 0), [], {}
    with tempfile.TemporaryDirectory() as place:
        for count in range(number):
            rng = random.Random(f"{seed} {count}")
            name = names[count % len(names)]
            command, first = COMMANDS[name], Path(place) / name
            if name not in known:
                first.mkdir()
                known[name] = undisturbed(command, first, backend)
                left = [k for k in known[name].after if k.startswith("tmp/")]
                faults += [f"{name}: leaves {path} behind" for path in left]
            folder = Path(place) / f"{name}-{count}"
            shutil.copytree(first, folder)
            counts[name] += 1
            found = how(command, folder, backend, known[name], rng)
            faults += [f"{count} {name}: {fault}" for fault in found]
            print(count, name, found or "well", file=sys.stderr, flush=True)
            shutil.rmtree(folder)
    return {"attempts": counts, "faults": faults}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("how", choices=("kills", "disks"))
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS))
    options = parser.parse_args()
    how = {"kills": killed, "disks": filled}[options.how]
    result = disturb(
        how, options.number, options.seed, options.backend, tuple(options.commands)
    )
    for fault in result["faults"]:
        print(fault, file=sys.stderr)
    print(json.dumps(result))
    sys.exit(bool(result["faults"]))


if __name__ == "__main__":
    main()
