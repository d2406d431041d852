"""What both exports do between the first check and the final rename."""

import hashlib
import json

from export import _child, _compare
from export._readme import readme
from export.errors import ExportError
from export.options import EXTREME_TOLERANCES, TOLERANCES
from export.report import ExportReport, ModelReport
from export.runtime.manifest import DECODER, ENCODER, MANIFEST, MANIFEST_FORMAT


def decoder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with decoder.onnx: its `ExportReport`."""
    entries = _convert(model, workspace, [DECODER], opset, quantize, verify)
    return _report(entries[DECODER], path, opset, quantize)


def folder(model, workspace, path, opset, quantize, verify):
    """Fills workspace/out with all files of a folder: its `ModelReport`."""
    names = [DECODER, ENCODER]
    entries = _convert(model, workspace, names, opset, quantize, verify)
    files = {
        name: _report(entries[name], path / name, opset, quantize) for name in names
    }
    manifest = {
        "format": MANIFEST_FORMAT,
        **entries[DECODER]["description"],
        "files": {
            name: {
                "sha256": files[name].sha256,
                "bytes": files[name].bytes,
                "inputs": entries[name]["inputs"],
                "outputs": entries[name]["outputs"],
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
    _child.check_packages()
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
    entries = _child.convert(workspace, request)
    if verify:
        for name in names:
            errors = entries[name]["errors"]
            own = _compare.with_model(model, workspace, name)
            errors.update({kind: max(errors[kind], own[kind]) for kind in errors})
            _check(name, errors, quantize)
    return entries


def _check(name, errors, quantize):
    allowed = {
        "ordinary": TOLERANCES[quantize],
        "extreme": EXTREME_TOLERANCES[quantize],
    }
    for kind, error in errors.items():
        if not error <= allowed[kind]:
            raise ExportError(
                f"{name} differs from the Keras model by {error:.2g} on {kind} inputs, "
                f"more than the {allowed[kind]:g} that quantize={quantize!r} allows; "
                "no file was written."
            )


def _report(entry, path, opset, quantize):
    return ExportReport(
        path=str(path),
        max_abs_error=entry["errors"]["ordinary"],
        extreme_error=entry["errors"]["extreme"],
        tolerance=TOLERANCES[quantize],
        bytes=entry["bytes"],
        sha256=entry["sha256"],
        quantize=quantize,
        opset=opset,
        operators=entry["operators"],
    )
