"""Exported models where people serve them: Triton, KServe, MLflow. No Keras."""

from export.serving.layouts import write_layout
from export.serving.mlflow import mlflow_signature

__all__ = ["mlflow_signature", "write_layout"]
