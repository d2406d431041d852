"""Sampling in turns: calls of decoders, cold starts, and draws of many images."""

import statistics
import sys

from contenders import BACKENDS, Contender
from processes import run

PRESETS = ("conv_vae_mnist", "dense_vae_mnist")
DECODE = "export.Sampler.decode, onnxruntime, 1 thread"
EXPORTED_START = "export.Sampler"


def jitted_name(backend):
    return call_name("jitted call", backend)


def call_name(call, backend):
    return f"{call}, {BACKENDS[backend]}"


def start_name(backend):
    return f"Keras on {BACKENDS[backend]}"


def measure(processes, sizes, folder):
    """{"calls": {preset: {call: figures}}, "start": {name: figures}}"""
    decoders = export_decoders(folder, PRESETS)
    return {
        "calls": measure_calls(processes, sizes, folder, decoders),
        "start": measure_starts(processes, sizes, decoders[0]),
    }


def export_decoders(folder, presets):
    """Their ONNX files, in the folder."""
    code = (
        "import sys, zoo, export; "
        "export.export_decoder(zoo.from_preset(sys.argv[1]), sys.argv[2])"
    )
    paths = [folder / f"{preset}.onnx" for preset in presets]
    for preset, path in zip(presets, paths, strict=True):
        if not path.exists():
            run([sys.executable, "-c", code, preset, path])
    return paths


def measure_calls(processes, sizes, folder, decoders):
    """{preset: {call: {images: {"ms", "each_turn"}, "peak_mb", ...}}}"""
    given = [f"{preset}={path}" for preset, path in zip(PRESETS, decoders, strict=True)]
    seconds = f"--seconds={sizes.seconds}"
    # A cache of this run's own: its first turn compiles, the others need not.
    cache = (("TORCHINDUCTOR_CACHE_DIR", str(folder / "inductor")),)
    rows = [
        Contender("onnxruntime", "measure_sampler.py", (*given, seconds)),
        *(
            Contender(backend, "measure_decoders.py", (*PRESETS, seconds), backend)
            for backend in BACKENDS
        ),
        Contender(
            "torch.compile",
            "measure_decoders.py",
            (*PRESETS, seconds, "--compile"),
            "torch",
            environment=cache,
        ),
    ]
    turns = processes.take_turns(rows)
    return {
        preset: {
            row_name: figures
            for process, figures_of_turns in turns.items()
            for row_name, figures in combine_calls(preset, process, figures_of_turns)
        }
        for preset in PRESETS
    }


def combine_calls(preset, process, turns):
    """Pairs (name, figures) of the calls that one process measured, in all turns."""
    for call in turns[0]["presets"][preset]:
        each = [turn["presets"][preset][call] for turn in turns]
        figures = {"peak_mb": max(turn["peak_mb"] for turn in turns)}
        for key in each[0]:
            values = [turn[key] for turn in each]
            if key == "first_call_seconds":
                figures[key] = values[0]
            else:
                figures[key] = {"ms": statistics.median(values), "each_turn": values}
        if process == "onnxruntime":
            name = f"export.Sampler.{call}, onnxruntime, 1 thread"
        else:
            name = call_name(call, process if process in BACKENDS else "torch")
        yield name, figures


def measure_starts(processes, sizes, decoder):
    """{name: {"seconds", "each_turn", "peak_mb"}} of fresh processes."""
    script = "measure_start.py"
    rows = [
        Contender(EXPORTED_START, script, (decoder,)),
        *(
            Contender(start_name(backend), script, PRESETS[:1], backend)
            for backend in BACKENDS
        ),
    ]
    # One turn more than is counted: the first reads the libraries from disk.
    turns = processes.take_turns(rows, 1 + sizes.rounds)
    return {
        name: {
            "seconds": statistics.median(turn["seconds"] for turn in each[1:]),
            "each_turn": [turn["seconds"] for turn in each[1:]],
            "peak_mb": max(turn["peak_mb"] for turn in each),
        }
        for name, each in turns.items()
    }


def measure_counts(processes, sizes, decoder):
    """{images drawn: {"seconds", "each_turn", "peak_mb"}}"""
    rows = [
        Contender(
            str(count),
            "measure_sampler.py",
            (f"{PRESETS[0]}={decoder}", f"--count={count}"),
        )
        for count in sizes.counts
    ]
    turns = processes.take_turns(rows)
    results = {}
    for name, each in turns.items():
        seconds = [statistics.median(turn["each_draw"]) for turn in each]
        results[name] = {
            "seconds": statistics.median(seconds),
            "each_turn": seconds,
            "peak_mb": max(turn["peak_mb"] for turn in each),
        }
    return results
