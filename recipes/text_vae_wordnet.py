"""TextVAE on WordNet's definitions: 117,659 meanings, each in a phrase or a sentence.

python -m recipes.text_vae_wordnet --data-dir DATA

DATA/wordnet has the files data.noun, data.verb, data.adj and data.adv of WordNet 3.0;
where Debian's package wordnet-base is installed, they are found without.
"""

from recipes.common.published import Published
from recipes.data.forms import Texts
from recipes.recipe import Recipe, Training

# Not to be compared: other sentences, twice as long, in another vocabulary.
_OTHER_DATA = {"data": "Penn Treebank, another corpus", "prior": "N(0, I)", "split": ""}

# Of 105,288 training texts, in batches of 128.
STEPS_PER_EPOCH = 823


def make_model(vocabulary, kind=None, units=256, dropout=0.2, **options):
    """GRUs with 32 latents; `kind` is the class, `zoo.TextVAE` if None."""
    import zoo

    return (kind or zoo.TextVAE)(
        64,
        latent_dim=32,
        units=units,
        embedding_dim=units // 2,
        dropout=dropout,
        vocabulary=vocabulary,
        name="text_vae",
        **options,
    )


def build_model(beta, seed, dtype, vocabulary):
    """Latents are free to tell some nats together."""
    import zoo

    objective = zoo.objectives.ELBO(beta, free_bits=5.5, free_bits_of="group")
    return make_model(vocabulary, objective=objective, seed=seed, dtype=dtype)


RECIPE = Recipe(
    name="text_vae_wordnet",
    summary="GRUs of 256 units and 32 latents on WordNet's definitions.",
    dataset="wordnet",
    texts=Texts(max_length=64, kind="bytes", size=4096),
    validation=2000,
    binarized=False,
    training=Training(
        epochs=12,
        batch_size=128,
        learning_rate=2e-3,
        rate_warmup=0.03,
        clipnorm=5.0,
        steps_per_execution=1,
    ),
    build_model=build_model,
    half_precision=True,
    anchors=(
        Published(
            "LSTM VAE (texar)",
            "NLL 102.54, perplexity a word 107.64",
            **_OTHER_DATA,
        ),
        Published(
            "transformer VAE (texar)",
            "NLL 101.61, perplexity a word 103.14",
            **_OTHER_DATA,
        ),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
