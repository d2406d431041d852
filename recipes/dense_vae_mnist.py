"""DenseVAE on dynamically binarized MNIST.

python -m recipes.dense_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """2 x 400 gated units and 40 latents, as in Tomczak & Welling 2018, but wider."""
    import zoo

    return zoo.DenseVAE(
        (28, 28, 1),
        latent_dim=40,
        hidden_units=(400, 400),
        gated=True,
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="dense_vae",
    )


RECIPE = Recipe(
    name="dense_vae_mnist",
    summary="Gated dense VAE, 40 latents, on dynamically binarized MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    training=Training(epochs=300, batch_size=128, learning_rate=1e-3, warmup_epochs=50),
    build_model=build_model,
    anchors=(
        ("VAE, MLP, z = 40 (Norouzi et al. 2020), IW-5000 NLL", "84.45"),
        ("VAE, 1 stochastic layer (Burda et al. 2016), IW-5000 NLL", "86.76"),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
