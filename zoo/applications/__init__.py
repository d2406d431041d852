"""What people use a VAE for, on any model of the zoo.

`AnomalyDetector` finds unusual images; `impute` draws missing pixels, with
`impute_with_diagnosis` to see whether its chains have mixed. `compress` and
`decompress` store images, lossless. `interpolate`,
`add_attribute` (along an `attribute_vector`) and `transfer_style` move images through
latent space; `nearest`, `cluster` (judged by `cluster_scores`) and `project` look at
how they lie in it.
"""

from typing import TYPE_CHECKING

from zoo import lazy

if TYPE_CHECKING:
    from zoo.applications.anomaly import AnomalyDetector
    from zoo.applications.compression import compress, decompress
    from zoo.applications.imputation import (
        ImputationDiagnosis,
        impute,
        impute_with_diagnosis,
    )
    from zoo.applications.moves import (
        add_attribute,
        attribute_vector,
        interpolate,
        transfer_style,
    )
    from zoo.applications.neighbourhoods import cluster, nearest, project
    from zoo.applications.vectors import cluster_scores

__all__ = [
    "AnomalyDetector",
    "ImputationDiagnosis",
    "add_attribute",
    "attribute_vector",
    "cluster",
    "cluster_scores",
    "compress",
    "decompress",
    "impute",
    "impute_with_diagnosis",
    "interpolate",
    "nearest",
    "project",
    "transfer_style",
]

__getattr__, __dir__ = lazy.attributes(
    __name__,
    modules=[],
    defined_in={
        "AnomalyDetector": "zoo.applications.anomaly",
        "ImputationDiagnosis": "zoo.applications.imputation",
        "add_attribute": "zoo.applications.moves",
        "attribute_vector": "zoo.applications.moves",
        "cluster": "zoo.applications.neighbourhoods",
        "cluster_scores": "zoo.applications.vectors",
        "compress": "zoo.applications.compression",
        "decompress": "zoo.applications.compression",
        "impute": "zoo.applications.imputation",
        "impute_with_diagnosis": "zoo.applications.imputation",
        "interpolate": "zoo.applications.moves",
        "nearest": "zoo.applications.neighbourhoods",
        "project": "zoo.applications.neighbourhoods",
        "transfer_style": "zoo.applications.moves",
    },
    without_keras=["cluster_scores"],
)
