"""ConditionalVAE on dynamically binarized MNIST: digits on demand.

python -m recipes.conditional_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """2 x 400 gated units and 40 latents, of which a deep flow makes each digit."""
    import zoo

    # Of the label: what one digit's strokes do means nothing to another's.
    prior = zoo.priors.Flow(40, num_layers=24, mixing=True, label_dim=10, seed=seed)
    return zoo.ConditionalVAE(
        (28, 28, 1),
        latent_dim=40,
        num_classes=10,
        class_names=[str(digit) for digit in range(10)],
        networks="dense",
        hidden_units=(400, 400),
        gated=True,
        prior=prior,
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="conditional_vae",
    )


RECIPE = Recipe(
    name="conditional_vae_mnist",
    summary="Dense VAE that draws the digit asked for, on dynamically binarized MNIST.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    training=Training(
        epochs=90,
        batch_size=128,
        learning_rate=1e-3,
        warmup_epochs=10,
        # Images of training alone gain at the end.
        patience=8,
    ),
    build_model=build_model,
    half_precision=True,
    # Given the label nothing is published for MNIST; without it, others' models see
    # none in training either.
    anchors=(
        Published(
            "VAE, MLP, z = 40 (Norouzi et al. 2020)",
            "84.45",
            metric="nll_without_label",
            data="MNIST, dynamically binarized",
            draws=5000,
            prior="N(0, I)",
            differs="mixture over labels, learned prior",
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
