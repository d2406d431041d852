"""What every measured process shares: its options, its images, its last line."""

import argparse
import itertools
import json
import resource
import statistics
import sys
import time

import numpy as np

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
# The dense model of the comparison: 784-400-20.
HIDDEN_UNITS, LATENT_DIM = 400, 20
# The convolutional one, of one gated block a stage.
CONV_FILTERS, CONV_HIDDEN_UNITS = (16, 32), 256
# The ladder: (divisor, groups, channels) of each level, and its channels.
LADDER_LEVELS, LADDER_FILTERS = ((4, 2, 4), (2, 1, 4)), (64, 32)
# Images a call where calls that sample are compared.
SAMPLE_COUNTS = (1, 64)


def parse_options(description, **choices):
    """Options of a measured process.

    Args:
        choices: {name: values} of further options; the first value is the default.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--images", required=True, help=".npy, (N, 28, 28, 1)")
    parser.add_argument("--count", type=int, help="use the first COUNT images")
    parser.add_argument("--epochs", type=int, default=3, help="measured epochs")
    for name, values in choices.items():
        kind = type(values[0])
        parser.add_argument(f"--{name}", type=kind, default=values[0])
    return parser.parse_args()


def load_images(options):
    """Images as float32 (N, 28, 28, 1) in [0, 1]."""
    return np.load(options.images)[: options.count].astype(np.float32, copy=False)


def report(ends, images_per_epoch, loss, parameters, **extra):
    """Prints a training process's result as its last line, in JSON.

    Args:
        ends: `time.perf_counter()` before the first epoch and after each one. The
            first epoch, in which things are compiled, is not measured.
        images_per_epoch: images that an epoch trained on.
        loss: mean loss of the last epoch, nats an image.
        parameters: how many weights were trained.
    """
    seconds = [after - before for before, after in itertools.pairwise(ends)]
    result = {
        "each_epoch": [round(images_per_epoch / s, 1) for s in seconds[1:]],
        "first_epoch_seconds": seconds[0],
        "loss": float(loss),
        "parameters": int(parameters),
        **extra,
    }
    print_result(result)


def print_result(figures):
    """Prints a process's figures as its last line, with its peak memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak /= 2**20 if sys.platform == "darwin" else 2**10
    print(json.dumps({**figures, "peak_mb": round(peak)}), flush=True)


def median_ms(function, seconds):
    """Median time of a call, over at least 5 calls and about `seconds`."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def measure_calls(calls, seconds):
    """{call: {images: median ms}} after one call of each that is not counted.

    Args:
        calls: function of a number of images, which returns {call: function}.
        seconds: about how long to measure each call with each number.
    """
    figures = {}
    for images in SAMPLE_COUNTS:
        for name, function in calls(images).items():
            function()
            ms = median_ms(function, seconds)
            figures.setdefault(name, {})[str(images)] = ms
    return figures


def latents(latent_dim):
    """Standard normal float32 (max(SAMPLE_COUNTS), latent_dim)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((max(SAMPLE_COUNTS), latent_dim), dtype=np.float32)
