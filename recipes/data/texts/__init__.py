"""Texts that recipes train on: lines of files, columns of tables, data sets.

>>> from recipes.data.texts import load_texts
>>> data = load_texts("phrases", validation=100)
>>> data.train.dtype, data.validation.shape[0], data.test is None
(dtype('int32'), 100, True)

Importing this costs NumPy; what reads tables and makes vocabularies is imported by what
needs it.
"""

from recipes.data.texts.load import TextData, load_texts

__all__ = ["TextData", "load_texts"]
