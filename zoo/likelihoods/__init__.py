"""Likelihoods p(x|z): what a decoder's output means.

A likelihood says how many numbers a pixel it needs from the decoder, scores images in
nats against them, and turns them into the expected image. All scores are float32
unless the networks compute in float64.
"""

from typing import Any

from zoo.likelihoods.base import Likelihood
from zoo.likelihoods.bernoulli import Bernoulli
from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.continuous_bernoulli import ContinuousBernoulli
from zoo.likelihoods.gaussian import Gaussian
from zoo.likelihoods.logistic_mixture import DiscretizedLogisticMixture
from zoo.likelihoods.tokens import TokenLikelihood
from zoo.serialization import get_component

__all__ = [
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretizedLogisticMixture",
    "Gaussian",
    "Likelihood",
    "TokenLikelihood",
    "get",
]

_BY_NAME = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic_mixture": DiscretizedLogisticMixture,
    "gaussian": Gaussian,
}


def get(identifier: Any) -> Any:
    """A likelihood from its name, its serialized form, or itself.

    "gaussian" learns one global scale; for another, pass `Gaussian(scale=...)`.

    Raises:
        ValueError: if the name is unknown.
    """
    return get_component(identifier, _BY_NAME, "likelihood", "log_prob")
