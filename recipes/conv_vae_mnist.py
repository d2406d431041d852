"""ConvVAE on dynamically binarized MNIST.

python -m recipes.conv_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
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
        prior=zoo.priors.Flow(40, num_layers=6, seed=seed),
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="conv_vae",
    )


# Shared by all published figures.
_NLL = {"metric": "nll", "data": "MNIST, dynamically binarized"}

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
        Published(
            "ResNet VAE, diagonal posterior (Kingma et al. 2016)",
            "81.08",
            draws=128,
            prior="N(0, I)",
            differs="learned prior",
            **_NLL,
        ),
        Published(
            "ResNet VAE, IAF posterior (Kingma et al. 2016)",
            "79.10",
            draws=128,
            prior="N(0, I)",
            differs="diagonal posterior, learned prior",
            **_NLL,
        ),
        Published(
            "conv VAE, z = 40, RealNVP prior of 20 to 50 couplings (arXiv 1905.13452)",
            "78.61",
            prior="learned",
            differs="6 couplings",
            **_NLL,
        ),
        Published(
            "NVAE, 20 groups of latents (Vahdat and Kautz 2020)",
            "78.01",
            prior="learned",
            differs="one group",
            **_NLL,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
