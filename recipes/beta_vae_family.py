"""The beta-VAE family on sprites: the same network, images and steps for each of them.

python -m recipes.beta_vae_family trains each with the recipe's own command path, scores
it, and writes beta_vae_family.json; what was finished before a kill is kept. --save
puts the figures into the package's own table, which `make readme` shows.
"""

import dataclasses

import typer

from recipes import beta_vae_sprites as base
from recipes.commands.study import member, study_command

EPOCHS = 10
# Half the recipe's: the first latents come in there, and short runs have no epochs to
# wait for it.
FIRST_BETA = base.RECIPE.training.beta_start / 2
LAST_BETA = base.RECIPE.training.beta_end

# Title and setting of each: what the model of its name below is built with.
MEMBERS = {
    "vae": ("VAE (Kingma & Welling 2014)", "beta 1"),
    "beta_vae": ("beta-VAE (Higgins et al. 2017)", "beta 4"),
    "annealed": (
        "beta-VAE, annealed as in `beta_vae_sprites`",
        f"beta {FIRST_BETA:g} to {LAST_BETA:g}",
    ),
    "capacity": (
        "capacity annealing (Burgess et al. 2018)",
        "gamma 30, 0 to 16 nats",
    ),
    "total_correlation": ("beta-TCVAE (Chen et al. 2018)", "beta 6"),
    "dip_i": ("DIP-VAE-I (Kumar et al. 2018)", "lambda_od 10, lambda_d 100"),
    "dip_ii": ("DIP-VAE-II (Kumar et al. 2018)", "lambda_od 10, lambda_d 10"),
    "factor_vae": ("FactorVAE (Kim & Mnih 2018)", "gamma 35, 4 x 256 units"),
}


def own_arguments(name, steps):
    """What a member's model is built with, beside the network that all share.

    Args:
        name: one of `MEMBERS`.
        steps: of the whole training.

    Returns:
        (class of the model, its keyword arguments).
    """
    import zoo

    if name == "factor_vae":
        return zoo.FactorVAE, {"gamma": 35.0, "discriminator_units": (256,) * 4}
    rise = zoo.schedules.LinearWarmup(0.8 * steps, start=0.0, end=16.0)
    fall = zoo.schedules.LinearWarmup(0.6 * steps, start=FIRST_BETA, end=LAST_BETA)
    arguments = {
        "vae": {"beta": 1.0},
        "beta_vae": {"beta": 4.0},
        "annealed": {"beta": fall},
        "capacity": {"objective": zoo.objectives.Capacity(30.0, capacity=rise)},
        "total_correlation": {
            "objective": zoo.objectives.TotalCorrelation(6.0, base.TRAINING_IMAGES)
        },
        "dip_i": {"objective": zoo.objectives.DIP(10.0, 100.0, kind="i")},
        "dip_ii": {"objective": zoo.objectives.DIP(10.0, 10.0, kind="ii")},
    }
    return zoo.BetaVAE, arguments[name]


def members(epochs, data_dir=None):
    """The `recipes.commands.study.Member` of each, trained for so many epochs."""
    training = dataclasses.replace(
        base.RECIPE.training,
        epochs=epochs,
        warmup_epochs=0,  # a member brings its own schedules
        beta_start=0.0,
        beta_end=1.0,
    )
    steps = epochs * -(-base.TRAINING_IMAGES // training.batch_size)
    return [
        member(
            base.RECIPE,
            name,
            *told,
            _build_model(name, steps),
            scored_again=True,
            training=training,
        )
        for name, told in MEMBERS.items()
    ]


def _build_model(name, steps):
    def build_model(beta, seed, dtype):
        make, own = own_arguments(name, steps)
        return make(
            base.IMAGE_SHAPE,
            base.LATENT_DIM,
            seed=seed,
            dtype=dtype,
            name=name,
            **base.NETWORKS,
            **own,
        )

    return build_model


main = study_command(
    "beta_vae_family",
    members,
    EPOCHS,
    "Trains and scores the beta-VAE family on sprites.",
)

if __name__ == "__main__":
    typer.run(main)
