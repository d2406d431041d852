"""Conversion itself: started by `process` in a process of its own.

Runs with Keras on TensorFlow whatever backend the caller uses. Reads request.json and
the preset folder, writes out/*.onnx and result.json.
"""

import hashlib
import json
import logging
import os
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf

import zoo
from export.check import compare
from export.check.subject import Subject, can_classify
from export.convert import classes, graph, metadata
from export.convert.float32 import in_float32
from export.convert.graphs import Graphs
from export.convert.quantize import choose_kept, kept_weights
from export.errors import ExportError, RuntimeModelError
from export.runtime.files import MAX_FILE_BYTES
from export.runtime.golden import make_golden, replay_tolerance
from export.runtime.manifest import (
    CLASSIFIER,
    DECODER,
    ENCODER,
    GENERATOR,
    PRIOR_STEP,
    SAMPLER,
)
from export.runtime.session import Session


def main(workspace):
    """Converts what workspace/request.json asks for."""
    request = json.loads((workspace / "request.json").read_text(encoding="utf-8"))
    # One thread: sums in one order, so that measured errors repeat.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        result = _convert(workspace, request)
    except (ExportError, RuntimeModelError) as error:
        result = {"error": str(error)}
    (workspace / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _convert(workspace, request):
    """What was measured of each file: {name: dict}."""
    keras.saving.get_custom_objects().update(classes.find(request["classes"]))
    model = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
    if getattr(getattr(model, "prior", None), "made_of_posteriors", False):
        # What the encoder makes of it now: files of numbers need no encoder for it.
        model.prior = model.make_prior().map_tensors(keras.Variable)
    subject = Subject.of(model, request["detector"])
    description = metadata.describe(subject, request["preset_name"])
    graphs = Graphs(subject, description, request["opset"], request["quantize"])
    what = request["what"]
    names = _names(subject) if what == "folder" else [f"{what}.onnx"]
    return {
        name: _convert_one(subject, workspace / "out" / name, graphs) for name in names
    }


def _names(subject):
    """The files that a folder of a model holds."""
    model = subject.model
    has = {
        DECODER: subject.group is not None,
        ENCODER: bool(subject.posterior_statistics()),
        SAMPLER: model.can_sample,
        PRIOR_STEP: subject.has_codes and subject.record is not None,
        GENERATOR: model.can_sample,
        CLASSIFIER: can_classify(model),
    }
    return [name for name, wanted in has.items() if wanted]


def _convert_one(subject, path, graphs):
    """Writes one file; returns what was measured of it."""
    kind = path.name.removesuffix(".onnx")
    entries = {
        **graphs.description,
        **metadata.of_kind(subject, kind),
        "kind": kind,
        "quantize": graphs.quantize,
        "max_abs_error": 0.0,
        "extreme_error": 0.0,
        "golden": {},
    }

    def measure(proto):
        path.write_bytes(metadata.stamp(proto, entries))
        return compare.largest_errors(Session(path, kind), kind, subject)

    proto, entries["opset"], further = graphs.of(kind)
    if graphs.quantize == "int8":
        proto = choose_kept(graphs, kind, measure)
        if kept := kept_weights(proto, graphs.kept):
            entries["kept"] = {n: metadata.round_up(e) for n, e in kept.items()}
    operators = graph.check(proto, further)
    if proto.ByteSize() > MAX_FILE_BYTES - 2**20:
        raise ExportError(
            f"{path.name} would be {proto.ByteSize() / 2**20:.0f} MB; "
            f"{MAX_FILE_BYTES // 2**20} MB is the most that the runtime loads."
        )
    # Measured on the file itself, which is then written again with the results.
    errors = measure(proto)
    if not np.isfinite([*errors.values()]).all():
        raise ExportError(
            f"{path.name} would give NaN or infinite values: check its model."
        )
    entries["max_abs_error"] = metadata.round_up(errors["ordinary"])
    entries["extreme_error"] = metadata.round_up(errors["extreme"])
    feeds, outputs = compare.golden(Session(path, kind), kind, subject)
    tolerance = replay_tolerance(kind, graphs.description, outputs)
    entries["golden"] = make_golden(feeds, outputs, tolerance)
    data = metadata.stamp(proto, entries)
    path.write_bytes(data)
    measured = ("opset", "max_abs_error", "extreme_error", "golden")
    return {
        "description": graphs.description,
        "inputs": _values(proto.graph.input),
        "outputs": _values(proto.graph.output),
        "errors": errors,
        **{key: entries[key] for key in measured},
        "kept": entries.get("kept", {}),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "operators": operators,
    }


def _values(values):
    """{name: dtype and shape} of a graph's inputs or outputs."""
    answer = {}
    for value in values:
        tensor = value.type.tensor_type
        answer[value.name] = {
            "dtype": onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name,
            "shape": [d.dim_param or d.dim_value for d in tensor.shape.dim],
        }
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
