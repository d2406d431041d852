"""ConditionalVAE on Fashion-MNIST: garments on demand, exact on 256 grey levels.

python -m recipes.conditional_vae_fashion --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training

# As the data set has them.
CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def build_model(beta, seed, dtype):
    """Convolutions at 14x14 and 7x7, and 40 latents, of which a flow of each label."""
    import zoo

    return zoo.ConditionalVAE(
        (28, 28, 1),
        latent_dim=40,
        num_classes=10,
        class_names=list(CLASSES),
        networks="conv",
        filters=(32, 64),
        blocks_per_stage=2,
        block="residual",
        activation="relu",
        prior=zoo.priors.Flow(40, num_layers=24, mixing=True, label_dim=10, seed=seed),
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=2),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="conditional_vae",
    )


RECIPE = Recipe(
    name="conditional_vae_fashion",
    summary="Convolutional VAE that draws the garment asked for, on Fashion-MNIST.",
    dataset="fashion_mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=False,
    training=Training(
        epochs=32,
        batch_size=128,
        learning_rate=2e-3,
        rate_warmup=0.02,
        warmup_epochs=4,
        clipnorm=1000.0,
        steps_per_execution=16,
    ),
    build_model=build_model,
    half_precision=True,
    num_importance_samples=100,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
