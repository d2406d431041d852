"""VQVAE on emoji: 64x64 pixels in colour, drawn by category.

The pictures come in a package of npm, which lies in the data folder as "emoji": what
to run is said where it does not.

python -m recipes.vq_vae_emoji --data-dir ~/tensorflow_datasets
"""

from recipes.recipe import Recipe, Training

CATEGORIES = (
    *("Activities", "Animals & Nature", "Flags", "Food & Drink", "Objects"),
    *("People & Body", "Smileys & Emotion", "Symbols", "Travel & Places"),
)


def build_model(beta, seed, dtype):
    """Two codes of 256 at each of 8x8 positions, and a prior that sees the category."""
    import zoo

    return zoo.VQVAE(
        (64, 64, 3),
        codebook_size=256,
        code_dim=32,
        quantizer=zoo.quantizers.ResidualQuantizer(256, 32, depth=2, seed=seed),
        filters=(32, 64, 128),
        blocks_per_stage=2,
        block="residual",
        activation="relu",
        likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=2),
        prior=zoo.CodePrior(
            256,
            (8, 8, 2),
            width=128,
            num_layers=4,
            num_classes=len(CATEGORIES),
            class_names=list(CATEGORIES),
            # Of 3,190 pictures.
            dropout=0.2,
            seed=seed,
        ),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="vq_vae",
    )


RECIPE = Recipe(
    name="vq_vae_emoji",
    summary="VQ-VAE with 8x8x2 codes of 256, and a transformer that draws emoji of a "
    "category.",
    dataset="emoji",
    image_shape=(64, 64, 3),
    validation=200,
    binarized=False,
    # No average of weights: the codebook follows the encoder as it is.
    training=Training(
        epochs=80,
        batch_size=32,
        learning_rate=2e-3,
        rate_warmup=0.02,
        clipnorm=10000.0,
        ema_momentum=None,
        steps_per_execution=16,
    ),
    prior_training=Training(
        epochs=40,
        batch_size=32,
        learning_rate=1.5e-3,
        rate_warmup=0.05,
        ema_momentum=0.99,
    ),
    build_model=build_model,
    half_precision=True,
    num_importance_samples=1,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
