"""What every measured process shares: its options, its images, its last line."""

import argparse
import itertools
import json
import statistics

import numpy as np

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
# The dense model of the comparison: 784-400-20.
HIDDEN_UNITS, LATENT_DIM = 400, 20


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
    return np.load(options.images)[: options.count].astype(np.float32)


def report(ends, images_per_epoch, loss, **extra):
    """Prints a process's result as its last line, in JSON.

    Args:
        ends: `time.perf_counter()` before the first epoch and after each one. The
            first epoch, in which things are compiled, is not measured.
        images_per_epoch: images that an epoch trained on.
        loss: mean loss of the last epoch, nats an image.
    """
    seconds = [after - before for before, after in itertools.pairwise(ends)]
    rates = [round(images_per_epoch / s, 1) for s in seconds[1:]]
    result = {
        "images_per_second": statistics.median(rates),
        "each_epoch": rates,
        "first_epoch_seconds": seconds[0],
        "loss": float(loss),
        **extra,
    }
    print(json.dumps(result), flush=True)
