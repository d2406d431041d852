"""The machine that figures were got on, in words: never a host or a path."""

import contextlib
import os
import platform
from pathlib import Path

import keras


def on_gpu():
    """Whether the backend computes on a GPU."""
    if keras.backend.backend() == "torch":  # has no keras.distribution
        import torch

        return torch.cuda.is_available()
    return any(not d.startswith("cpu") for d in keras.distribution.list_devices())


def hardware():
    """Cores and processor in words."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores, {model}"
