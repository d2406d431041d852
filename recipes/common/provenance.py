"""The machine that figures were got on, in words: never a host or a path."""

import contextlib
import os
import platform
from pathlib import Path


def hardware():
    """Cores and processor in words."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{os.cpu_count()} cores, {model}"
