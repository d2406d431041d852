"""What both exports do between the first check and the final rename."""

import hashlib
import json

from export import priors
from export.check import compare
from export.convert import process
from export.errors import ExportError
from export.options import DIFFERING_CODES_TOLERANCES, EXTREME_TOLERANCES, TOLERANCES
from export.readme import readme
from export.report import ExportReport, ModelReport
from export.runtime.manifest import (
    DECODER,
    ENCODER,
    MANIFEST,
    MANIFEST_FORMAT,
    PRIOR_STEP,
    SAMPLER,
)

# What `latent_error` reports; a file has one of them at most.
_LATENT = ("latents", "differing_codes")


def decoder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with decoder.onnx: its `ExportReport`."""
    entries = _convert(model, workspace, [DECODER], opset, quantize, verify)
    return _report(entries[DECODER], path, quantize)


def folder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with all files of a folder: its `ModelReport`."""
    names = [DECODER, ENCODER]
    record = priors.of_prior(getattr(model, "prior", None))
    if record is not None:
        names.append(SAMPLER)
    if record is priors.codes.RECORD:
        names.append(PRIOR_STEP)
    entries = _convert(model, workspace, names, opset, quantize, verify)
    files = {name: _report(entries[name], path / name, quantize) for name in names}
    manifest = {
        "format": MANIFEST_FORMAT,
        **entries[DECODER]["description"],
        "files": {
            name: {
                "sha256": files[name].sha256,
                "bytes": files[name].bytes,
                "inputs": entries[name]["inputs"],
                "outputs": entries[name]["outputs"],
                "opset": entries[name]["opset"],
                "max_abs_error": entries[name]["max_abs_error"],
                "extreme_error": entries[name]["extreme_error"],
                "golden": entries[name]["golden"],
            }
            for name in names
        },
    }
    text = json.dumps(manifest, indent=1) + "\n"
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


def _convert(model, workspace, names, opset, quantize, verify):
    process.check_packages()
    for method in ("save_to_preset", "decode", "encode"):
        if not callable(getattr(model, method, None)):
            raise TypeError(
                "`model` must be a built zoo model, such as zoo.from_preset(...); got "
                f"{type(model).__name__}."
            )
    module = type(model).__module__
    if module == "__main__":
        raise ExportError(
            f"{type(model).__name__} is defined in the script that runs, which the "
            "fresh process that converts cannot import: move it to a module."
        )
    model.save_to_preset(str(workspace / "preset"))
    request = {
        "names": names,
        "opset": opset,
        "quantize": quantize,
        "preset_name": getattr(model, "preset_name", None),
        "module": module,
    }
    entries = process.convert(workspace, request)
    if verify:
        for name in names:
            errors = entries[name]["errors"]
            own = compare.with_model(model, workspace, name)
            errors.update({kind: max(errors[kind], own[kind]) for kind in errors})
            record = priors.of_prior(model.prior) or priors.PriorRecord
            check(name, errors, quantize, record)
    return entries


def check(name, errors, quantize, record=priors.PriorRecord):
    """Raises ExportError if a file differs from its model by more than is allowed.

    Args:
        name: of the file.
        errors: as `check.compare.largest_errors` returns them.
        quantize: how the weights are stored.
        record: of the model's prior.
    """
    allowed = {
        "ordinary": (TOLERANCES[quantize], "on ordinary inputs"),
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


def _report(entry, path, quantize):
    return ExportReport(
        path=str(path),
        max_abs_error=entry["errors"]["ordinary"],
        extreme_error=entry["errors"]["extreme"],
        latent_error=next(
            (error for about, error in entry["errors"].items() if about in _LATENT),
            None,
        ),
        tolerance=TOLERANCES[quantize],
        bytes=entry["bytes"],
        sha256=entry["sha256"],
        quantize=quantize,
        opset=entry["opset"],
        operators=entry["operators"],
    )
