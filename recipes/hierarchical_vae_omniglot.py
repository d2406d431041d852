"""HierarchicalVAE on dynamically binarized OMNIGLOT, the authors' split, 28x28.

python -m recipes.hierarchical_vae_omniglot --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """The ladder of MNIST, narrower: there is a third of its images."""
    import zoo

    return zoo.HierarchicalVAE(
        (28, 28, 1),
        levels=((28, 1, 32), (4, 4, 4), (2, 1, 4)),
        filters=(64, 96, 48),
        block="residual",
        activation="relu",
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="hierarchical_vae",
    )


RECIPE = Recipe(
    name="hierarchical_vae_omniglot",
    summary="Ladder of 6 groups of latents on three grids, on dynamically binarized "
    "OMNIGLOT: trained on 30 alphabets, tested on 20 others.",
    dataset="omniglot",
    image_shape=(28, 28, 1),
    validation=1000,
    binarized=True,
    training=Training(
        epochs=60,
        batch_size=64,
        learning_rate=2e-3,
        rate_warmup=0.02,
        warmup_epochs=2,
        beta_start=0.1,
        clipnorm=100.0,
        steps_per_execution=16,
    ),
    build_model=build_model,
    half_precision=True,
    num_importance_samples=32,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
