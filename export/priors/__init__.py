"""The priors that a file can name, so that NumPy draws from them: one module each.

A module here holds a `RECORD`: all that exporting, checking and sampling need to know
of one prior. A prior without one is exported, too, as a graph; a new record is a new
file.
"""

import importlib
import pkgutil

from export.priors.record import PriorRecord

__all__ = ["RECORDS", "PriorRecord", "of_prior"]


def _find():
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return [module.RECORD for module in modules if hasattr(module, "RECORD")]


# {name: PriorRecord}
RECORDS = {record.name: record for record in _find()}


def of_prior(prior):
    """The record of a Keras prior, None where there is none.

    A subclass may draw otherwise than its base, so that it has no record.
    """
    for record in RECORDS.values():
        if record.is_of(prior):
            return record
    return None
