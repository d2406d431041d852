"""VQVAE on grey MNIST: 49 codes an image, and a transformer that draws them.

python -m recipes.vq_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import TRAINING, Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """7x7 codes of 128, as in the keras.io example; pixels exact, of 256 levels."""
    import zoo

    return zoo.VQVAE(
        (28, 28, 1),
        codebook_size=128,
        code_dim=16,
        quantizer="ema",
        filters=(32, 64),
        blocks_per_stage=1,
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=4),
        prior=zoo.CodePrior(128, (7, 7), width=128, num_layers=3, seed=seed),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="vq_vae",
    )


RECIPE = Recipe(
    name="vq_vae_mnist",
    summary="VQ-VAE with 7x7 codes of 128 and a transformer over them, on grey MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=False,
    # No average of weights: the codebook follows the encoder as it is.
    training=Training(epochs=20, batch_size=128, learning_rate=2e-3, ema_momentum=None),
    prior_training=Training(epochs=10, batch_size=128, learning_rate=2e-3),
    build_model=build_model,
    half_precision=True,
    num_importance_samples=1,
    anchors=(
        Published(
            "VQ-VAE, 7x7 codes of 128 (keras.io), as printed by its last epoch",
            "0.0444",
            metric="mse_over_variance",
            data="MNIST",
            split=TRAINING,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
