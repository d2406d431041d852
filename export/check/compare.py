"""The last check: onnxruntime against the caller's own model, on its own backend."""

import contextlib
import os

import numpy as np

from export.check import compare_codes, compare_tokens, generated, probes
from export.check.subject import Subject, is_of_texts
from export.convert.float32 import in_float32
from export.errors import ExportError
from export.runtime.golden import max_error, score_sizes
from export.runtime.session import Session
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    OF_IMAGES_ALONE,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
    SCORER_KIND,
)


def with_model(model, record, workspace, names, detector=None):
    """Largest errors of workspace/out/<name> against a model: {name: errors}.

    The model computes in float32 on the CPU for this, or a copy of it does: lower
    precision and graphics cards round differently by far more than the tolerance.

    Args:
        model: the caller's own.
        record: of its prior, or None, as it was found when the files were made.
        workspace: the folder of the export.
        names: of the files.
        detector: as in `Subject`.
    """
    reference, scope = _reference(model, workspace)
    with scope:
        subject = Subject(reference, record, detector)
        answer = {}
        for name in names:
            kind = name.removesuffix(".onnx")
            session = Session(workspace / "out" / name, kind)
            answer[name] = largest_errors(session, kind, subject)
    return answer


def largest_errors(session, kind, subject):
    """Largest errors of a file against a model.

    Args:
        session: the file's `Session`.
        kind: of file.
        subject: a `Subject`.

    Returns:
        {"ordinary": error, "extreme": error} on the two kinds of probes, of texts as
        `compare_tokens` measures it; of a sampler of one group {"latents": error} on
        both, as `generated` or, of codes, `compare_codes` measures it; of an encoder
        of codes {"differing_codes": share of codes that are not the model's}.

    Raises:
        ExportError: if the file gives pixels outside [0, 1].
    """
    all_feeds = probes.probes(kind, subject)
    compare = _comparison(kind, subject, sum(all_feeds.values(), []))
    errors = {}
    for extent, some_feeds in all_feeds.items():
        errors[extent] = 0.0
        for feeds in some_feeds:
            got = session.run(feeds)
            _check_pixels(got.get("image"))
            for about, error in compare(feeds, got).items():
                about = extent if about == "values" else about
                errors[about] = max(errors.get(about, 0.0), error)
    return errors


def golden(session, kind, subject):
    """Golden vectors: inputs, and what onnxruntime gave for them."""
    of_texts = is_of_texts(subject.model)
    if of_texts and kind != ENCODER_KIND:
        return compare_tokens.golden(session, kind, subject)
    feeds = probes.golden(kind, subject)
    if kind in (ENCODER_KIND, *OF_IMAGES_ALONE) and not of_texts:
        feeds = {"image": _golden_images(subject), **feeds}
    elif kind == GENERATOR_KIND:
        return generated.golden(session, feeds)
    elif kind == SAMPLER_KIND and subject.has_codes and subject.record is not None:
        return compare_codes.golden_draw(session, subject.model, feeds)
    outputs = session.run(feeds)
    outputs.pop("decision", None)  # the score less a number: it may be next to 0
    return feeds, outputs


def _golden_images(subject):
    model = subject.model
    if subject.group is None:
        feeds = probes.golden(GENERATOR_KIND, subject)
        return _numpy(model.generate(**_tensors(feeds)))
    feeds = _tensors(probes.golden(DECODER_KIND, subject))
    return _numpy(model.expected_images(*feeds.values()))


def _comparison(kind, subject, all_feeds):
    """A function of a file's inputs and outputs: {about: error}."""
    model = subject.model
    if is_of_texts(model) and kind != ENCODER_KIND:
        return compare_tokens.comparison(subject, all_feeds)
    if kind == PRIOR_STEP_KIND:
        return compare_codes.step_comparison(model)
    if kind == SAMPLER_KIND and subject.has_codes and subject.record is not None:
        return compare_codes.draw_comparison(model)
    if kind in (GENERATOR_KIND, SAMPLER_KIND):
        return generated.comparison(subject, all_feeds)
    # Not before it is known what is installed.
    from export.convert import functions

    if kind == SCORER_KIND:
        return _scorer_comparison(functions.scorer(model, subject.detector))
    compute = functions.of(model)[kind]

    def compare(feeds, got):
        expected = compute(*_tensors(feeds).values())
        errors = {"values": 0.0}
        for name, value in expected.items():
            value = _numpy(value)
            if np.issubdtype(value.dtype, np.integer):
                errors["differing_codes"] = float(np.mean(got[name] != value))
            else:
                errors["values"] = max(errors["values"], max_error(got[name], value))
        return errors

    return compare


def _scorer_comparison(compute):
    """As `_comparison`, of scores: errors are shares of what a score is made of.

    A difference of large numbers may be next to 0, and differs as they do.
    """

    def compare(feeds, got):
        expected = {name: _numpy(t) for name, t in compute(**_tensors(feeds)).items()}
        size = score_sizes(expected)
        errors = [max_error(got["heat_map"], expected["heat_map"])]
        for name in ("score", "decision"):
            errors.append(max_error(got[name] / size, expected[name] / size))
        return {"values": max(errors)}

    return compare


def _tensors(feeds):
    from keras import ops

    return {name: ops.convert_to_tensor(array) for name, array in feeds.items()}


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

    # The device's name: "cpu", "TFRT_CPU_0", "/job:localhost/.../device:CPU:0".
    weights = [getattr(weight, "value", None) for weight in model.weights[:1]]
    device = getattr(weights[0], "device", "cpu") if weights else "cpu"
    if "cpu" in str(device).lower() and in_float32(model) is model:
        return model, contextlib.nullcontext()
    # JAX wants a number; PyTorch takes a weight moved to "cpu:0" for a copy.
    cpu = "cpu" if keras.backend.backend() == "torch" else "cpu:0"
    with keras.device(cpu):
        copy = in_float32(zoo.from_preset(os.fspath(workspace / "preset")))
    return copy, keras.device(cpu)
