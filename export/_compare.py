"""The last check: onnxruntime against the caller's own model, on its own backend."""

import contextlib
import os

from export import _probes
from export._float32 import in_float32
from export.errors import ExportError
from export.runtime.golden import max_error
from export.runtime.session import Session


def with_model(model, workspace, name):
    """Largest errors of workspace/out/<name> against a model, as `largest_errors`.

    The model computes in float32 on the CPU for this, or a copy of it does: lower
    precision and graphics cards round differently by far more than the tolerance.
    """
    kind = name.removesuffix(".onnx")
    reference, scope = _reference(model, workspace)
    with scope:
        session = Session(workspace / "out" / name, kind)
        return largest_errors(session, kind, reference)


def function(kind, model):
    """What a file of this kind must do: keyword arrays to {output name: numpy array}.

    A sampler's noise comes from `model.prior.draw`, the NumPy form of what its graph
    computes.
    """
    from keras import ops

    def decode(z, labels=None):
        return {"image": model.decode(z, labels)}

    def encode(image, labels=None):
        q = model.encode(image, labels)
        return {"mean": q.mean, "log_var": q.log_var}

    def sample(seed, num_samples, temperature, labels=None):
        noise = model.prior.draw(
            int(seed), int(num_samples), model.latent_dim, float(temperature)
        )
        z = model.make_prior(labels).from_noise(ops.convert_to_tensor(noise))
        return {"image": model.decode(z, labels), "z": z}

    chosen = {"decoder": decode, "encoder": encode, "sampler": sample}[kind]

    def to_numpy(**feeds):
        outputs = chosen(**feeds)
        return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}

    return to_numpy


def largest_errors(session, kind, model):
    """Largest errors of a file against a model.

    Returns:
        {"ordinary": error, "extreme": error} on the two kinds of probes, and of a
        sampler {"latents": error} of its output `z` on both.

    Raises:
        ExportError: if the file gives pixels outside [0, 1].
    """
    expected = function(kind, model)
    errors = {}
    for extent, probes in _probes.probes(kind, model).items():
        errors[extent] = 0.0
        for feeds in probes:
            for name, error in _errors(session.run(feeds), expected(**feeds)).items():
                about = "latents" if name == "z" else extent
                errors[about] = max(errors.get(about, 0.0), error)
    return errors


def _errors(got, expected):
    image = got.get("image")
    if image is not None and not (image.min() >= 0 and image.max() <= 1):
        raise ExportError(
            f"The decoder gives pixels from {image.min():g} to {image.max():g}; all of "
            "them must be numbers in [0, 1]."
        )
    return {name: max_error(got[name], array) for name, array in expected.items()}


def _reference(model, workspace):
    import keras

    import zoo

    feeds = _probes.golden_latents(model)
    # The device's name: "cpu", "TFRT_CPU_0", "/job:localhost/.../device:CPU:0".
    device = getattr(model.decode(**feeds), "device", "cpu")
    if "cpu" in str(device).lower() and in_float32(model) is model:
        return model, contextlib.nullcontext()
    # JAX wants a number; PyTorch takes a weight moved to "cpu:0" for a copy.
    cpu = "cpu" if keras.backend.backend() == "torch" else "cpu:0"
    with keras.device(cpu):
        copy = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
    return copy, keras.device(cpu)
