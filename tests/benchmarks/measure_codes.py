"""The draw of a VQVAE's codes in onnxruntime: with the cache, and without one.

    python tests/benchmarks/measure_codes.py [--width 128] [--layers 4] [--grid 7]

Prints one line of JSON: milliseconds of processor time on one thread, which other work
on the machine disturbs less than it does time on the clock; medians of several draws.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

import export
import zoo
from export.priors.codes import choose
from zoo.threefry import uniforms


def make_model(options):
    """A VQVAE with random weights, of which only the sizes matter here."""
    shape = (options.grid, options.grid)
    prior = zoo.CodePrior(
        options.codebook_size,
        shape,
        width=options.width,
        num_layers=options.layers,
        num_heads=4,
        seed=0,
    )
    side = 4 * options.grid
    model = zoo.VQVAE((side, side, 1), options.codebook_size, 16, prior=prior, seed=0)
    rng = np.random.default_rng(0)
    for weight in prior.weights:
        weight.assign(weight + 0.1 * rng.standard_normal(weight.shape))
    return model


def export_whole_sequence(model, path):
    """An ONNX file of the prior's logits at all places, from all codes: no cache."""
    import tensorflow as tf
    import tf2onnx

    spec = tf.TensorSpec((None, *model.code_shape), tf.int32, name="codes")
    function = tf.function(lambda codes: {"logits": model.prior(codes)})
    tf2onnx.convert.from_function(function, [spec], opset=18, output_path=str(path))


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options)


def median_ms(function, times):
    """Median processor time of a call, after one that is not counted."""
    function()
    taken = []
    for _ in range(times):
        begin = time.process_time()
        function()
        taken.append(1000 * (time.process_time() - begin))
    return round(statistics.median(taken), 1)


def draw_without_cache(session, u, code_shape):
    """Codes int32 (N, T): the whole sequence anew for each of them."""
    codes = np.zeros(u.shape, np.int32)
    for place in range(u.shape[1]):
        feeds = {"codes": codes.reshape(-1, *code_shape)}
        (logits,) = session.run(["logits"], feeds)
        codes[:, place] = choose(logits[:, place], u[:, place], 1.0)
    return codes


def measure(count, model, folder):
    """Figures of one batch size."""
    whole = session_of(folder / "whole.onnx")
    sampler = session_of(folder / "exported" / "sampler.onnx")
    decoder = session_of(folder / "exported" / "decoder.onnx")
    stepping = export.Sampler(folder / "exported", threads=1)
    feeds = {
        "seed": np.array(0, np.int64),
        "num_samples": np.array(count, np.int64),
        "temperature": np.array(1, np.float32),
    }
    u = uniforms(0, count, model.prior.length)
    (codes,) = sampler.run(["codes"], feeds)
    shape = model.code_shape
    plain = draw_without_cache(whole, u, shape)
    return {
        "codes that differ": int((codes.reshape(count, -1) != plain).sum()),
        "sampler.onnx": median_ms(lambda: sampler.run(None, feeds), 15),
        "stepped": median_ms(lambda: stepping.sample(count), 9),
        "decoder.onnx": median_ms(lambda: decoder.run(None, {"codes": codes}), 15),
        "without a cache": median_ms(lambda: draw_without_cache(whole, u, shape), 3),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in (("grid", 7), ("codebook-size", 128), ("width", 128)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--layers", type=int, default=4)
    options = parser.parse_args()
    model = make_model(options)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        report = export.export_model(model, folder / "exported")
        export_whole_sequence(model, folder / "whole.onnx")
        result = {"bytes": {name: f.bytes for name, f in report.files.items()}}
        for count in (1, 16):
            result[f"batch {count}"] = measure(count, model, folder)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
