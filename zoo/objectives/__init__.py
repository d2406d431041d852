"""Training objectives: what `fit` minimizes, as a function of the terms of the ELBO.

A new objective is a subclass of `Objective` with one method. The logged `elbo`,
`reconstruction` and `kl` never depend on it: they are always those of the true ELBO.
"""

from functools import partial
from typing import Any

from zoo.objectives.base import Objective
from zoo.objectives.capacity import Capacity
from zoo.objectives.dip import DIP
from zoo.objectives.elbo import ELBO, ImportanceWeighted
from zoo.objectives.mmd import MMD
from zoo.objectives.terms import ELBOTerms, LatentGroup
from zoo.objectives.total_correlation import TotalCorrelation
from zoo.serialization import get_component

__all__ = [
    "DIP",
    "ELBO",
    "MMD",
    "Capacity",
    "ELBOTerms",
    "ImportanceWeighted",
    "LatentGroup",
    "Objective",
    "TotalCorrelation",
    "get",
]

# Those that make sense without being told anything about the data.
BY_NAME = {
    "elbo": ELBO,
    "importance_weighted": ImportanceWeighted,
    "capacity": Capacity,
    "dip_i": DIP,
    "dip_ii": partial(DIP, lambda_d=10.0, kind="ii"),
    "mmd": MMD,
}


def get(identifier: Any, beta: Any = 1.0, default_beta: float = 1.0) -> Any:
    """An objective from its name, its serialized form or itself; None: the beta-ELBO.

    Raises:
        ValueError: if both an objective and a beta other than the default are given.
    """
    if identifier is None:
        return ELBO(beta=beta)
    if beta != default_beta:
        raise ValueError(
            "Give `beta` or `objective`, not both: pass the weight to the objective, "
            "as in objective=ELBO(beta=4.0)."
        )
    objective = get_component(identifier, BY_NAME, "objective", "__call__")
    if not isinstance(objective, Objective):
        raise TypeError(
            "`objective` must be a name or a zoo.objectives.Objective; "
            f"got {type(objective).__name__}."
        )
    return objective
