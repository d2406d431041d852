"""What both exports do between the first check and the final rename."""

import hashlib
import json
import warnings

from export import priors
from export.check import compare
from export.check.subject import can_classify, is_of_texts
from export.convert import classes, process
from export.errors import ExportError
from export.options import (
    DIFFERING_CODES_TOLERANCES,
    EXTREME_TOLERANCES,
    tolerance_of,
)
from export.readme import readme
from export.report import ExportReport, ModelReport
from export.runtime.golden import SCORES_REPLAY_TOLERANCE, posteriors_in_turn
from export.runtime.manifest import (
    CLASSIFIER,
    DECODER,
    MANIFEST,
    MANIFEST_FORMAT,
    SCORER,
    stamped,
)

# What `latent_error` reports; a file has one of them at most.
_LATENT = ("latents", "differing_codes")


def decoder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with decoder.onnx: its `ExportReport`."""
    entries = _convert(model, workspace, "decoder", opset, quantize, verify)
    return _report(DECODER, entries[DECODER], path, quantize)


def scorer(detector, workspace, path, opset, verify):
    """Fills workspace/out with scorer.onnx: its `ExportReport`."""
    _check_detector(detector)
    kept = detector.to_json()
    # Rounded weights would score differently.
    entries = _convert(detector.model, workspace, "scorer", opset, None, verify, kept)
    return _report(SCORER, entries[SCORER], path, None)


def classifier(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with classifier.onnx: its `ExportReport`."""
    entries = _convert(model, workspace, "classifier", opset, quantize, verify)
    return _report(CLASSIFIER, entries[CLASSIFIER], path, quantize)


def folder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with all files of a folder: its `ModelReport`."""
    entries = _convert(model, workspace, "folder", opset, quantize, verify)
    files = {
        name: _report(name, entry, path / name, quantize)
        for name, entry in entries.items()
    }
    description = next(iter(entries.values()))["description"]
    manifest = {
        "format": MANIFEST_FORMAT,
        **description,
        "noise": model.noise._asdict(),
        "quantize": quantize,
        **_source(description),
        "files": {
            name: {
                "sha256": files[name].sha256,
                "bytes": files[name].bytes,
                "inputs": entry["inputs"],
                "outputs": entry["outputs"],
                "opset": entry["opset"],
                "max_abs_error": entry["max_abs_error"],
                "extreme_error": entry["extreme_error"],
                **({"kept": entry["kept"]} if entry["kept"] else {}),
                "golden": entry["golden"],
            }
            for name, entry in entries.items()
        },
    }
    text = json.dumps(stamped(manifest), indent=1) + "\n"
    out = workspace / "out"
    (out / MANIFEST).write_text(text, encoding="utf-8")
    (out / "README.md").write_text(readme(manifest), encoding="utf-8")
    return ModelReport(
        path=str(path),
        max_abs_error=max(report.max_abs_error for report in files.values()),
        bytes=sum(report.bytes for report in files.values()),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        files=files,
    )


def _source(description):
    """Of a shipped preset's own weights: their licence, and the images behind them."""
    from zoo.presets import preset_info

    preset = description.get("preset")
    if preset is None:
        return {}
    data = preset_info(preset)["dataset"]
    source = {"data": data["name"], "data_license": data.get("license")}
    return {"license": "Apache-2.0", **source}


def _check_detector(detector):
    """Refuses what is no detector, not fitted, or fits anew for each image.

    Raises:
        TypeError, ExportError, sklearn.exceptions.NotFittedError: saying which.
    """
    if not hasattr(detector, "score_samples") or not hasattr(detector, "to_json"):
        raise TypeError(
            "`detector` must be a zoo.applications.AnomalyDetector, fitted; got "
            f"{type(detector).__name__}."
        )
    if detector.spec.score == "regret":
        raise ExportError(
            "score='regret' fits a posterior to each image, which no file can do: "
            "export a detector of another score."
        )


def _check_texts(what, quantize):
    """Refuses what is not done for texts.

    Raises:
        ExportError: saying which.
    """
    if quantize:
        raise ExportError(
            f"quantize={quantize!r} is for images: with rounded weights a model of "
            "texts would write others; export it with quantize=None."
        )
    if what == "scorer":
        raise ExportError(
            "A detector of unusual texts cannot be exported yet: scores are of images."
        )


def _convert(model, workspace, what, opset, quantize, verify, detector=None):
    """Converts one file, such as a "decoder", or a "folder".

    Returns:
        {file name: what was measured}.
    """
    process.check_packages()
    for attribute in ("save_to_preset", "latents", "expected_images"):
        if not hasattr(model, attribute):
            raise TypeError(
                "`model` must be a built zoo model, such as zoo.from_preset(...); got "
                f"{type(model).__name__}."
            )
    if is_of_texts(model):
        _check_texts(what, quantize)
    several = len(model.latents) > 1 and getattr(model, "latent_row", None) is None
    if what == "decoder" and several:
        raise ExportError(
            f"{type(model).__name__} has {len(model.latents)} groups of latents, and "
            "no decoder of one: use export_model, whose generator.onnx draws them all."
        )
    if what == "classifier" and not can_classify(model):
        raise TypeError(
            "`model` must have a classifier, as a zoo.SemiSupervisedVAE and a "
            f"zoo.StackedSemiSupervisedVAE have; got {type(model).__name__}."
        )
    if remark := model.remark_on_prior:
        warnings.warn(remark, stacklevel=4)
    with warnings.catch_warnings():
        # The process that converts is told where their classes are.
        warnings.filterwarnings("ignore", "Others will not load this preset")
        model.save_to_preset(str(workspace / "preset"))
    request = {
        "what": what,
        "detector": detector,
        "opset": opset,
        "quantize": quantize,
        "preset_name": getattr(model, "preset_name", None),
        "classes": classes.prepare(workspace / "preset"),
    }
    entries = process.convert(workspace, request)
    if verify:
        import keras

        named = next(iter(entries.values()))["description"].get("latent_prior")
        record = priors.RECORDS.get(named)
        with keras.saving.custom_object_scope(classes.find(request["classes"])):
            found = compare.with_model(
                model, record, workspace, list(entries), detector
            )
        record = record or priors.PriorRecord
        # The file is that of TensorFlow's rounding; another backend's adds to it.
        backends = 1 if keras.backend.backend() == "tensorflow" else 2
        for name, entry in entries.items():
            errors, own = entry["errors"], found[name]
            check(name, errors, quantize, record, entry)
            check(name, own, quantize, record, entry, backends)
            errors.update({about: max(errors[about], own[about]) for about in errors})
            entry["backends"] = backends
    return entries


def _tolerance(name, quantize, entry=None, backends=1):
    """The largest error of a file on ordinary inputs that is allowed."""
    if name == SCORER:
        return SCORES_REPLAY_TOLERANCE
    description = entry["description"] if entry else {}
    in_turn = posteriors_in_turn(name.removesuffix(".onnx"), description)
    return max(tolerance_of(quantize, in_turn), backends * tolerance_of(None, in_turn))


def check(name, errors, quantize, record=priors.PriorRecord, entry=None, backends=1):
    """Raises ExportError if a file differs from its model by more than is allowed.

    Args:
        name: of the file.
        errors: as `check.compare.largest_errors` returns them.
        quantize: how the weights are stored.
        record: of the model's prior.
        entry: what the conversion says of it.
        backends: how many round: 2 where another one than converted it has the model.
    """
    allowed = {
        "ordinary": (_tolerance(name, quantize, entry, backends), "on ordinary inputs"),
        "extreme": (EXTREME_TOLERANCES[quantize], "on extreme inputs"),
        "latents": (record.tolerance, record.latents),
        "differing_codes": (
            DIFFERING_CODES_TOLERANCES[quantize],
            "in the share of codes that are the same",
        ),
    }
    for about, error in errors.items():
        tolerance, where = allowed[about]
        if not error <= tolerance:
            raise ExportError(
                f"{name} differs from the Keras model by {error:.2g} {where}, more "
                f"than the {tolerance:g} that quantize={quantize!r} allows; no file "
                "was written."
            )


def _report(name, entry, path, quantize):
    return ExportReport(
        path=str(path),
        max_abs_error=entry["errors"]["ordinary"],
        extreme_error=entry["errors"]["extreme"],
        latent_error=next(
            (error for about, error in entry["errors"].items() if about in _LATENT),
            None,
        ),
        tolerance=_tolerance(name, quantize, entry, entry.get("backends", 1)),
        bytes=entry["bytes"],
        sha256=entry["sha256"],
        quantize=quantize,
        kept=entry["kept"],
        opset=entry["opset"],
        operators=entry["operators"],
    )
