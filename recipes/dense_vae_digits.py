"""DenseVAE on the embedded digits: no network, no data folder, under a minute.

python -m recipes.dense_vae_digits
"""

from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """Small, and regularized by little data as well as it goes: 8 latents, a flow."""
    import zoo

    return zoo.DenseVAE(
        (28, 28, 1),
        latent_dim=8,
        hidden_units=(200,),
        gated=True,
        prior=zoo.priors.Flow(8, hidden_units=32, seed=seed),
        beta=beta,
        dynamic_binarization=True,
        seed=seed,
        dtype=dtype,
        name="dense_vae",
    )


RECIPE = Recipe(
    name="dense_vae_digits",
    summary="Small gated dense VAE, 8 latents and a flow, on the embedded digits.",
    dataset="digits",
    image_shape=(28, 28, 1),
    validation=150,
    binarized=True,
    training=Training(
        epochs=120,
        batch_size=64,
        learning_rate=2e-3,
        warmup_epochs=20,
        ema_momentum=0.99,
        patience=30,
        steps_per_execution=7,
    ),
    build_model=build_model,
    half_precision=True,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
