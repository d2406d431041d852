"""HierarchicalVAE on Fashion-MNIST, exact on the grid of 256 grey levels.

python -m recipes.hierarchical_vae_fashion --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """One group of latents for all of the image, three on 7x7, and two on 14x14."""
    import zoo

    return zoo.HierarchicalVAE(
        (28, 28, 1),
        levels=((28, 1, 32), (4, 3, 4), (2, 2, 4)),
        filters=(64, 96, 64),
        block="residual",
        activation="relu",
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=2),
        # Without, coarse grids die while the fine ones are being warmed up.
        objective=zoo.objectives.ELBO(beta=beta, free_bits=0.1),
        seed=seed,
        dtype=dtype,
        name="hierarchical_vae",
    )


RECIPE = Recipe(
    name="hierarchical_vae_fashion",
    summary="Ladder of 6 groups of latents on three grids, on Fashion-MNIST: exact "
    "grey levels.",
    dataset="fashion_mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=False,
    training=Training(
        epochs=14,
        batch_size=64,
        learning_rate=3e-3,
        rate_warmup=0.02,
        warmup_epochs=1,
        beta_start=0.1,
        clipnorm=2000.0,
        steps_per_execution=16,
    ),
    build_model=build_model,
    half_precision=True,
    num_importance_samples=16,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
