"""Processes that measure, in turns, and what else the machine does meanwhile."""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# More than this share of the cores used by other programs makes figures worthless.
LOADED = 0.1


class Processes:
    """Runs contenders, and remembers what they say of the machine.

    Args:
        rounds: turns of each contender that a claim is about.
        workers: processes at a time; 1 unless nothing is measured.
    """

    def __init__(self, rounds, workers=1):
        self.rounds = rounds
        self.load = Load()
        self.hardware = ""
        self.versions = {}
        self._workers = workers

    def take_turns(self, contenders, rounds=None):
        """{contender's name: figures of each turn}, of `rounds` turns if given."""
        turns = {contender.name: [] for contender in contenders}
        with ThreadPoolExecutor(self._workers) as pool:
            for turn in range(self.rounds if rounds is None else rounds):
                due = [each for each in contenders if each.claimed or turn == 0]
                figures = pool.map(self._measure, due)
                for contender, values in zip(due, figures, strict=True):
                    turns[contender.name].append(values)
                    print(f"turn {turn + 1}: {contender.name}: {brief(values)}")
                sys.stdout.flush()
        return turns

    def train_in_turns(self, contenders, rounds=None):
        """{contender's name: its figures after all turns}"""
        turns = self.take_turns(contenders, rounds)
        return {name: combine_training(figures) for name, figures in turns.items()}

    def _measure(self, contender):
        if self._workers == 1:
            self.load.look()
        command = [contender.python or sys.executable, HERE / contender.script]
        process = run(
            [*command, *contender.options],
            KERAS_BACKEND=contender.backend,
            **dict(contender.environment),
        )
        figures = json.loads(process.stdout.strip().splitlines()[-1])
        self.hardware = figures.pop("hardware", self.hardware)
        self.versions.update(figures.pop("versions", {}))
        return figures


def combine_training(turns):
    """Figures of one contender's turns: medians of speeds, the most memory."""
    rates = [rate for turn in turns for rate in turn["each_epoch"]]
    return {
        **turns[-1],
        "images_per_second": statistics.median(rates),
        "each_turn": [statistics.median(turn["each_epoch"]) for turn in turns],
        "each_epoch": rates,
        "first_epoch_seconds": statistics.median(
            turn["first_epoch_seconds"] for turn in turns
        ),
        "peak_mb": max(turn["peak_mb"] for turn in turns),
    }


def brief(figures):
    """Figures of one process, for whoever waits."""
    if "each_epoch" in figures:
        return f"{statistics.median(figures['each_epoch']):,.0f} images/s"
    if "seconds" in figures:
        return f"{figures['seconds']:.2f} s"
    return f"{figures['peak_mb']} MB"


def run(command, check=True, **environment):
    """A finished process, whose output is text; ends this one if it fails."""
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
