"""Sampling from an exported decoder: what `export.Sampler` takes, in milliseconds."""

import json
import statistics
import sys
import time

BEGIN = time.perf_counter()

import export  # noqa: E402  the import is part of what is measured


def median_ms(function, seconds=1.0):
    """Median time of a call, over at least 5 calls and about `seconds`."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def main(path):
    sampler = export.Sampler(path)
    sampler.sample(16)
    start = 1000 * (time.perf_counter() - BEGIN)
    one_thread = export.Sampler(path, threads=1)
    result = {
        "import, load, 16 images": start,
        "1 image": median_ms(lambda: one_thread.sample(1)),
        "64 images": median_ms(lambda: one_thread.sample(64)),
        "4,096 images": median_ms(lambda: sampler.sample(4096)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
