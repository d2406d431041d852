"""Who does the work: this process, or workers of Ray Data on any number of machines."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

from recipes.bulk.formats import write_shard
from recipes.bulk.jobs import Job
from recipes.bulk.shards import Shard
from recipes.bulk.storage import Storage
from recipes.common.backend import native_messages_hidden, start_keras
from recipes.common.errors import USER_ERRORS, sentence
from recipes.data.locations import require

# Sums of floating-point numbers depend on how many threads share them.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
# Only numbers of shards go through it; Ray's own choice is a third of the memory.
_OBJECT_STORE = 2**27


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of a shard.

    Attributes:
        number: of the shard.
        rows, bytes, seconds: that were written, and that it took.
        error: why it was not, in a sentence; "" if it was.
        remarks: what was warned of, a line each.
        hopeless: whether no other shard will fare better.
    """

    number: int
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    error: str = ""
    remarks: str = ""
    hopeless: bool = False


class Worker:
    """Does shards one after another, with a model that is loaded for the first.

    Args:
        job: of `recipes.bulk.jobs`.
        shards: all of them, in the order of their numbers.
        storage: where they are written to.
        kind: one of `recipes.bulk.formats.FORMATS`.
    """

    def __init__(self, job: Job, shards: list[Shard], storage: Storage, kind: str):
        self.job, self.shards, self.storage, self.kind = job, shards, storage, kind
        self._loaded: Any = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of Ray Data, {"number": of a shard}, to the `Report` as another."""
        return dataclasses.asdict(self.work(self.shards[int(row["number"])]))

    def work(self, shard: Shard) -> Report:
        """Writes a shard."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("default")
            report = self._work(shard)
        ours = (w.message for w in warned if w.category is UserWarning)
        remarks = dict.fromkeys(sentence(message) for message in ours)
        return dataclasses.replace(report, remarks="\n".join(remarks))

    def _work(self, shard):
        start = time.perf_counter()
        try:
            if self._loaded is None:
                self._loaded = self._load()
        except USER_ERRORS as error:
            return Report(shard.number, error=sentence(error), hopeless=True)
        try:
            columns = self.job.columns(self._loaded, shard)
            size = write_shard(self.storage, shard.stem, self.kind, columns)
        except USER_ERRORS as error:
            return Report(shard.number, error=f"{shard.stem}: {sentence(error)}")
        rows = len(next(iter(columns.values())))
        return Report(shard.number, rows, size, time.perf_counter() - start)

    def _load(self):
        if backend := self.job.model.backend:
            start_keras(backend)
        return self.job.load()


def use_one_thread() -> None:
    """Sets what libraries ask when they are imported: in this process, if in time."""
    if "keras" not in sys.modules:
        os.environ.update(_one_thread())


def run(worker: Worker, shards: list[Shard], num_workers: int) -> Iterator[Report]:
    """Does shards, and gives a report of each as it is done.

    Args:
        worker: what does them; by several, a copy each.
        shards: which.
        num_workers: 1 is this process, where `use_one_thread` was called in time; more
            are processes of Ray: on the machines of the cluster that RAY_ADDRESS names,
            or on this one.

    Raises:
        ImportError: if Ray is needed and not installed.
        RuntimeError: if Ray cannot be started, or gives up.
    """
    if num_workers == 1:
        yield from map(worker.work, shards)
        return
    # Told to Ray's own programs, which write to the terminal by themselves.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # And whether it tells its makers what it is used for.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray, data = require("ray", "ray"), require("ray.data", "ray")
    ours = not ray.is_initialized()
    if ours:
        _start(ray, num_workers)
    try:
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        numbers = [{"number": shard.number} for shard in shards]
        done = data.from_items(numbers, override_num_blocks=len(numbers)).map(
            Worker,
            fn_constructor_args=(
                worker.job,
                worker.shards,
                worker.storage,
                worker.kind,
            ),
            compute=data.ActorPoolStrategy(size=min(num_workers, len(shards))),
            num_cpus=1,
            num_gpus=_share_of_gpus(ray, worker, num_workers),
        )
        for row in done.iter_rows():
            yield Report(**row)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RuntimeError(f"Ray gave up: {reason}") from error
    finally:
        if ours:
            ray.shutdown()


def _start(ray, num_workers):
    """Ray on this machine, or a place in the cluster that RAY_ADDRESS names."""
    told = _one_thread() | _passed_on()
    if os.environ.get("RAY_ADDRESS"):
        options = {"runtime_env": {"env_vars": told}}
    else:
        os.environ.update(told)  # which Ray's processes inherit, sooner than it tells
        options = {
            "num_cpus": num_workers,
            "object_store_memory": _OBJECT_STORE,
            "include_dashboard": False,
        }
    try:
        with native_messages_hidden():
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
    except Exception as error:  # of many kinds, all about this machine
        raise RuntimeError(f"Ray cannot be started: {error}") from error


def _one_thread():
    flags = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD['XLA_FLAGS']}".strip()
    return {**ONE_THREAD, "XLA_FLAGS": flags}


def _passed_on():
    """What workers on other machines must have of this process's environment."""
    names = ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "VAE_ZOO_TRACEBACK")
    return {name: os.environ[name] for name in names if name in os.environ}


def _share_of_gpus(ray, worker, num_workers):
    """What a model of Keras gets of the cluster's GPUs; exported ones need none."""
    there = ray.cluster_resources().get("GPU", 0) if worker.job.model.backend else 0
    share = there / num_workers
    return int(share) if share >= 1 else share
