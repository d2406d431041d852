"""Weights that change during training, as functions of the training step.

They are saved with the model, and the step is one of the model's weights, so a run that
is resumed goes on where it stopped.
"""

import math
import numbers
from typing import Any

import keras
from keras import ops


class Schedule:
    """A scalar as a function of the training step. Override `__call__`."""

    def __call__(self, step):
        """Value at `step` (a float32 scalar tensor), as a float32 scalar."""
        raise NotImplementedError

    def get_config(self):
        return dict(vars(self))

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _require_positive(**values):
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"`{name}` must be greater than 0; got {value!r}.")


@keras.saving.register_keras_serializable(package="zoo")
class LinearWarmup(Schedule):
    """Rises linearly from `start` to `end` over `steps` training steps, then stays.

    Sønderby et al., "Ladder Variational Autoencoders", 2016, section 3.2 (warm-up).

    Args:
        steps: number of training steps (batches) until `end` is reached.
        start: value at step 0.
        end: value from step `steps` on.

    Example:

    >>> from zoo.schedules import LinearWarmup
    >>> float(LinearWarmup(steps=100)(25.0))
    0.25
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0):
        _require_positive(steps=steps)
        self.steps = steps
        self.start = start
        self.end = end

    def __call__(self, step):
        progress = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.start + (self.end - self.start) * progress


@keras.saving.register_keras_serializable(package="zoo")
class CyclicalWarmup(Schedule):
    """Repeats a linear rise: within each period it climbs to `end`, then holds it.

    Fu et al., "Cyclical Annealing Schedule", 2019, equation 6.

    Args:
        period: training steps in one cycle.
        cycles: number of cycles, after which the value stays at `end`.
        rise: share of each cycle that is spent rising, in (0, 1].
        start: value at the beginning of each cycle.
        end: value held after the rise.

    Example:

    >>> from zoo.schedules import CyclicalWarmup
    >>> schedule = CyclicalWarmup(period=100, cycles=2)
    >>> [float(schedule(step)) for step in (0, 25, 75, 100, 150, 250)]
    [0.0, 0.5, 1.0, 0.0, 1.0, 1.0]
    """

    def __init__(
        self,
        period: int,
        cycles: int = 4,
        rise: float = 0.5,
        start: float = 0.0,
        end: float = 1.0,
    ):
        _require_positive(period=period, cycles=cycles, rise=rise)
        if rise > 1:
            raise ValueError(f"`rise` must lie in (0, 1]; got {rise!r}.")
        self.period = period
        self.cycles = cycles
        self.rise = rise
        self.start = start
        self.end = end

    def __call__(self, step):
        step = ops.cast(step, "float32")
        phase = ops.mod(step, self.period) / self.period
        progress = ops.clip(phase / self.rise, 0.0, 1.0)
        done = ops.cast(step >= self.period * self.cycles, "float32")
        progress = ops.maximum(progress, done)
        return self.start + (self.end - self.start) * progress


@keras.saving.register_keras_serializable(package="zoo")
class ExponentialDecay(Schedule):
    """Goes geometrically from `start` to `end` over `steps` training steps, then stays.

    Jang et al., "Categorical Reparameterization with Gumbel-Softmax", 2017, section 3,
    anneals the temperature so.

    Args:
        steps: number of training steps (batches) until `end` is reached.
        start, end: values at step 0 and from step `steps` on, both > 0.

    Example:

    >>> from zoo.schedules import ExponentialDecay
    >>> round(float(ExponentialDecay(steps=100, start=1.0, end=0.01)(50.0)), 6)
    0.1
    """

    def __init__(self, steps: int, start: float = 1.0, end: float = 0.1):
        _require_positive(steps=steps, start=start, end=end)
        self.steps = steps
        self.start = start
        self.end = end

    def __call__(self, step):
        progress = ops.clip(ops.cast(step, "float32") / self.steps, 0.0, 1.0)
        return self.start * ops.exp(math.log(self.end / self.start) * progress)


def get(identifier: Any, argument: str) -> Any:
    """A number >= 0, a `Schedule`, or a schedule's serialized form.

    Raises:
        ValueError: for a negative or non-finite number.
        TypeError: for anything else.
    """
    if isinstance(identifier, numbers.Real) and not isinstance(identifier, bool):
        if not 0 <= float(identifier) < float("inf"):
            raise ValueError(
                f"`{argument}` must be a finite number >= 0; got {identifier!r}."
            )
        return float(identifier)
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, Schedule):
        return identifier
    raise TypeError(
        f"`{argument}` must be a number >= 0 or a zoo.schedules.Schedule; "
        f"got {type(identifier).__name__}."
    )


def value_at(schedule, step):
    """The value of a number or a schedule at a training step."""
    return schedule(step) if isinstance(schedule, Schedule) else schedule
