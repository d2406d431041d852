"""scikit-learn, which a few functions need, and they alone, when they are called."""

import importlib


def import_scikit_learn(module):
    """Imports `sklearn.<module>`, or says what to install.

    Raises:
        ImportError: if scikit-learn is missing.
    """
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise ImportError(
            f"This needs scikit-learn, which could not be imported ({error}); "
            "install it with: pip install scikit-learn"
        ) from error


def one_thread():
    """A context in which NumPy and scikit-learn compute on one thread.

    Sums in the same order give the same results on every machine.
    """
    # It comes with scikit-learn, as SciPy does.
    return importlib.import_module("threadpoolctl").threadpool_limits(1)


def best_matching(scores):
    """(rows, columns) of the one-to-one matching whose scores have the largest sum."""
    solve = importlib.import_module("scipy.optimize").linear_sum_assignment
    return solve(scores, maximize=True)
