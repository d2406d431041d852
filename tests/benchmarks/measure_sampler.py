"""An exported decoder in onnxruntime: `export.Sampler`'s calls, in milliseconds.

python measure_sampler.py PRESET=DECODER.onnx... [--seconds 0.4]
python measure_sampler.py PRESET=DECODER.onnx --count 16384
"""

import argparse
import time

import common

import export


def measure_calls(path, seconds):
    """{call: {images: ms}} on all cores."""
    sampler = export.Sampler(path)
    latents = common.latents(sampler.latent_dim)

    def calls(images):
        return {
            "decode": lambda: sampler.decode(latents[:images]),
            "sample": lambda: sampler.sample(images),
        }

    return common.measure_calls(calls, seconds)


def measure_count(path, count, times=5):
    """Seconds of each of several draws of `count` images, on all cores."""
    sampler = export.Sampler(path)
    sampler.sample(16)
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        sampler.sample(count)
        seconds.append(time.perf_counter() - begin)
    return {"each_draw": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("decoders", nargs="+", metavar="PRESET=FILE")
    parser.add_argument("--seconds", type=float, default=0.4, help="for each call")
    parser.add_argument("--count", type=int, help="draw this many images instead")
    options = parser.parse_args()
    decoders = dict(decoder.split("=", 1) for decoder in options.decoders)
    if options.count:
        (path,) = decoders.values()
        common.print_result(measure_count(path, options.count))
    else:
        figures = {
            preset: measure_calls(path, options.seconds)
            for preset, path in decoders.items()
        }
        common.print_result({"presets": figures})


if __name__ == "__main__":
    main()
