"""`load_factor_grid`: the whole factor grid of a data set, for the metrics."""

from __future__ import annotations

from recipes.data.factors import ArrayGrid, FactorGrid
from recipes.data.open import open_source
from recipes.data.sprites import SpritesGrid


def load_factor_grid(source="sprites", *, data_dir=None, download=False) -> FactorGrid:
    """Every combination of a data set's factors, with its image.

    Args:
        source: one of
            - "sprites": drawn as they are asked for;
            - the name of a TFDS data set with factors, or a folder with a prepared one,
              such as "dsprites": all of its training split is read, which takes
              minutes for its 737,280 images, and 3 GB to keep them (twice as much to
              read them);
            - a tuple (images, factors) of arrays: see `ArrayGrid`.
        data_dir: folder of prepared TFDS data sets; by default TFDS_DATA_DIR.
        download: let TFDS download a data set that is not prepared in `data_dir`.

    Returns:
        a `FactorGrid`: `factor_names`, `factor_sizes` and `images(factors)`.

    Raises:
        ValueError: if the data set has no factors, or lacks combinations of them.
        FileNotFoundError, RuntimeError, ImportError: as `load_images`.

    Example:
        >>> from recipes.data import load_factor_grid
        >>> load_factor_grid("sprites").images([[2, 5, 0, 16, 16]]).shape
        (1, 64, 64, 1)
    """
    if isinstance(source, tuple) and len(source) == 2:
        return ArrayGrid(*source)
    if isinstance(source, str) and source == "sprites":
        return SpritesGrid()
    opened = open_source(source, None, data_dir, download, limit=None)
    if opened.factor_names is None:
        raise ValueError(
            f"The data set {opened.name} does not say which factors its images were "
            "made from: a factor grid needs at least two features label_...; "
            '"sprites" and "dsprites" have them.'
        )
    part = opened.read("train")
    return ArrayGrid(part.images, part.factors, opened.factor_names)
