"""The last check: onnxruntime against the caller's own model, on its own backend."""

import contextlib
import os

from export.check import compare_codes, probes
from export.convert.float32 import in_float32
from export.errors import ExportError
from export.runtime.golden import max_error
from export.runtime.session import Session
from export.runtime.signature import DECODER_KIND, ENCODER_KIND, SAMPLER_KIND


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


def largest_errors(session, kind, model):
    """Largest errors of a file against a model.

    Returns:
        {"ordinary": error, "extreme": error} on the two kinds of probes; of a sampler
        {"latents": error} on both, of vectors of its output `z`, and of files that give
        codes what `compare_codes` measures.

    Raises:
        ExportError: if the file gives pixels outside [0, 1].
    """
    compare = _comparison(kind, model)
    errors = {}
    for extent, all_feeds in probes.probes(kind, model).items():
        errors[extent] = 0.0
        for feeds in all_feeds:
            got = session.run(feeds)
            _check_pixels(got.get("image"))
            for about, error in compare(feeds, got).items():
                about = extent if about == "values" else about
                errors[about] = max(errors.get(about, 0.0), error)
    return errors


def golden(session, kind, model):
    """Golden vectors: inputs, and what onnxruntime gave for them."""
    feeds = probes.golden(kind, model)
    if kind == ENCODER_KIND:
        decoded = model.decode(**probes.golden(DECODER_KIND, model))
        feeds = {"image": _numpy(decoded), **feeds}
    elif kind == SAMPLER_KIND and probes.has_codes(model):
        return compare_codes.golden_draw(session, model, feeds)
    return feeds, session.run(feeds)


def _comparison(kind, model):
    """A function of a file's inputs and outputs: {about: error}."""
    if probes.has_codes(model):
        return compare_codes.comparison(kind, model)
    expected = _vectors(kind, model)

    def compare(feeds, got):
        errors = {"values": 0.0}
        for name, value in expected(**feeds).items():
            about = "latents" if name == "z" else "values"
            error = max_error(got[name], _numpy(value))
            errors[about] = max(errors.get(about, 0.0), error)
        return errors

    return compare


def _vectors(kind, model):
    """What a file of this kind must do, for a model with latent vectors.

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

    return {DECODER_KIND: decode, ENCODER_KIND: encode, SAMPLER_KIND: sample}[kind]


def _numpy(tensor):
    from keras import ops

    return ops.convert_to_numpy(tensor)


def _check_pixels(image):
    if image is not None and not (image.min() >= 0 and image.max() <= 1):
        raise ExportError(
            f"The decoder gives pixels from {image.min():g} to {image.max():g}; all of "
            "them must be numbers in [0, 1]."
        )


def _reference(model, workspace):
    import keras

    import zoo

    feeds = probes.golden(DECODER_KIND, model)
    # The device's name: "cpu", "TFRT_CPU_0", "/job:localhost/.../device:CPU:0".
    device = getattr(model.decode(**feeds), "device", "cpu")
    if "cpu" in str(device).lower() and in_float32(model) is model:
        return model, contextlib.nullcontext()
    # JAX wants a number; PyTorch takes a weight moved to "cpu:0" for a copy.
    cpu = "cpu" if keras.backend.backend() == "torch" else "cpu:0"
    with keras.device(cpu):
        copy = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
    return copy, keras.device(cpu)
