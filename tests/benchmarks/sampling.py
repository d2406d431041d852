"""Sampling in turns: calls of decoders, cold starts, and draws of many images."""

import statistics
import sys

from contenders import BACKENDS, Contender
from processes import run

DECODE = "export.Sampler.decode, onnxruntime"
EXPORTED_START = "export.Sampler"


def jitted_name(backend):
    return call_name("jitted call", backend)


def call_name(call, backend):
    return f"{call}, {BACKENDS[backend]}"


def start_name(backend):
    return f"Keras on {BACKENDS[backend]}"


def measure(processes, sizes, folder):
    """{"calls": {preset: {call: figures}}, "start": {name: figures}}"""
    decoders = export_decoders(folder, sizes.presets)
    return {
        "calls": measure_calls(processes, sizes, folder, decoders),
        "start": measure_starts(processes, sizes, decoders),
    }


def export_decoders(folder, presets):
    """{preset: its ONNX file in the folder}"""
    code = (
        "import sys, zoo, export; "
        "export.export_decoder(zoo.from_preset(sys.argv[1]), sys.argv[2])"
    )
    paths = {preset: folder / f"{preset}.onnx" for preset in presets}
    for preset, path in paths.items():
        if not path.exists():
            run([sys.executable, "-c", code, preset, path])
    return paths


def measure_calls(processes, sizes, folder, decoders):
    """{preset: {call: {images: {"ms", "each_turn"}, "peak_mb", ...}}}"""
    given = [f"{preset}={path}" for preset, path in decoders.items()]
    seconds = f"--seconds={sizes.seconds}"
    # A cache of this run's own, so that it compiles.
    cache = (("TORCHINDUCTOR_CACHE_DIR", str(folder / "inductor")),)
    rows = [
        Contender("onnxruntime", "measure_sampler.py", (*given, seconds)),
        *(
            Contender(backend, "measure_decoders.py", (*decoders, seconds), backend)
            for backend in BACKENDS
        ),
        Contender(
            "torch.compile",
            "measure_decoders.py",
            (*decoders, seconds, "--compile"),
            "torch",
            environment=cache,
            claimed=False,
        ),
    ]
    turns = processes.take_turns(rows)
    return {
        preset: {
            row_name: figures
            for process, figures_of_turns in turns.items()
            for row_name, figures in combine_calls(preset, process, figures_of_turns)
        }
        for preset in decoders
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
            name = f"export.Sampler.{call}, onnxruntime"
        else:
            name = call_name(call, process if process in BACKENDS else "torch")
        yield name, figures


def measure_starts(processes, sizes, decoders):
    """{name: {"seconds", "each_turn", "peak_mb"}} of fresh processes, first preset."""
    script = "measure_start.py"
    preset = sizes.presets[0]
    rows = [
        Contender(EXPORTED_START, script, (decoders[preset],)),
        *(
            # The claim is about the one that starts fastest.
            Contender(
                start_name(backend),
                script,
                (preset,),
                backend,
                claimed=backend == "torch",
            )
            for backend in BACKENDS
        ),
    ]
    # What was measured before has read the libraries from disk.
    turns = processes.take_turns(rows)
    return {
        name: {
            "seconds": statistics.median(turn["seconds"] for turn in each),
            "each_turn": [turn["seconds"] for turn in each],
            "peak_mb": max(turn["peak_mb"] for turn in each),
        }
        for name, each in turns.items()
    }


def measure_counts(processes, sizes, folder):
    """{images drawn: {"seconds", "each_draw", "peak_mb"}} of the first preset."""
    ((preset, decoder),) = export_decoders(folder, sizes.presets[:1]).items()
    rows = [
        Contender(
            str(count),
            "measure_sampler.py",
            (f"{preset}={decoder}", f"--count={count}"),
        )
        for count in sizes.counts
    ]
    turns = processes.take_turns(rows, rounds=1)
    return {
        name: {"seconds": statistics.median(only["each_draw"]), **only}
        for name, (only,) in turns.items()
    }
