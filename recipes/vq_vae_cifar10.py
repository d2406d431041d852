"""VQVAE on CIFAR-10: 512 codes an image, and a transformer that draws them.

python -m recipes.vq_vae_cifar10 --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """Two codes at each of 16x16 positions, of 16 x 8 levels; pixels exact, of 256."""
    import zoo

    return zoo.VQVAE(
        (32, 32, 3),
        codebook_size=128,
        code_dim=16,
        quantizer=zoo.quantizers.FiniteScalarQuantizer(
            (16, 8), code_dim=16, depth=2, seed=seed
        ),
        filters=(64,),
        blocks_per_stage=3,
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=2),
        prior=zoo.CodePrior(128, (16, 16, 2), width=64, num_layers=2, seed=seed),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="vq_vae",
    )


RECIPE = Recipe(
    name="vq_vae_cifar10",
    summary="VQ-VAE with 16x16x2 codes of 128 and a transformer for them, on CIFAR-10.",
    dataset="cifar10",
    image_shape=(32, 32, 3),
    validation=2000,
    binarized=False,
    training=Training(epochs=16, batch_size=64, learning_rate=2e-3),
    prior_training=Training(epochs=2, batch_size=32, learning_rate=2e-3),
    build_model=build_model,
    num_importance_samples=1,
    anchors=(
        Published(
            "VQ-VAE (van den Oord et al. 2017)",
            "4.67",
            metric="elbo_uniform_codes_bits_per_dim",
            data="CIFAR-10",
            prior="of independent codes",
            differs="uniform codes",
        ),
        Published(
            "VIMCO (van den Oord et al. 2017)",
            "5.14",
            metric="elbo_uniform_codes_bits_per_dim",
            data="CIFAR-10",
            prior="of independent codes",
            differs="uniform codes",
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
