"""TextVAE on WordNet's definitions: 117,659 meanings, each in a phrase or a sentence.

python -m recipes.text_vae_wordnet --data-dir DATA

DATA/wordnet has the files data.noun, data.verb, data.adj and data.adv of WordNet 3.0;
where Debian's package wordnet-base is installed, they are found without.
"""

from recipes.data.forms import Texts
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype, vocabulary):
    """GRUs of 256 units and 32 latents, which are free to tell some nats together."""
    import zoo

    return zoo.TextVAE(
        64,
        latent_dim=32,
        units=256,
        embedding_dim=128,
        vocabulary=vocabulary,
        objective=zoo.objectives.ELBO(beta=beta, free_bits=8.0, free_bits_of="group"),
        seed=seed,
        dtype=dtype,
        name="text_vae",
    )


RECIPE = Recipe(
    name="text_vae_wordnet",
    summary="GRU of 32 latents on WordNet's definitions, in 4,096 byte pairs.",
    dataset="wordnet",
    texts=Texts(max_length=64, kind="bytes", size=4096),
    validation=2000,
    binarized=False,
    training=Training(
        epochs=12,
        batch_size=128,
        learning_rate=1e-3,
        rate_warmup=0.02,
        clipnorm=5.0,
        steps_per_execution=1,
    ),
    build_model=build_model,
    half_precision=True,
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
