"""The last check: onnxruntime against the caller's own model, on its own backend."""

import contextlib
import os

from export import _probes
from export._float32 import in_float32
from export.errors import ExportError
from export.runtime.golden import max_error
from export.runtime.manifest import DECODER
from export.runtime.session import Session

INPUTS = {"decoder.onnx": "z", "encoder.onnx": "image"}
OUTPUTS = {"decoder.onnx": ("image",), "encoder.onnx": ("mean", "log_var")}


def with_model(model, workspace, name):
    """Largest errors of workspace/out/<name> against a model: {kind of probe: error}.

    The model computes in float32 on the CPU for this, or a copy of it does: lower
    precision and graphics cards round differently by far more than the tolerance.
    """
    reference, scope = _reference(model, workspace)
    with scope:
        return largest_errors(
            Session(
                workspace / "out" / name,
                name.removesuffix(".onnx"),
                (INPUTS[name],),
                OUTPUTS[name],
            ),
            functions(reference)[name],
            probes(reference, name),
        )


def probes(model, name):
    """The inputs to compare one file on: {kind: list of arrays}."""
    if name == DECODER:
        return _probes.latents(model.latent_dim)
    return _probes.images(model.image_shape)


def functions(model):
    """{file name: function from a numpy batch to {output name: numpy array}}."""
    from keras import ops

    def decode(z):
        return {"image": ops.convert_to_numpy(model.decode(z))}

    def encode(images):
        q = model.encode(images)
        return {
            "mean": ops.convert_to_numpy(q.mean),
            "log_var": ops.convert_to_numpy(q.log_var),
        }

    return {"decoder.onnx": decode, "encoder.onnx": encode}


def largest_errors(session, function, probes):
    """Largest errors of a session against `function`: {kind of probe: error}.

    Raises:
        ExportError: if the file gives pixels outside [0, 1].
    """
    return {
        kind: max(_error(session, function, batch) for batch in batches)
        for kind, batches in probes.items()
    }


def _error(session, function, batch):
    (name,) = session.input_names
    expected, got = function(batch), session.run({name: batch})
    image = got.get("image")
    if image is not None and not (image.min() >= 0 and image.max() <= 1):
        raise ExportError(
            f"The decoder gives pixels from {image.min():g} to {image.max():g}; all of "
            "them must be numbers in [0, 1]."
        )
    return max(max_error(got[key], array) for key, array in expected.items())


def _reference(model, workspace):
    import keras

    import zoo

    (z, *_) = _probes.latents(model.latent_dim)["ordinary"]
    # The device's name: "cpu", "TFRT_CPU_0", "/job:localhost/.../device:CPU:0".
    device = getattr(model.decode(z), "device", "cpu")
    if "cpu" in str(device).lower() and in_float32(model) is model:
        return model, contextlib.nullcontext()
    # JAX wants a number; PyTorch takes a weight moved to "cpu:0" for a copy.
    cpu = "cpu" if keras.backend.backend() == "torch" else "cpu:0"
    with keras.device(cpu):
        copy = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
    return copy, keras.device(cpu)
