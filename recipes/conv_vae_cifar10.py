"""ConvVAE on CIFAR-10, exact on the grid of 256 levels.

python -m recipes.conv_vae_cifar10 --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """Gated bottlenecks at 16x16, and 16 latents at each of those positions."""
    import zoo

    return zoo.ConvVAE(
        (32, 32, 3),
        latent_dim=16 * 16 * 16,
        filters=(64,),
        blocks_per_stage=3,
        block="gated",
        hidden_units=None,
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=2),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="conv_vae",
    )


# Shared by all published figures.
_ELBO = {"metric": "elbo_bits_per_dim", "data": "CIFAR-10"}

RECIPE = Recipe(
    name="conv_vae_cifar10",
    # Latents of a grid are independent under N(0, I): samples have no objects.
    summary="Convolutional VAE, a grid of latents, on CIFAR-10: exact pixels, sharp "
    "reconstructions; samples without objects.",
    dataset="cifar10",
    image_shape=(32, 32, 3),
    validation=2000,
    binarized=False,
    # Beta from 0.01: an autoencoder first, or most latents never come in.
    training=Training(
        epochs=20,
        batch_size=64,
        learning_rate=2e-3,
        warmup_epochs=3,
        beta_start=0.01,
    ),
    build_model=build_model,
    num_importance_samples=100,
    # ELBO beside ELBO: the NLL of 100 draws has not converged.
    anchors=(
        Published("VAE (van den Oord et al. 2017)", "4.51", prior="N(0, I)", **_ELBO),
        Published(
            "convolutional ladder VAE, 3 levels (addtt/ladder-vae-pytorch)",
            "3.59",
            prior="learned",
            differs="1 level, prior N(0, I)",
            **_ELBO,
        ),
        Published(
            "VDVAE, 39 M parameters (Child 2021)",
            "2.87",
            prior="learned",
            differs="1 level, prior N(0, I)",
            **_ELBO,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
