"""What a ConvVAE on CIFAR-10 owes to what: small ones, with one thing changed.

python -m recipes.conv_vae_ablation trains each with the recipe's own command path,
scores it, and writes conv_vae_ablation.json; what was finished before a kill is kept.
--save puts the figures into the package's own table, which `make readme` shows.
"""

import dataclasses

import typer

from recipes.commands.study import member, study_command
from recipes.recipe import Recipe, Training

EPOCHS = 3
SMALL = {"filters": (32,), "blocks_per_stage": 1, "latent_dim": 16 * 16 * 16}

# name: (title, setting, options of the model, mixtures, changes of the training).
MEMBERS = {
    "grid": ("latents on a 16x16 grid", "16 at each position", {}, 1, {}),
    "vector": (
        "latents behind dense layers",
        "256",
        {
            "filters": (32, 64, 128),
            "latent_dim": 256,
            "hidden_units": 256,
        },
        1,
        {},
    ),
    "coarse": (
        "latents on an 8x8 grid",
        "48 at each position",
        {"filters": (32, 64), "latent_dim": 8 * 8 * 48},
        1,
        {},
    ),
    "beta_1": (
        "no warm-up",
        "beta 1 from the start",
        {},
        1,
        {"warmup_share": 0.0},
    ),
    "long_warmup": ("longer warm-up", "to the end", {}, 1, {"warmup_share": 1.0}),
    "mixtures": ("more logistics", "mixtures of 3 a pixel", {}, 3, {}),
    "deep": ("deeper", "3 blocks", {"blocks_per_stage": 3}, 1, {}),
    "no_ema": ("no average", "the weights themselves", {}, 1, {"ema_momentum": None}),
}


def members(epochs, data_dir=None):
    """The `recipes.commands.study.Member` of each variant.

    Args:
        epochs: of each; the warm-up is half of them, if nothing else is said.
        data_dir: not needed here.
    """
    training = Training(
        epochs=epochs,
        batch_size=64,
        learning_rate=2e-3,
        # An autoencoder first, or most latents never come in.
        beta_start=0.01,
        # Of the last 100 steps: these runs are short.
        ema_momentum=0.99,
    )
    recipe = Recipe(
        name="conv_vae_ablation",
        summary="Small ConvVAE on CIFAR-10.",
        dataset="cifar10",
        image_shape=(32, 32, 3),
        validation=2000,
        binarized=False,
        training=training,
        build_model=_build_model(1),
    )
    made = []
    for name, (title, setting, options, mixtures, changes) in MEMBERS.items():
        changes = dict(changes)
        warmup_epochs = epochs * changes.pop("warmup_share", 0.5)
        made.append(
            member(
                recipe,
                name,
                title,
                setting,
                build_model=_build_model(mixtures, **options),
                training=dataclasses.replace(
                    training, warmup_epochs=warmup_epochs, **changes
                ),
            )
        )
    return made


def _build_model(mixtures, **options):
    def build_model(beta, seed, dtype):
        import zoo

        return zoo.ConvVAE(
            (32, 32, 3),
            **{"hidden_units": None, **SMALL, **options},
            likelihood=zoo.likelihoods.DiscretizedLogisticMixture(mixtures),
            beta=beta,
            seed=seed,
            dtype=dtype,
            name="conv_vae",
        )

    return build_model


main = study_command(
    "conv_vae_ablation",
    members,
    EPOCHS,
    "Trains and scores variants of a ConvVAE on CIFAR-10.",
)

if __name__ == "__main__":
    typer.run(main)
