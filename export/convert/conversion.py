"""Conversion itself: started by `process` in a process of its own.

Runs with Keras on TensorFlow whatever backend the caller uses. Reads request.json and
the preset folder, writes out/*.onnx and result.json.
"""

import hashlib
import importlib
import json
import logging
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

import zoo
from export.check import compare
from export.convert import code_sampler, functions, graph, metadata, noise
from export.convert.float32 import in_float32
from export.convert.lean import fix_shapes
from export.convert.quantize import quantize_weights
from export.errors import ExportError, RuntimeModelError
from export.runtime.files import MAX_FILE_BYTES
from export.runtime.golden import (
    LOGITS_REPLAY_TOLERANCE,
    REPLAY_TOLERANCE,
    make_golden,
)
from export.runtime.session import Session
from export.runtime.signature import (
    DECODER_KIND,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
    has_codes,
    labels_signature,
    signature,
)


def main(workspace):
    """Converts what workspace/request.json asks for."""
    request = json.loads((workspace / "request.json").read_text(encoding="utf-8"))
    # One thread: sums in one order, so that measured errors repeat.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    importlib.import_module(request["module"])  # registers a user's own class
    try:
        model = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
        description = metadata.describe(model, request["preset_name"])
        result = {
            name: _convert_one(model, workspace / "out" / name, description, request)
            for name in request["names"]
        }
    except (ExportError, RuntimeModelError) as error:
        result = {"error": str(error)}
    (workspace / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _convert_one(model, path, description, request):
    """Writes one file; returns what was measured of it."""
    kind = path.name.removesuffix(".onnx")
    proto, opset, further = _graph_of(model, kind, description, request)
    operators = graph.check(proto, further)
    if proto.ByteSize() > MAX_FILE_BYTES - 2**20:
        raise ExportError(
            f"{path.name} would be {proto.ByteSize() / 2**20:.0f} MB; "
            f"{MAX_FILE_BYTES // 2**20} MB is the most that the runtime loads."
        )
    entries = {
        **description,
        **metadata.of_kind(model, kind),
        "kind": kind,
        "opset": opset,
        "quantize": request["quantize"],
        "max_abs_error": 0.0,
        "extreme_error": 0.0,
        "golden": {},
    }
    # Measured on the file itself, which is then written again with the results.
    path.write_bytes(metadata.stamp(proto, entries))
    session = Session(path, kind)
    errors = compare.largest_errors(session, kind, model)
    if not np.isfinite([*errors.values()]).all():
        raise ExportError(
            f"{path.name} would give NaN or infinite values: check its model."
        )
    entries["max_abs_error"] = metadata.round_up(errors["ordinary"])
    entries["extreme_error"] = metadata.round_up(errors["extreme"])
    feeds, outputs = compare.golden(session, kind, model)
    tolerance = LOGITS_REPLAY_TOLERANCE if kind == PRIOR_STEP_KIND else REPLAY_TOLERANCE
    entries["golden"] = make_golden(feeds, outputs, tolerance)
    data = metadata.stamp(proto, entries)
    path.write_bytes(data)
    measured = ("opset", "max_abs_error", "extreme_error", "golden")
    return {
        "description": description,
        "inputs": _values(proto.graph.input),
        "outputs": _values(proto.graph.output),
        "errors": errors,
        **{key: entries[key] for key in measured},
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "operators": operators,
    }


def _graph_of(model, kind, description, request):
    """(ModelProto, its opset, operators it may hold beside the usual ones)."""
    opset, quantize = request["opset"], request["quantize"]
    if kind == SAMPLER_KIND:
        opset = max(opset, noise.OPSET)

    def convert(kind, inputs, outputs, quantize=quantize, exact=()):
        proto = _converted(compute[kind], inputs, outputs, opset)
        if quantize:
            graph.check(proto)
            quantize_weights(proto, quantize, exact)
        return proto

    inputs, outputs = signature(kind, description)
    if not has_codes(description):
        compute = functions.of_vectors(model)
        if kind != SAMPLER_KIND:
            return convert(kind, inputs, outputs), opset, frozenset()
        drawn = noise.noise_value(model.latent_dim)
        labels = labels_signature(drawn.shape[0], description)
        # The prior stays as it is: `z` is the same whatever `quantize` is.
        proto = convert(kind, {noise.NOISE: drawn, **labels}, outputs, exact=("z",))
        noise.prepend(proto, model.latent_dim)
        return graph.tidy(proto, inputs, outputs, opset), opset, noise.OPERATORS

    compute = functions.of_codes(model)
    if kind == SAMPLER_KIND:
        # The prior stays as it is: rounded weights would draw other codes.
        step = convert(kind, *code_sampler.step_signature(description), quantize=None)
        decoder = convert(DECODER_KIND, *signature(DECODER_KIND, description))
        proto = code_sampler.assemble(step, decoder, description, opset)
        return proto, opset, code_sampler.OPERATORS
    if kind == PRIOR_STEP_KIND:
        quantize = None
    return convert(kind, inputs, outputs, quantize), opset, frozenset()


def _converted(function, inputs, outputs, opset):
    """A function of tensors as a tidied ModelProto.

    Args:
        function: takes tensors in the order of `inputs` and returns {name: tensor}.
        inputs, outputs: {name: `signature.Value`}.
        opset: operator set.
    """
    specs = [
        tf.TensorSpec(
            [size if isinstance(size, int) else None for size in value.shape],
            value.dtype,
            name=name,
        )
        for name, value in inputs.items()
    ]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(function), input_signature=specs, opset=opset
    )
    fix_shapes(proto)
    return graph.tidy(proto, inputs, outputs, opset)


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
