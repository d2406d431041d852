"""What people use a VAE for, on any model of the zoo.

`AnomalyDetector` finds unusual images.
"""

from typing import TYPE_CHECKING

from zoo import lazy

if TYPE_CHECKING:
    from zoo.applications.anomaly import AnomalyDetector

__all__ = ["AnomalyDetector"]

__getattr__, __dir__ = lazy.attributes(
    __name__,
    modules=[],
    defined_in={"AnomalyDetector": "zoo.applications.anomaly"},
    without_keras=[],
)
