"""VQVAE on CIFAR-10: 64 codes an image, and a transformer that draws them.

python -m recipes.vq_vae_cifar10 --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """8x8 codes of 512, as published tables have it; pixels exact, of 256 levels."""
    import zoo

    return zoo.VQVAE(
        (32, 32, 3),
        codebook_size=512,
        code_dim=32,
        quantizer="ema",
        filters=(32, 64),
        blocks_per_stage=1,
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=3),
        prior=zoo.CodePrior(512, (8, 8), width=128, num_layers=3, seed=seed),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="vq_vae",
    )


RECIPE = Recipe(
    name="vq_vae_cifar10",
    summary="VQ-VAE with 8x8 codes of 512 and a transformer over them, on CIFAR-10.",
    dataset="cifar10",
    image_shape=(32, 32, 3),
    validation=2000,
    binarized=False,
    # No average of weights: the codebook follows the encoder as it is.
    training=Training(epochs=8, batch_size=64, learning_rate=1e-3, ema_momentum=None),
    prior_training=Training(epochs=5, batch_size=128, learning_rate=2e-3),
    build_model=build_model,
    num_importance_samples=1,
    anchors=(
        ("VQ-VAE (van den Oord et al. 2017), bits/dim", "4.67"),
        ("VQ-VAE, 8x8 codes of 512 (VQ-WAE paper), perplexity", "69.8"),
        ("VQ-WAE, alike, perplexity", "505.0"),
    ),
)

if __name__ == "__main__":
    from recipes.command import run_script

    run_script(RECIPE)
