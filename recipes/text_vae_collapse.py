"""What keeps a latent of texts in use: a model of WordNet's definitions, less or more.

A decoder that goes from token to token can do without its latent, and training then
leaves it unused: posterior collapse (Bowman et al., "Generating Sentences from a
Continuous Space", 2016). Beside a language model of the same decoder, which has no
latent, each remedy is tried by itself.

python -m recipes.text_vae_collapse trains each with the recipe's own command path,
scores it on the test texts, on which nothing is chosen, and writes
text_vae_collapse.json; what was finished before a kill is kept. --save puts the figures
into the package's own table, which `make readme` shows.
"""

import dataclasses

import typer

from recipes import text_vae_wordnet as base
from recipes.commands.study import member, study_command

EPOCHS = 8
K = 50
# Narrower than the preset: nine models are trained in the time of three of its width.
NARROW = {"units": 128, "dropout": 0.1}
# Nats that a latent may tell for free, or is held at.
FREE, TARGET = 6.0, 8.0

# name: (title, setting, options of the model, changes of the recipe).
MEMBERS = {
    "language_model": ("no latent", "a language model", {"latent": False}, {}),
    "plain": ("no remedy", "beta 1 throughout", {}, {}),
    "warmup": ("warm-up", "beta from 0 to 1 in 4 epochs", {}, {"warmup_epochs": 4}),
    "cyclical": (
        "cyclical warm-up",
        "4 cycles, half of each rising (Fu et al. 2019)",
        {"cycles": 4},
        {},
    ),
    "free_bits": ("free bits", f"{FREE:g} nats", {"free_bits": FREE}, {}),
    "target": ("KL held", f"at {TARGET:g} nats", {"target": TARGET}, {}),
    "word_dropout": (
        "word dropout",
        "0.4, and warm-up",
        {"word_dropout": 0.4},
        {"warmup_epochs": 4},
    ),
    "bag_of_words": (
        "bag of words",
        "weight 1, and warm-up",
        {"bag_of_words": 1.0},
        {"warmup_epochs": 4},
    ),
    "encoder_first": (
        "autoencoder first",
        f"2 epochs, and {FREE:g} free nats (Li et al. 2019)",
        {"free_bits": FREE},
        {"encoder_epochs": 2},
    ),
    "language_model_of_preset": (
        "no latent, as wide as the preset",
        f"256 units and {base.RECIPE.training.epochs} epochs, as text_vae_wordnet",
        {"latent": False, "narrow": False},
        {"training": base.RECIPE.training},
    ),
}


def members(epochs, data_dir=None):
    """The `recipes.commands.study.Member` of each.

    Args:
        epochs: of each but the last; warm-up and autoencoder are as much shorter or
            longer.
        data_dir: not needed here.
    """
    made, share = [], epochs / EPOCHS
    for name, (title, setting, options, changes) in MEMBERS.items():
        changes = dict(changes)
        training = changes.get("training") or dataclasses.replace(
            base.RECIPE.training,
            epochs=epochs,
            warmup_epochs=share * changes.get("warmup_epochs", 0),
        )
        first = None
        if count := changes.get("encoder_epochs"):
            count = max(1, round(share * count))
            first = dataclasses.replace(training, epochs=count)
        made.append(
            member(
                base.RECIPE,
                name,
                title,
                setting,
                build_model=_build_model(**options, epochs=epochs),
                num_importance_samples=K,
                training=training,
                encoder_training=first,
            )
        )
    return made


def _build_model(
    latent=True,
    free_bits=0.0,
    target=None,
    cycles=0,
    narrow=True,
    epochs=EPOCHS,
    **options,
):
    options |= NARROW if narrow else {}

    def build_model(beta, seed, dtype, vocabulary):
        import zoo

        if cycles:
            steps = epochs * base.STEPS_PER_EPOCH
            beta = zoo.schedules.CyclicalWarmup(steps // cycles, cycles, rise=0.5)
        if target is None:
            objective = zoo.objectives.ELBO(
                beta, free_bits=free_bits, free_bits_of="group"
            )
        else:
            objective = zoo.objectives.Capacity(gamma=1.0, capacity=target)
        kind = zoo.TextVAE if latent else language_model()
        return base.make_model(
            vocabulary,
            kind=kind,
            seed=seed,
            dtype=dtype,
            objective=objective,
            **options,
        )

    return build_model


def language_model():
    """A `TextVAE` whose decoder is told nothing: -log p(x) is exact, KL goes to 0."""
    import keras

    import zoo

    name = "recipes>LanguageModel"
    if found := keras.saving.get_registered_object(name):
        return found

    @keras.saving.register_keras_serializable(package="recipes")
    class LanguageModel(zoo.TextVAE):
        def context(self, z, labels=None):
            return 0 * super().context(z, labels)

    return LanguageModel


main = study_command(
    "text_vae_collapse",
    members,
    EPOCHS,
    "Trains and scores text_vae_wordnet with each remedy of posterior collapse.",
    scored_on="test",
)

if __name__ == "__main__":
    typer.run(main)
