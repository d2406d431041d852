"""Golden vectors: inputs and the outputs an exported file must give for them."""

from typing import Any

import numpy as np

from export.arrays import decode_array, encode_array
from export.runtime.signature import ENCODER_KIND, PRIOR_STEP_KIND, SCORER_KIND

# What onnxruntime may differ by between machines, in float32.
REPLAY_TOLERANCE = 1e-5
# The same of logits, whose size has no bound.
LOGITS_REPLAY_TOLERANCE = 1e-4
# And of scores in nats.
SCORES_REPLAY_TOLERANCE = 1e-4


def replay_tolerance(kind, metadata, outputs: Any = None):
    """What a float32 file of a kind may differ by between machines.

    Args:
        kind: of file.
        metadata: {key: value} of it.
        outputs: {name: array} that a scorer gave.
    """
    if kind == PRIOR_STEP_KIND:
        return LOGITS_REPLAY_TOLERANCE
    if kind == SCORER_KIND:
        # A difference of large numbers differs as they do.
        share = score_sizes(outputs) / np.maximum(1.0, np.abs(outputs["score"]))
        return max(SCORES_REPLAY_TOLERANCE, REPLAY_TOLERANCE * float(share.max()))
    return REPLAY_TOLERANCE * posteriors_in_turn(kind, metadata)


def posteriors_in_turn(kind, metadata):
    """How many posteriors a file computes, each from those before and their rounding.

    As many as a ladder has groups of latents, of its encoder; 1 of any other file.
    """
    if kind != ENCODER_KIND or "latent_dim" not in metadata:
        return 1
    return len(metadata.get("latents") or [None])


def score_sizes(outputs):
    """The size of what each score is made of, (N,): of a scorer's outputs."""
    size = np.abs(outputs["heat_map"]).sum(axis=(1, 2))
    return np.maximum(1.0, np.maximum(size, np.abs(outputs["score"])))


def max_error(got, expected):
    """The largest |got - expected|, relative where |expected| > 1; inf for NaN.

    For images in [0, 1] this is the largest absolute error.
    """
    if got.shape != expected.shape or not np.all(np.isfinite(got)):
        return float("inf")
    if got.size == 0:
        return 0.0
    error = np.abs(got - expected) / np.maximum(1.0, np.abs(expected))
    worst = float(np.max(error))
    return worst if worst == worst else float("inf")


def make_golden(inputs, outputs, tolerance=REPLAY_TOLERANCE):
    """The JSON form of one replay: name -> array, in and out."""
    return {
        "inputs": {name: encode_array(a) for name, a in inputs.items()},
        "outputs": {name: encode_array(a) for name, a in outputs.items()},
        "tolerance": tolerance,
    }


def replay(run, golden):
    """Runs golden inputs through `run(feeds) -> {name: array}`: the largest error.

    Raises:
        ValueError, KeyError or TypeError: if `golden` is malformed.
    """
    for side in ("inputs", "outputs"):
        if not isinstance(golden[side], dict):
            raise TypeError(f"{side} are no arrays by name")
    feeds = {name: decode_array(a) for name, a in golden["inputs"].items()}
    expected = {name: decode_array(a) for name, a in golden["outputs"].items()}
    if not expected:
        raise ValueError("no outputs")
    got = run(feeds)
    return max(max_error(got[name], array) for name, array in expected.items())
