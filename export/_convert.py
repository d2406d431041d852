"""Conversion itself: `python -m export._convert <workspace>`, started by `_child`.

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
from export import _compare, _graph, _metadata, _probes
from export._float32 import in_float32
from export._lean import fix_shapes
from export._quantize import quantize_weights
from export.errors import ExportError, RuntimeModelError
from export.runtime.files import MAX_FILE_BYTES
from export.runtime.golden import make_golden
from export.runtime.manifest import DECODER
from export.runtime.session import Session


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
        description = _metadata.describe(model, request["preset_name"])
        result = {
            name: _convert_one(model, workspace / "out" / name, description, request)
            for name in request["names"]
        }
    except (ExportError, RuntimeModelError) as error:
        result = {"error": str(error)}
    (workspace / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _convert_one(model, path, description, request):
    """Writes one file; returns what was measured of it."""
    name = path.name
    proto = _graph_of(model, name, request["opset"])
    operators = _graph.check(proto)
    if request["quantize"]:
        quantize_weights(proto, request["quantize"])
        operators = _graph.check(proto)
    if proto.ByteSize() > MAX_FILE_BYTES - 2**20:
        raise ExportError(
            f"{name} would be {proto.ByteSize() / 2**20:.0f} MB; "
            f"{MAX_FILE_BYTES // 2**20} MB is the most that the runtime loads."
        )
    entries = {
        **description,
        "kind": name.removesuffix(".onnx"),
        "opset": request["opset"],
        "quantize": request["quantize"],
        "max_abs_error": 0.0,
        "extreme_error": 0.0,
        "golden": {},
    }
    # Measured on the file itself, which is then written again with the results.
    path.write_bytes(_metadata.stamp(proto, entries))
    session = Session(
        path, entries["kind"], (_compare.INPUTS[name],), _compare.OUTPUTS[name]
    )
    function = _compare.functions(model)[name]
    errors = _compare.largest_errors(session, function, _compare.probes(model, name))
    if not np.isfinite([*errors.values()]).all():
        raise ExportError(f"{name} would give NaN or infinite values: check its model.")
    entries["max_abs_error"] = _metadata.round_up(errors["ordinary"])
    entries["extreme_error"] = _metadata.round_up(errors["extreme"])
    entries["golden"] = _golden(model, session, name)
    data = _metadata.stamp(proto, entries)
    path.write_bytes(data)
    return {
        "description": description,
        "inputs": _values(proto.graph.input),
        "outputs": _values(proto.graph.output),
        "errors": errors,
        **{key: entries[key] for key in ("max_abs_error", "extreme_error", "golden")},
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "operators": operators,
    }


def _graph_of(model, name, opset):
    """A tidied ModelProto of the decoder or the encoder."""
    if name == DECODER:
        shape = (model.latent_dim,)
        outputs = {"image": model.image_shape}

        def function(z):
            return {"image": model.decode(z)}

    else:
        shape = model.image_shape
        outputs = {"mean": (model.latent_dim,), "log_var": (model.latent_dim,)}

        def function(image):
            # `model.encode` without its checks of values, which a graph cannot make.
            q = model.make_posterior(model.encode_parameters(image))
            return {"mean": q.mean, "log_var": q.log_var}

    input_name = _compare.INPUTS[name]
    signature = [tf.TensorSpec((None, *shape), tf.float32, name=input_name)]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(function), input_signature=signature, opset=opset
    )
    fix_shapes(proto)
    return _graph.tidy(proto, input_name, outputs, opset)


def _golden(model, session, name):
    """Golden vectors: what onnxruntime gave for this file when it was made."""
    z = _probes.golden_latents(model.image_shape, model.latent_dim)
    if name == DECODER:
        feeds = {"z": z}
    else:
        feeds = {"image": _compare.functions(model)[DECODER](z)["image"]}
    return make_golden(feeds, session.run(feeds))


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
