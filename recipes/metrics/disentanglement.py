"""How well a model's latents stand for the factors that its data set was made from."""

import time

from recipes.common.latents import the_vector
from recipes.common.progress import working
from recipes.data import load_factor_grid
from recipes.data.factors import InvertedGrid
from recipes.data.reading import reading_images
from zoo.evaluation.disentanglement import disentanglement

# Images and groups that are drawn: those of published figures.
SIZES = {"num_train": 10_000, "num_test": 5_000}
# Latents of a smaller standard deviation are left out of the FactorVAE score, too.
MIN_STD = 0.05


def factor_grid(model, data, source, *, data_dir=None, invert=False, console=None):
    """The factor grid that a model can be scored on, if there is one.

    Args:
        model: a model of the zoo.
        data: `recipes.data.ImageData` of the source.
        source, data_dir: as in `recipes.data.load_factor_grid`.
        invert: turn black to white and white to black, as those of `data` are.
        console: `rich.console.Console` that is told why a grid is of no use.

    Returns:
        a `recipes.data.FactorGrid`; None if the images come without factors, if not
        all combinations of them have one, if the model takes images of another shape,
        or has labels, or no vector of two latents or more.
    """
    vector = the_vector(model.latents)
    if data.factor_names is None or vector is None or model.label_dim:
        return None
    if vector.size < 2:
        return None
    try:
        with reading_images(console):
            grid = load_factor_grid(source, data_dir=data_dir)
    except ValueError as error:
        reason = str(error)
    else:
        shape = grid.images(grid.factors([0])).shape[1:]
        if shape == tuple(model.image_shape):
            return InvertedGrid(grid) if invert else grid
        reason = f"the model takes images {model.image_shape}, the grid has {shape}."
    if console is not None:
        console.print(f"Disentanglement is not scored: {reason}", style="dim")
    return None


def disentanglement_metrics(model, grid, *, min_std=MIN_STD, seed=0, console=None):
    """Scores the posterior means of a model by all metrics of disentanglement.

    Args:
        model: one of one latent vector, without labels.
        grid: a `recipes.data.FactorGrid` of its images.
        min_std: as in `zoo.evaluation.disentanglement.factor_vae_score`.
        seed: fixes the draws.
        console: `rich.console.Console` for progress.

    Returns:
        dict of what `zoo.evaluation.disentanglement.disentanglement` returns,
        "factor_vae_min_std" and "disentanglement_seconds".
    """
    if console is not None:
        console.print(
            f"Scoring disentanglement on {grid.num_images:,} images: minutes.",
            style="dim",
        )
    start = time.monotonic()
    with working("Disentanglement", console):
        scores = disentanglement(model, grid, **SIZES, min_std=min_std, seed=seed)
    return {
        **scores,
        "factor_vae_min_std": min_std,
        "disentanglement_seconds": round(time.monotonic() - start, 1),
    }
