"""How sure a mean over test images is."""

import numpy as np

# Of dicts of metrics: to be raised when a name changes its meaning.
SCHEMA_VERSION = 1
# 95 % of a normal distribution lie within so many standard deviations of its mean.
DEVIATIONS = 1.96


def standard_error(values):
    """That of the mean of values (N,)."""
    if len(values) < 2:
        return 0.0
    return float(np.std(values, ddof=1, dtype=np.float64) / np.sqrt(len(values)))


def confidence_intervals(metrics):
    """Where 95 % of repetitions on other test images would lie, roughly.

    Args:
        metrics: dict that has "<name>_standard_error" beside some figures.

    Returns:
        dict: name to [low, high], by the normal approximation.
    """
    ending = "_standard_error"
    return {
        name: [metrics[name] - DEVIATIONS * error, metrics[name] + DEVIATIONS * error]
        for name, error in (
            (key.removesuffix(ending), value)
            for key, value in metrics.items()
            if key.endswith(ending) and key.removesuffix(ending) in metrics
        )
    }
