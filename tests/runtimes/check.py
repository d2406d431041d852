"""`make test-runtimes`: exported files in every client, against onnxruntime here.

python check.py [FOLDER ...]: exports shipped presets, or takes folders that
`export_model` wrote; installs the clients of `clients.py` under build/; runs each file
on the inputs it keeps and on extreme ones; and prints a table. It fails if a client
gives anything else without a word, or could not be installed.
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from clients import CLIENTS, Unavailable

import export
from export.arrays import decode_array, encode_array
from export.options import EXTREME_TOLERANCES
from export.runtime.golden import max_error
from export.runtime.session import Session

# All shipped presets in float32, and of each kind of network the smaller weights.
QUANTIZED = (
    ("conv_vae_mnist", "fp16"),
    ("conv_vae_mnist", "int8"),
    ("hierarchical_vae_cifar10", "int8"),
    ("conditional_vae_mnist", "int8"),
    ("vq_vae_mnist", "int8"),
)
# Other programs sum in other orders: so many times what a file allows onnxruntime.
SLACK = 10
# What deploy.md says of clients that are wrong, and say nothing: on which inputs.
KNOWN_WRONG = {
    ("OpenVINO 2026.4.1", "sampler.onnx"): ("kept", "extreme"),
    # Its tanh is NaN from 45 on.
    ("OpenCV 5.0.0", "generator.onnx"): ("extreme",),
}


def main(folders):
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(folder) for folder in folders] or exported(Path(temporary))
        cases = [case for folder in folders for case in cases_of(folder)]
        given = Path(temporary) / "cases.jsonl"
        given.write_text("".join(f"{json.dumps(case)}\n" for case in cases))
        files = sorted({case["file"] for case in cases})
        print(
            "The largest error on inputs that files keep / on extreme ones (outputs of "
            f"onnxruntime {onnxruntime.__version__}); {len(folders)} models.\n"
        )
        print("| client |", " | ".join(files), "|\n|" + " --- |" * (len(files) + 1))
        problems, remarks = [], []
        for client in CLIENTS:
            answers = Path(temporary) / "answers.jsonl"
            answers.unlink(missing_ok=True)
            try:
                client.run(given, answers)
            except Unavailable as reason:
                print(f"| {client.name} |", " | ".join(["not run"] * len(files)), "|")
                problems.append(f"{client.name} was not run: {reason}")
                continue
            row = Row(client.name, cases, answers)
            print(
                f"| {client.name} |", " | ".join(map(row.cell, files)), "|", flush=True
            )
            problems += row.problems
            remarks += row.remarks
    print("", *remarks, sep="\n")
    if problems:
        sys.exit("\n".join(problems))


def exported(folder):
    """Exports what is checked: a list of folders."""
    import zoo

    names = [(name, None) for name in zoo.list_presets()]
    for name, quantize in (*names, *QUANTIZED):
        print(f"Exporting {name}, {quantize or 'float32'}", flush=True)
        path = folder / f"{name}-{quantize or 'float32'}"
        export.export_model(zoo.from_preset(name), path, quantize=quantize)
    return sorted(path for path in folder.iterdir())


def cases_of(folder):
    """What the files of a folder are to give: a list of dictionaries for replay.py."""
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for name, entry in files.items():
        golden = entry["golden"]
        about = {"model": folder.name, "file": name, "path": str(folder / name)}
        yield {
            **about,
            "kind": "kept",
            "inputs": golden["inputs"],
            "outputs": golden["outputs"],
            "tolerance": SLACK * golden["tolerance"],
        }
        # Rounding decides between codes where inputs do not keep away from edges.
        if "codes" in {*entry["inputs"], *entry["outputs"]} or "prior" in name:
            continue
        if "uniforms" in entry["inputs"]:
            continue
        feeds = {k: decode_array(array) for k, array in golden["inputs"].items()}
        feeds = extreme(feeds)
        got = Session(folder / name, name.removesuffix(".onnx")).run(feeds)
        yield {
            **about,
            "kind": "extreme",
            "inputs": {k: encode_array(array) for k, array in feeds.items()},
            "outputs": {k: encode_array(array) for k, array in got.items()},
            "tolerance": SLACK * EXTREME_TOLERANCES[None],
        }


def extreme(feeds):
    """Inputs on which rounding, overflow and saturation show.

    Latents ten times as large are what a user's slider reaches. Noise goes as far as at
    temperature 3: beyond, the two dozen steps of a flow multiply whatever two programs
    round differently.
    """
    ten, three = np.float32(10), np.array(3, np.float32)
    changed = {"z": ten * feeds["z"]} if "z" in feeds else {}
    if "noise" in feeds:
        changed["noise"] = three * feeds["noise"]
    if "image" in feeds:
        changed["image"] = np.float32(feeds["image"] > 0.5)
    if "seed" in feeds:
        changed["temperature"] = three
    return {**feeds, **changed}


class Row:
    """What one client gave.

    Args:
        name: of the client.
        cases: as `cases_of` gives them, all.
        answers: the file of its answers, one for each case, or fewer if it crashed.

    Attributes:
        problems: what is wrong and nobody says so, sentences.
        remarks: what it refused, and what is known to be wrong.
    """

    def __init__(self, name, cases, answers):
        lines = answers.read_text().splitlines() if answers.is_file() else []
        found = [json.loads(line) for line in lines]
        self.problems = []
        if len(found) < len(cases):
            self.problems.append(
                f"{name} crashed, or went on for too long, after {len(found)} of "
                f"{len(cases)} runs."
            )
        self._errors, self._refused, wrong = {}, {}, {}
        reasons = {}
        for case, answer in zip(cases, found, strict=False):
            file, model = case["file"], case["model"]
            if "refused" in answer:
                why = answer["refused"].strip().splitlines()[0][:200]
                reasons.setdefault((file, why), {})[model] = None
                self._refused.setdefault(file, []).append(case)
                continue
            error = largest_error(answer["outputs"], case["outputs"])
            kinds = self._errors.setdefault(file, {"kept": 0.0})
            kinds[case["kind"]] = max(error, kinds.get(case["kind"], 0.0))
            if not error <= case["tolerance"]:
                known = case["kind"] in KNOWN_WRONG.get((name, file), ())
                wrong.setdefault((file, known), {})[model] = None
        self.remarks = [
            f"{name} refuses {file} of {', '.join(models)}: {why}"
            for (file, why), models in reasons.items()
        ]
        for (file, known), models in wrong.items():
            said = f"{name} is wrong in {file} of {', '.join(models)}"
            if known:
                self.remarks.append(f"{said}, as deploy.md says.")
            else:
                self.problems.append(f"{said}, and says nothing.")

    def cell(self, file):
        """What stands in the table, of a file of all models."""
        errors = self._errors.get(file, {})
        said = [f"{error:.0e}" for error in errors.values()]
        if refused := self._refused.get(file):
            models = len({case["model"] for case in refused})
            said.append(f"refused of {models}" if errors else "refused")
        return " / ".join(said)


def largest_error(answer, expected):
    """Of a client's outputs, in whatever type it gives them."""
    worst = 0.0
    for name, array in expected.items():
        raw = base64.b64decode(answer[name]["base64"])
        got = np.frombuffer(raw, answer[name]["dtype"]).reshape(answer[name]["shape"])
        worst = max(worst, max_error(got, decode_array(array)))
    return worst


if __name__ == "__main__":
    main(sys.argv[1:])
