"""Samples an exported model where Keras and its backends cannot be imported: a proof.

    python -m recipes.commands.sample_without_keras exported samples.png

Prints one line of JSON: what was refused, what is loaded, seconds and memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BLOCKED = ("keras", "tensorflow", "jax", "torch")


class Blocker:
    """A finder, asked before all others, that refuses to import some packages."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked in this process")
        return None


def refused():
    """Which of the packages really cannot be imported."""
    names = []
    for name in BLOCKED:
        try:
            __import__(name)
        except ImportError:
            names.append(name)
    return names


def main():
    """Blocks, samples, writes the picture and says what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exported", help="an ONNX file or a folder of export_model")
    parser.add_argument("picture", help="the PNG to write, of texts a .txt")
    parser.add_argument("--num-samples", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--array", help="an .npy file for images or tokens")
    options = parser.parse_args()

    sys.meta_path.insert(0, Blocker())
    start = time.perf_counter()
    import export

    sampler = export.Sampler(options.exported)
    draw = sampler.sample if sampler.image_shape else sampler.sample_tokens
    drawn = draw(options.num_samples, seed=options.seed)
    seconds = time.perf_counter() - start
    if options.array:
        import numpy as np

        np.save(options.array, drawn)
    if sampler.image_shape:
        from recipes.common.contact_sheet import save_contact_sheet

        save_contact_sheet(options.picture, drawn, columns=8)
    else:
        from recipes.common.text_lines import lines_of, save_lines

        save_lines(options.picture, lines_of(drawn, sampler.vocabulary))
    report = {
        "refused": refused(),
        "loaded": sorted(set(BLOCKED) & set(sys.modules)),
        "num_samples": len(drawn),
        "seconds": round(seconds, 3),
        "largest_golden_error": sampler.verify()["max_abs_error"],
    }
    print(json.dumps(report))


def sample_in_fresh_process(exported, picture, expected):
    """Samples where Keras cannot be imported; compares with `expected`.

    Args:
        exported: the file or folder.
        picture: PNG to write, of texts a .txt.
        expected: Keras' own samples with seed 0, images or tokens.

    Returns:
        (what the process reported, the largest difference of a pixel or a token).

    Raises:
        RuntimeError: if the process fails, or could import what it must not.
    """
    import numpy as np

    with tempfile.TemporaryDirectory() as temporary:
        array = Path(temporary) / "drawn.npy"
        process = subprocess.run(
            [sys.executable, "-m", "recipes.commands.sample_without_keras"]
            + [str(exported), str(picture), "--array", str(array)]
            + ["--num-samples", str(len(expected))],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"Sampling in a fresh process failed: {lines[-1]}")
        report = json.loads(process.stdout)
        drawn = np.load(array, allow_pickle=False)
    if report["loaded"] or "keras" not in report["refused"]:
        raise RuntimeError(f"The fresh process was not free of Keras: {report}.")
    return report, float(np.abs(drawn - expected).max())


if __name__ == "__main__":
    main()
