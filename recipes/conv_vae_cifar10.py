"""ConvVAE on CIFAR-10, exact on the grid of 256 levels.

python -m recipes.conv_vae_cifar10 --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """Gated bottlenecks at 16x16, 8x8 and 4x4, 256 latents, mixtures of 3 logistics."""
    import zoo

    return zoo.ConvVAE(
        (32, 32, 3),
        latent_dim=256,
        filters=(32, 64, 128),
        blocks_per_stage=1,
        block="gated",
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=3),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="conv_vae",
    )


RECIPE = Recipe(
    name="conv_vae_cifar10",
    summary="Convolutional VAE, 256 latents, on CIFAR-10 with exact 8-bit pixels.",
    dataset="cifar10",
    image_shape=(32, 32, 3),
    validation=2000,
    binarized=False,
    training=Training(epochs=15, batch_size=64, learning_rate=1e-3, warmup_epochs=2),
    build_model=build_model,
    num_importance_samples=100,
    anchors=(("VAE (van den Oord et al. 2017), bits/dim", "4.51"),),
)

if __name__ == "__main__":
    from recipes.command import run_script

    run_script(RECIPE)
