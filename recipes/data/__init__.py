"""The images the recipes train on, from wherever they come.

>>> from recipes.data import load_images
>>> data = load_images("digits", validation=100)
>>> data.train.shape, data.validation.shape, data.test
((1400, 28, 28, 1), (100, 28, 28, 1), None)
>>> print(data.report[-1])
test: the source's own test split, not loaded

Importing this costs NumPy; TensorFlow Datasets, scikit-learn and Pillow are imported
by the sources that need them, and TensorFlow by none.
"""

from recipes.data.binarize import binarize
from recipes.data.factors import ArrayGrid, FactorGrid
from recipes.data.load import ImageData, load_images
from recipes.data.load_factor_grid import load_factor_grid
from recipes.data.locations import data_folder, import_early, prepared_datasets

__all__ = [
    "ArrayGrid",
    "FactorGrid",
    "ImageData",
    "binarize",
    "data_folder",
    "import_early",
    "load_factor_grid",
    "load_images",
    "prepared_datasets",
]
