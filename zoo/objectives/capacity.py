"""Capacity annealing: the KL is held at a value that rises during training."""

from typing import Any

import keras
from keras import ops

from zoo import schedules
from zoo.objectives.base import Objective


@keras.saving.register_keras_serializable(package="zoo")
class Capacity(Objective):
    """The ELBO whose KL is drawn to a capacity of so many nats.

    loss = -E_q[log p(x|z)] + gamma * |KL(q(z|x) || p(z)) - capacity|: Burgess et al.,
    "Understanding disentangling in beta-VAE", 2018, equation 8. It is one image's KL
    that is held, so that the loss does not depend on the batch.

    Args:
        gamma: weight of the distance, a number >= 0 or a schedule.
        capacity: nats, a number >= 0 or a schedule; None rises from 0 to 25 nats over
            the first 100,000 steps, the paper's choice for dSprites.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> from zoo.objectives import Capacity
    >>> from zoo.schedules import LinearWarmup
    >>> objective = Capacity(gamma=100.0, capacity=LinearWarmup(steps=5000, end=10.0))
    """

    def __init__(self, gamma: Any = 1000.0, capacity: Any = None):
        if capacity is None:
            capacity = schedules.LinearWarmup(steps=100_000, end=25.0)
        self.gamma = schedules.get(gamma, "gamma")
        self.capacity = schedules.get(capacity, "capacity")

    def __call__(self, terms, step):
        distance = ops.abs(terms.kl - schedules.value_at(self.capacity, step))
        return terms.reconstruction + schedules.value_at(self.gamma, step) * distance
