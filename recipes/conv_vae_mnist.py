"""ConvVAE on dynamically binarized MNIST.

python -m recipes.conv_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """Gated bottlenecks at 14x14 and 7x7, 40 latents with a learned prior."""
    import zoo

    return zoo.ConvVAE(
        (28, 28, 1),
        latent_dim=40,
        filters=(32, 64),
        blocks_per_stage=2,
        block="gated",
        prior="flow",
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="conv_vae",
    )


RECIPE = Recipe(
    name="conv_vae_mnist",
    summary="Convolutional VAE, 40 latents and a flow, on dynamically binarized MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    training=Training(epochs=70, batch_size=128, learning_rate=1e-3, warmup_epochs=10),
    build_model=build_model,
    anchors=(
        ("ResNet VAE, diagonal posterior (Kingma et al. 2016), IW NLL", "81.08"),
        ("VAE, MLP, z = 40 (Norouzi et al. 2020), IW-5000 NLL", "84.45"),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
