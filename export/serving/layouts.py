"""Folders that servers of models read: Triton's, and KServe's around it."""

import json
import os
import re
import shutil
from pathlib import Path

from export.output import check_target, put_in_place, workspace_beside
from export.serving.tensors import dims, served_files

LAYOUTS = ("triton", "kserve")
CONFIG = "config.pbtxt"
# Images of 64 by 64 pixels fit into the caches of a core by so many.
MAX_BATCH, MAX_DELAY_MICROSECONDS = 64, 1000
# Of a folder that was written here, which may be replaced.
_MARK = "vae-zoo_layout.json"

_TRITON = {"float32": "TYPE_FP32", "int32": "TYPE_INT32", "int64": "TYPE_INT64"}
_OPEN_INFERENCE = {"float32": "FP32", "int32": "INT32", "int64": "INT64"}


def write_layout(
    exported: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    layout: str = "triton",
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Lays an exported model out for a server; Keras is not needed.

    "triton" is a model repository of NVIDIA's Triton Inference Server, a model for each
    file: `<name>_<kind>/1/model.onnx` and its config.pbtxt. Where all that a file takes
    and gives has a row for each image, requests of several users are joined
    (dynamic batching, up to 64 rows, a millisecond at most); a file with single numbers
    among its inputs, as `temperature`, is run request by request, and those numbers
    are given as arrays of one.

    "kserve" has that repository in `models/`; `inference_service.yaml` for KServe's
    runtime of Triton, where the address that `models/` is uploaded to is to be filled
    in; and in `metadata/` what the Open Inference Protocol (version 2) answers to
    `GET v2/models/<name>`.

    Args:
        exported: folder that `export_model` wrote, or an ONNX file of this package.
        folder: the folder to make, all or nothing; its parent must exist.
        layout: "triton" or "kserve".
        name: that models' names begin with; else the preset's.
        overwrite: replace a folder that was written here before.

    Returns:
        the names of the models.

    Raises:
        ValueError: for another layout.
        FileNotFoundError, RuntimeModelError: if `exported` is no such model, or
            damaged.
        FileExistsError, OSError: if `folder` exists or cannot be written.

    Example:

    >>> from export.serving.layouts import write_layout
    >>> write_layout("exported", "repository", "kubernetes")
    Traceback (most recent call last):
    ...
    ValueError: `layout` must be 'triton' or 'kserve'; got 'kubernetes'.
    """
    if layout not in LAYOUTS:
        wanted = " or ".join(map(repr, LAYOUTS))
        raise ValueError(f"`layout` must be {wanted}; got {layout!r}.")
    folder = Path(folder)
    foreign = not (folder / _MARK).is_file()
    check_target(folder, overwrite, foreign, "not a folder that was laid out here")
    files = served_files(exported, name)
    with workspace_beside(folder) as made:
        repository = made / "models" if layout == "kserve" else made
        for served in files:
            place = repository / served.name
            (place / "1").mkdir(parents=True)
            shutil.copyfile(served.path, place / "1" / "model.onnx")
            (place / CONFIG).write_text(triton_config(served), "utf-8")
        if layout == "kserve":
            _add_kserve(made, files)
        mark = {"layout": layout, "models": [served.name for served in files]}
        (made / _MARK).write_text(json.dumps(mark) + "\n", "utf-8")
        put_in_place(made, folder, overwrite)
    return mark["models"]


def triton_config(served):
    """The config.pbtxt of a model in Triton's repository."""
    batches = served.in_batches
    lines = [
        f'name: "{served.name}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH if batches else 0}",
    ]
    for field, values in (("input", served.inputs), ("output", served.outputs)):
        for name, value in values.items():
            shape = dims(value)[1:] if batches else dims(value)
            entry = f'name: "{name}" data_type: {_TRITON[value.dtype]}'
            if shape:
                lines.append(f"{field} {{ {entry} dims: {list(shape)} }}")
            else:  # which Triton only knows as an array of one
                lines.append(f"{field} {{ {entry} dims: [1] reshape {{ shape: [] }} }}")
    if batches:
        delay = f"max_queue_delay_microseconds: {MAX_DELAY_MICROSECONDS}"
        lines.append(f"dynamic_batching {{ {delay} }}")
    return "\n".join(lines) + "\n"


def open_inference_metadata(served):
    """What the Open Inference Protocol tells of a model, as JSON values."""

    def shape(value):
        """As Triton has it: a single number, of a request or a row, is an array."""
        shown = list(dims(value))
        return shown + [1] if len(shown) == served.in_batches else shown

    def tensors(values):
        return [
            {
                "name": name,
                "datatype": _OPEN_INFERENCE[value.dtype],
                "shape": shape(value),
            }
            for name, value in values.items()
        ]

    return {
        "name": served.name,
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": tensors(served.inputs),
        "outputs": tensors(served.outputs),
    }


def _add_kserve(made, files):
    (made / "metadata").mkdir()
    for served in files:
        text = json.dumps(open_inference_metadata(served), indent=1)
        (made / "metadata" / f"{served.name}.json").write_text(f"{text}\n", "utf-8")
    name = files[0].name.rpartition("_")[0]
    # A name of Kubernetes: RFC 1123.
    service = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "vae"
    (made / "inference_service.yaml").write_text(
        "# Upload models/ somewhere, write its address below, and kubectl apply this.\n"
        "apiVersion: serving.kserve.io/v1beta1\n"
        "kind: InferenceService\n"
        "metadata:\n"
        f"  name: {service}\n"
        "spec:\n"
        "  predictor:\n"
        "    model:\n"
        "      modelFormat:\n"
        "        name: triton\n"
        "      protocolVersion: v2\n"
        "      runtime: kserve-tritonserver\n"
        "      storageUri: s3://bucket/models\n",
        "utf-8",
    )
