"""Mutations of the files that leave, and what whoever opens them sees.

    python tests/fuzzing.py presets FOLDER --mutations 10000 --seed 0 --signed

FOLDER holds presets, or exported folders. One of their files is changed at random and
opened, again and again, in one process. What was written by this project ends in its
output or in an error of the kinds that are declared. Signed mutations have their
digests written anew, as somebody would who means harm: they reach what is behind them.
The last line is a JSON object; the exit code is 1 if anything else happened.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

MOST_SECONDS, MOST_BYTES = 10, 2 * 2**30
# What JSON values become.
ODD = (None, True, 0, 1, -1, 5, 2.5, 10**6, 10**9, 2**63, 10**30, 1e308, float("nan"))
ODD += ("", "x", "../x", "/etc/passwd", "\x1b[2J", "Lambda", "é" * 300, [], {}, [[]])
ODD += ([1, 2, 3], ["a"], [None], [10**6, 10**6], {"a": 1}, {"class_name": "Lambda"})


def places_in(value, path=()):
    """Paths of all values in a JSON value, itself first."""
    yield path
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inside in items:
        yield from places_in(inside, (*path, key))


def changed_json(value, rng):
    """A JSON value with one place in it changed, taken away, or put elsewhere."""
    places = list(places_in(value))
    path = rng.choice(places)
    if not path:
        return rng.choice(ODD)
    value = json.loads(json.dumps(value))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    kind = rng.random()
    if kind < 0.15:
        del holder[path[-1]]
    elif kind < 0.3:
        other = value
        for key in rng.choice(places):
            with contextlib.suppress(LookupError, TypeError):
                other = other[key]
        holder[path[-1]] = json.loads(json.dumps(other))
    elif kind < 0.45 and isinstance(holder[path[-1]], (int, float)):
        factor = rng.choice((-1, 0.5, 2, 10, 1000))
        holder[path[-1]] = type(holder[path[-1]])(holder[path[-1]] * factor)
    else:
        holder[path[-1]] = rng.choice(ODD)
    return value


def changed_bytes(content, rng):
    """Bytes with a few of them flipped, cut, doubled or moved."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        place = rng.randrange(len(content)) if content else 0
        length = rng.choice((1, 2, 4, 16, 256))
        kind = rng.randrange(5)
        if kind == 0 and content:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del content[place : place + length]
        elif kind == 2:
            content[place:place] = content[place : place + length]
        elif kind == 3:
            content[place : place + length] = rng.randbytes(length)
        else:
            del content[place:]
    return bytes(content)


class Presets:
    """Presets: listed, described and loaded."""

    def __init__(self):
        from rich.console import Console

        import zoo
        from recipes.commands.tables import presets_table, print_details
        from recipes.common.presets import damage, read_preset
        from recipes.documents.card import model_card
        from zoo.presets import files

        self.zoo, self.files, self.console = zoo, files, Console(file=io.StringIO())
        self.read, self.damage = read_preset, damage
        self.shown = presets_table, print_details, model_card
        self.declared = (ValueError, FileNotFoundError)

    def open(self, folder):
        """What a model draws, and its figures, as something that can be compared."""
        preset = self.read(folder)
        table, details, card = self.shown
        table([preset])
        details(self.console, preset)
        self.console.file = io.StringIO()
        if {"metrics", "training", "dataset"} <= set(preset.info):
            card(preset.info, ".")
        self.damage(preset)
        model = self.zoo.from_preset(folder)
        labels = None
        if getattr(model, "num_attributes", None):
            labels = np.zeros((2, model.num_attributes), "float32")
        elif getattr(model, "num_classes", None):
            labels = np.array([0, model.num_classes - 1])
        images = []
        if model.can_sample:
            images = model.sample(2, labels, seed=0).tolist()
        facts = {k: v for k, v in preset.info.items() if k != "sha256"}
        return json.dumps([images, facts], sort_keys=True, default=str)

    def sign(self, folder, name, content, rng):
        """Changes a file in a way that its digest cannot notice."""
        path = folder / name
        if name.endswith(".json") and rng.random() < 0.9:
            path.write_text(json.dumps(changed_json(json.loads(content), rng)))
        else:
            path.write_bytes(changed_bytes(content, rng))
        with contextlib.suppress(ValueError, AttributeError, TypeError, KeyError):
            metadata = json.loads((folder / self.files.METADATA).read_text())
            names = (self.files.CONFIG, self.files.WEIGHTS)
            digests = {n: self.files.digest(folder / n) for n in names}
            if isinstance(metadata["sha256"], dict):
                metadata["sha256"].update(digests)
                metadata["sha256"].pop(self.files.METADATA, None)
            self.files.write_json(folder / self.files.METADATA, metadata)


class Exports:
    """Exported folders: opened, sampled from, verified, described."""

    def __init__(self):
        import export
        from export.explorer.describe import describe
        from export.explorer.exported import read_exported
        from export.runtime import files, manifest
        from recipes.plots.subjects.exported import ExportedSubject

        self.export, self.files, self.manifest = export, files, manifest
        self.read, self.describe, self.subject = (
            read_exported,
            describe,
            ExportedSubject,
        )
        self.declared = (export.RuntimeModelError, FileNotFoundError)

    def open(self, folder):
        sampler = self.export.Sampler(folder, threads=1)
        labels = None
        if sampler.metadata["num_attributes"] is not None:
            labels = np.zeros((2, sampler.metadata["num_attributes"]), "float32")
        elif sampler.metadata["num_classes"] is not None:
            labels = np.array([0, sampler.metadata["num_classes"] - 1])
        images = sampler.sample(2, labels, seed=0)
        if sampler.can_encode:
            sampler.encode(images, labels)
        sampler.verify()
        repr(sampler)
        self.subject(folder)
        self.describe(self.read(folder), {}, "title", None)
        metadata = {k: v for k, v in sampler.metadata.items()}
        manifest = self.manifest.read_manifest(folder)
        return json.dumps([images.tolist(), metadata, manifest], sort_keys=True)

    def sign(self, folder, name, content, rng):
        path = folder / name
        if name.endswith(".json"):
            manifest = changed_json(json.loads(content), rng)
        else:
            path.write_bytes(changed_onnx(content, self.files, rng))
            manifest = json.loads((folder / "manifest.json").read_text())
        with contextlib.suppress(TypeError, AttributeError, KeyError):
            for other, entry in manifest["files"].items():
                if (folder / other).is_file():
                    entry["sha256"] = _sha256(folder / other)
        if isinstance(manifest, dict):
            manifest = self.manifest.stamped(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))


def _sha256(path):
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed_onnx(content, files, rng):
    """An ONNX file with a change that its own digest does not notice."""
    import onnx

    kind = rng.random()
    head = content[: -len(files._ENTRY) - 64]
    if kind < 0.3:
        return files.add_digest(changed_bytes(head, rng))
    proto = onnx.load_from_string(head)
    if kind < 0.6:
        entry = rng.choice(proto.metadata_props)
        with contextlib.suppress(ValueError):
            value = changed_json(json.loads(entry.value), rng)
            entry.value = json.dumps(value)
    else:
        _change_graph(proto, rng)
    return files.add_digest(proto.SerializeToString())


def _change_graph(proto, rng):
    graph = proto.graph
    node = rng.choice(graph.node)
    kind = rng.randrange(8)
    if kind == 0:
        node.op_type = rng.choice(graph.node).op_type
    elif kind == 1 and node.input:
        names = [n for other in graph.node for n in other.output]
        names += [tensor.name for tensor in graph.initializer]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif kind == 2 and node.attribute:
        attribute = rng.choice(node.attribute)
        if attribute.ints:
            place = rng.randrange(len(attribute.ints))
            attribute.ints[place] = rng.choice((-1, 0, 2, 10**6, 2**62))
        else:
            attribute.i = rng.choice((-1, 0, 2, 10**6, 2**62))
    elif kind == 3 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        if tensor.dims:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, 1, 7, 10**9))
    elif kind == 4 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        tensor.raw_data = changed_bytes(tensor.raw_data, rng)
    elif kind == 5 and graph.initializer:
        tensor = rng.choice(graph.initializer)
        if tensor.data_type == 7 and tensor.raw_data:  # sizes, axes, counts
            values = np.frombuffer(tensor.raw_data, "int64").copy()
            values[rng.randrange(len(values))] = rng.choice((-1, 0, 3, 10**5, 2**40))
            tensor.raw_data = values.tobytes()
    elif kind == 6:
        del graph.node[rng.randrange(len(graph.node))]
    else:
        value = rng.choice([*graph.input, *graph.output])
        dims = value.type.tensor_type.shape.dim
        if dims:
            rng.choice(dims).dim_value = rng.choice((1, 3, 10**6))


def fuzz(kind, sources, mutations, seed, signed, log=None):
    """Opens so many mutations: counts of what came out, and what should not have.

    Args:
        kind: `Presets` or `Exports`.
        sources: folders.
        mutations: how many.
        seed: of the mutations.
        signed: whether digests are written anew.
        log: file for what is about to be opened, for processes that die.
    """
    subject = kind()
    counts, faults = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        places = [shutil.copytree(s, Path(folder) / s.name) for s in sources]
        whole = {place: subject.open(place) for place in places}
        files = {
            place: {p.name: p.read_bytes() for p in place.iterdir() if _matters(p)}
            for place in places
        }
        before = _size(folder)
        for number in range(mutations):
            rng = random.Random(f"{seed} {number} {signed}")
            place = rng.choice(places)
            name = rng.choice(sorted(files[place]))
            content = files[place][name]
            if log:
                log.write_text(f"{number} {place.name}/{name}")
            if signed:
                subject.sign(place, name, content, rng)
            else:
                (place / name).write_bytes(changed_bytes(content, rng))
            start = time.monotonic()
            outcome = _outcome(subject, place, whole[place], signed)
            if time.monotonic() - start > MOST_SECONDS:
                outcome = "hang: " + outcome
            counts[outcome.partition(":")[0]] += 1
            if ":" in outcome:
                faults.append(f"{number} {place.name}/{name} {outcome}")
            for other in (place / n for n in files[place]):
                other.write_bytes(files[place][other.name])
        grown = _size(folder) - before
    # On Linux in KB.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if grown:
        faults.append(f"left {grown} bytes behind")
    return {"outcomes": dict(counts), "faults": faults, "memory": memory}


def _outcome(subject, place, whole, signed):
    """One word, and after a colon what is wrong, if anything is."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            opened = subject.open(place)
    except subject.declared as error:
        sentence = str(error)
        if "\n" in sentence:
            return f"refused badly: {sentence[:300]!r}"
        return "refused"
    except Exception as error:
        return f"undeclared: {type(error).__name__}: {str(error)[:300]!r}"
    if opened == whole:
        return "same"
    return "other" if signed else "accepted: with other output"


def _matters(path):
    return path.suffix in (".json", ".h5", ".onnx")


def _size(folder):
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("presets", "exports"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mutations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signed", action="store_true")
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    result = fuzz(
        {"presets": Presets, "exports": Exports}[options.kind],
        sorted(p for p in options.folder.iterdir() if p.is_dir()),
        options.mutations,
        options.seed,
        options.signed,
        Path(os.environ["FUZZING_LOG"]) if "FUZZING_LOG" in os.environ else None,
    )
    for fault in result["faults"]:
        print(fault, file=sys.stderr)
    print(json.dumps(result))
    sys.exit(bool(result["faults"]) or result["memory"] > MOST_BYTES)


if __name__ == "__main__":
    main()
