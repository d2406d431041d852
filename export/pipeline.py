"""What both exports do between the first check and the final rename."""

import hashlib
import json
import warnings

from export import priors
from export.check import compare
from export.convert import classes, process
from export.errors import ExportError
from export.options import (
    DIFFERING_CODES_TOLERANCES,
    EXTREME_TOLERANCES,
    tolerance_of,
)
from export.readme import readme
from export.report import ExportReport, ModelReport
from export.runtime.golden import posteriors_in_turn
from export.runtime.manifest import DECODER, MANIFEST, MANIFEST_FORMAT, stamped

# What `latent_error` reports; a file has one of them at most.
_LATENT = ("latents", "differing_codes")


def decoder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with decoder.onnx: its `ExportReport`."""
    entries = _convert(model, workspace, False, opset, quantize, verify)
    return _report(entries[DECODER], path, quantize)


def folder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with all files of a folder: its `ModelReport`."""
    entries = _convert(model, workspace, True, opset, quantize, verify)
    files = {
        name: _report(entry, path / name, quantize, _in_turn(name, entry))
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


def _convert(model, workspace, whole, opset, quantize, verify):
    """Converts one decoder, or all files of a folder: {name: what was measured}."""
    process.check_packages()
    for attribute in ("save_to_preset", "latents", "expected_images"):
        if not hasattr(model, attribute):
            raise TypeError(
                "`model` must be a built zoo model, such as zoo.from_preset(...); got "
                f"{type(model).__name__}."
            )
    several = len(model.latents) > 1 and getattr(model, "latent_row", None) is None
    if not whole and several:
        raise ExportError(
            f"{type(model).__name__} has {len(model.latents)} groups of latents, and "
            "no decoder of one: use export_model, whose generator.onnx draws them all."
        )
    if remark := model.remark_on_prior:
        warnings.warn(remark, stacklevel=4)
    with warnings.catch_warnings():
        # The process that converts is told where their classes are.
        warnings.filterwarnings("ignore", "Others will not load this preset")
        model.save_to_preset(str(workspace / "preset"))
    request = {
        "folder": whole,
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
            found = compare.with_model(model, record, workspace, list(entries))
        for name, entry in entries.items():
            errors, own = entry["errors"], found[name]
            errors.update({about: max(errors[about], own[about]) for about in errors})
            in_turn = _in_turn(name, entry)
            check(name, errors, quantize, record or priors.PriorRecord, in_turn)
    return entries


def _in_turn(name, entry):
    return posteriors_in_turn(name.removesuffix(".onnx"), entry["description"])


def check(name, errors, quantize, record=priors.PriorRecord, in_turn=1):
    """Raises ExportError if a file differs from its model by more than is allowed.

    Args:
        name: of the file.
        errors: as `check.compare.largest_errors` returns them.
        quantize: how the weights are stored.
        record: of the model's prior.
        in_turn: see `posteriors_in_turn`.
    """
    allowed = {
        "ordinary": (tolerance_of(quantize, in_turn), "on ordinary inputs"),
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


def _report(entry, path, quantize, in_turn=1):
    return ExportReport(
        path=str(path),
        max_abs_error=entry["errors"]["ordinary"],
        extreme_error=entry["errors"]["extreme"],
        latent_error=next(
            (error for about, error in entry["errors"].items() if about in _LATENT),
            None,
        ),
        tolerance=tolerance_of(quantize, in_turn),
        bytes=entry["bytes"],
        sha256=entry["sha256"],
        quantize=quantize,
        kept=entry["kept"],
        opset=entry["opset"],
        operators=entry["operators"],
    )
