"""scikit-learn, which a few metrics need, and they alone, when they are called."""

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
            f"This metric needs scikit-learn, which could not be imported ({error}); "
            "install it with: pip install scikit-learn"
        ) from error
