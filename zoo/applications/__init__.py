"""What people use a VAE for, on any model of the zoo.

`AnomalyDetector` finds unusual images; `impute` draws missing pixels, with
`impute_with_diagnosis` to see whether its chains have mixed.
"""

from typing import TYPE_CHECKING

from zoo import lazy

if TYPE_CHECKING:
    from zoo.applications.anomaly import AnomalyDetector
    from zoo.applications.imputation import (
        ImputationDiagnosis,
        impute,
        impute_with_diagnosis,
    )

__all__ = ["AnomalyDetector", "ImputationDiagnosis", "impute", "impute_with_diagnosis"]

_IMPUTATION = "zoo.applications.imputation"

__getattr__, __dir__ = lazy.attributes(
    __name__,
    modules=[],
    defined_in={
        "AnomalyDetector": "zoo.applications.anomaly",
        "ImputationDiagnosis": _IMPUTATION,
        "impute": _IMPUTATION,
        "impute_with_diagnosis": _IMPUTATION,
    },
    without_keras=[],
)
