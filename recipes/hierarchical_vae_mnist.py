"""HierarchicalVAE on dynamically binarized MNIST.

python -m recipes.hierarchical_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """One group of latents for all of the image, four on 7x7, and one on 14x14."""
    import zoo

    return zoo.HierarchicalVAE(
        (28, 28, 1),
        # 3 nats better after two epochs than without the level on top.
        levels=((28, 1, 32), (4, 4, 4), (2, 1, 4)),
        filters=(96, 128, 64),
        # Of all choices of both, those that train the most images a second.
        block="residual",
        activation="relu",
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="hierarchical_vae",
    )


# Shared by all published figures.
_NLL = {"metric": "nll", "data": "MNIST, dynamically binarized", "prior": "learned"}

RECIPE = Recipe(
    name="hierarchical_vae_mnist",
    summary="Ladder of 6 groups of latents on three grids, on dynamically binarized "
    "MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    training=Training(
        epochs=36,
        # Batches of 64, and a KL that came in over 3 epochs, left fine groups dead.
        batch_size=128,
        learning_rate=2e-3,
        rate_warmup=0.02,
        warmup_epochs=1,
        beta_start=0.1,
        clipnorm=100.0,
        steps_per_execution=16,
    ),
    build_model=build_model,
    num_importance_samples=128,
    anchors=(
        Published(
            "conv VAE, z = 40, RealNVP prior of 20 to 50 couplings (arXiv 1905.13452)",
            "78.61",
            differs="one level",
            **_NLL,
        ),
        Published("BIVA (Maaløe et al. 2019)", "78.41", **_NLL),
        Published(
            "NVAE, 20 groups of latents (Vahdat and Kautz 2020)",
            "78.01",
            differs="400 epochs",
            **_NLL,
        ),
        Published(
            "CR-NVAE (Sinha and Dieng 2021)",
            "76.93",
            differs="trained on augmented images",
            **_NLL,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
