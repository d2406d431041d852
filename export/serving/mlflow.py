"""Exported files in MLflow: the signature that its models carry."""

import importlib
import os
from typing import Any

from export.serving.tensors import dims, served_files


def mlflow_signature(path: str | os.PathLike[str]) -> Any:
    """The `mlflow.models.ModelSignature` of one ONNX file.

    With it `mlflow.onnx.save_model(onnx.load(path), folder, signature=...)` makes a
    model of MLflow, which `mlflow.pyfunc.load_model` loads and
    `mlflow models serve` serves: inputs are checked by name, type and shape.

    Args:
        path: an ONNX file of this package; not a folder, which has several.

    Raises:
        ImportError: without MLflow.
        ValueError: for a folder.
        FileNotFoundError, RuntimeModelError: if it is no such file, or damaged.
    """
    try:
        models = importlib.import_module("mlflow.models")
        types = importlib.import_module("mlflow.types")
    except ImportError as error:
        raise ImportError(
            'This needs MLflow: install it with pip install "vae-zoo[mlflow]".'
        ) from error
    import numpy as np

    if os.path.isdir(path):
        raise ValueError(
            f"A signature is of one file; {os.fspath(path)!r} is a folder: give one of "
            "its .onnx files."
        )
    (served,) = served_files(path)

    def schema(values):
        return types.Schema(
            [
                types.TensorSpec(np.dtype(value.dtype), dims(value), name)
                for name, value in values.items()
            ]
        )

    return models.ModelSignature(schema(served.inputs), schema(served.outputs))
