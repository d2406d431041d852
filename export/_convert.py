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
from export import _compare, _graph, _metadata, _noise, _probes
from export._float32 import in_float32
from export._lean import fix_shapes
from export._quantize import quantize_weights
from export.errors import ExportError, RuntimeModelError
from export.runtime.files import MAX_FILE_BYTES
from export.runtime.golden import make_golden
from export.runtime.session import Session
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    SAMPLER_KIND,
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
    kind = path.name.removesuffix(".onnx")
    opset = request["opset"]
    further = frozenset()
    if kind == SAMPLER_KIND:
        opset, further = max(opset, _noise.OPSET), _noise.OPERATORS
    proto = _converted(model, kind, description, opset)
    if request["quantize"]:
        _graph.check(proto)
        quantize_weights(proto, request["quantize"])
    if kind == SAMPLER_KIND:
        _noise.prepend(proto, model.latent_dim)
        proto = _graph.tidy(proto, *signature(kind, description), opset)
    operators = _graph.check(proto, further)
    if proto.ByteSize() > MAX_FILE_BYTES - 2**20:
        raise ExportError(
            f"{path.name} would be {proto.ByteSize() / 2**20:.0f} MB; "
            f"{MAX_FILE_BYTES // 2**20} MB is the most that the runtime loads."
        )
    entries = {
        **description,
        **_metadata.of_kind(model, kind),
        "kind": kind,
        "opset": opset,
        "quantize": request["quantize"],
        "max_abs_error": 0.0,
        "extreme_error": 0.0,
        "golden": {},
    }
    # Measured on the file itself, which is then written again with the results.
    path.write_bytes(_metadata.stamp(proto, entries))
    session = Session(path, kind)
    errors = _compare.largest_errors(session, kind, model)
    if not np.isfinite([*errors.values()]).all():
        raise ExportError(
            f"{path.name} would give NaN or infinite values: check its model."
        )
    entries["max_abs_error"] = _metadata.round_up(errors["ordinary"])
    entries["extreme_error"] = _metadata.round_up(errors["extreme"])
    entries["golden"] = _golden(model, session, kind)
    data = _metadata.stamp(proto, entries)
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


def _converted(model, kind, description, opset):
    """A tidied ModelProto of one of the model's functions.

    That of a sampler still begins with an input `noise`.
    """
    inputs, outputs = signature(kind, description)
    if kind == SAMPLER_KIND:
        noise = _noise.noise_value(model.latent_dim)
        labels = labels_signature(noise.shape[0], description)
        inputs = {_noise.NOISE: noise, **labels}
    specs = [
        tf.TensorSpec((None, *value.row_shape), value.dtype, name=name)
        for name, value in inputs.items()
    ]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(_function(model, kind)), input_signature=specs, opset=opset
    )
    fix_shapes(proto)
    return _graph.tidy(proto, inputs, outputs, opset)


def _function(model, kind):
    """A function of tensors: the model's own without its checks of values, which a
    graph cannot make.
    """

    def decode(z, labels=None):
        return {"image": model.expected_images(z, labels)}

    def encode(image, labels=None):
        q = model.make_posterior(model.encode_parameters(image, labels))
        return {"mean": q.mean, "log_var": q.log_var}

    def sample(noise, labels=None):
        z = model.make_prior(labels).from_noise(noise)
        return {"image": model.expected_images(z, labels), "z": z}

    return {DECODER_KIND: decode, ENCODER_KIND: encode, SAMPLER_KIND: sample}[kind]


def _golden(model, session, kind):
    """Golden vectors: what onnxruntime gave for this file when it was made."""
    feeds = _probes.golden_latents(model)
    if kind == ENCODER_KIND:
        z = feeds.pop("z")
        decoded = _compare.function(DECODER_KIND, model)(z=z, **feeds)
        feeds = {"image": decoded["image"], **feeds}
    elif kind == SAMPLER_KIND:
        feeds = _probes.golden_draw(model)
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
