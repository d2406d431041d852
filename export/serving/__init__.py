"""Exported models where people serve them: Triton, KServe, MLflow. No Keras.

>>> from export.serving import write_layout
>>> write_layout("exported", "repository", "kubernetes")
Traceback (most recent call last):
...
ValueError: `layout` must be 'triton' or 'kserve'; got 'kubernetes'.
"""

from export.serving.layouts import write_layout
from export.serving.mlflow import mlflow_signature

__all__ = ["mlflow_signature", "write_layout"]
