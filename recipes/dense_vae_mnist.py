"""DenseVAE on dynamically binarized MNIST.

python -m recipes.dense_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """2 x 400 gated units and 40 latents with a deep flow as their prior."""
    import zoo

    return zoo.DenseVAE(
        (28, 28, 1),
        latent_dim=40,
        hidden_units=(400, 400),
        gated=True,
        prior=zoo.priors.Flow(40, num_layers=24, mixing=True, seed=seed),
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="dense_vae",
    )


# Shared by all published figures.
_NLL = {"metric": "nll", "data": "MNIST, dynamically binarized", "draws": 5000}

RECIPE = Recipe(
    name="dense_vae_mnist",
    summary="Gated dense VAE, 40 latents and a flow, on dynamically binarized MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    training=Training(
        epochs=150,
        batch_size=128,
        learning_rate=1e-3,
        warmup_epochs=20,
        # From epoch 86 on, images of training alone gain.
        patience=8,
    ),
    build_model=build_model,
    anchors=(
        Published(
            "VAE, MLP, z = 40 (Norouzi et al. 2020)",
            "84.45",
            prior="N(0, I)",
            differs="learned prior",
            **_NLL,
        ),
        Published(
            "VAE, 1 stochastic layer (Burda et al. 2016)",
            "86.76",
            prior="N(0, I)",
            differs="learned prior",
            **_NLL,
        ),
        Published(
            "IWAE, 1 stochastic layer, 50 draws in training (Burda et al. 2016)",
            "84.78",
            prior="N(0, I)",
            differs="1 draw in training, learned prior",
            **_NLL,
        ),
        Published(
            "VampPrior, MLP, z = 40 (Norouzi et al. 2020)",
            "82.43",
            prior="learned",
            differs="a flow",
            **_NLL,
        ),
        Published(
            "VampPrior, MLP, 2 levels (Tomczak and Welling 2018)",
            "81.24",
            prior="learned",
            differs="1 level, a flow",
            **_NLL,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
