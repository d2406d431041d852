"""TextVAE on the embedded phrases: no network, no data folder, about a minute.

python -m recipes.text_vae_phrases
"""

from recipes.data.forms import Texts
from recipes.data.texts.phrases import entropy
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype, vocabulary):
    """Small: of a language of 52 words that a grammar of twenty rules makes."""
    import zoo

    return zoo.TextVAE(
        16,
        latent_dim=8,
        units=64,
        embedding_dim=32,
        vocabulary=vocabulary,
        # Where the KL costs nothing at first, the decoder learns to use its latent.
        objective=zoo.objectives.ELBO(beta=beta, free_bits=4.0, free_bits_of="group"),
        seed=seed,
        dtype=dtype,
        name="text_vae",
    )


RECIPE = Recipe(
    name="text_vae_phrases",
    summary="Small GRU of 8 latents on phrases whose probabilities are known: "
    f"{entropy():.2f} nats of entropy.",
    dataset="phrases",
    texts=Texts(max_length=16, kind="words", size=100),
    validation=1000,
    binarized=False,
    training=Training(
        epochs=14,
        batch_size=128,
        learning_rate=6e-3,
        rate_warmup=0.05,
        clipnorm=5.0,
        ema_momentum=0.99,
        patience=10,
        steps_per_execution=1,
    ),
    build_model=build_model,
    half_precision=True,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
