"""What each ingredient of a dense VAE of MNIST gives: a recipe, less one of them.

The recipe is `dense_vae_mnist` as it was with N(0, I), before it took up a learned
prior from here, with a deeper flow.

python -m recipes.dense_vae_ablation trains each with the recipe's own command path,
scores it, and writes dense_vae_ablation.json; what was finished before a kill is kept.
--save puts the figures into the package's own table, which `make readme` shows.
"""

import dataclasses

import typer

from recipes import dense_vae_mnist as base
from recipes.commands.study import member, study_command
from recipes.recipe import Training

EPOCHS = 20
K = 200
# Of the whole recipe, of which `EPOCHS` are a part.
TRAINING = Training(epochs=300, batch_size=128, learning_rate=1e-3, warmup_epochs=50)

# name: (title, setting, options of the model, changes of the training).
MEMBERS = {
    "recipe": ("the recipe, short", "prior N(0, I)", {}, {}),
    "plain": ("no gates", "ReLU layers of 2 x 400", {"gated": False}, {}),
    "small": ("smaller", "gated layers of 2 x 200", {"hidden_units": (200, 200)}, {}),
    "no_warmup": ("no warm-up", "beta 1 from the start", {}, {"warmup_epochs": 0}),
    "no_ema": ("no average", "the weights themselves", {}, {"ema_momentum": None}),
    "no_decay": ("no decay", "learning rate 0.001", {}, {"decay": False}),
    "no_decay_no_ema": (
        "no decay, no average",
        "learning rate 0.001",
        {},
        {"decay": False, "ema_momentum": None},
    ),
    "latents_10": ("fewer latents", "10", {"latent_dim": 10}, {}),
    "latents_20": ("fewer latents", "20", {"latent_dim": 20}, {}),
    "free_bits": ("free bits", "0.1 nats a latent", {"free_bits": 0.1}, {}),
    "iwae": ("importance-weighted objective", "5 draws", {"draws": 5}, {}),
    "flow": ("learned prior", "flow of 6 layers", {"flow_layers": 6}, {}),
    "longer": ("longer", "three times as many epochs", {}, {"times": 3}),
}


def members(epochs, data_dir=None):
    """The `recipes.commands.study.Member` of each variant.

    Args:
        epochs: of each; warm-up and decay are those of the recipe, as much shorter.
        data_dir: not needed here.
    """
    made = []
    for name, (title, setting, options, changes) in MEMBERS.items():
        changes = dict(changes)
        count = epochs * changes.pop("times", 1)
        share = count / TRAINING.epochs
        training = dataclasses.replace(
            TRAINING, epochs=count, warmup_epochs=TRAINING.warmup_epochs * share
        )
        made.append(
            member(
                base.RECIPE,
                name,
                title,
                setting,
                build_model=_build_model(**options),
                num_importance_samples=K,
                training=dataclasses.replace(training, **changes),
            )
        )
    return made


def _build_model(free_bits=0.0, draws=1, flow_layers=None, **options):
    def build_model(beta, seed, dtype):
        import zoo

        if draws > 1:
            objective = zoo.objectives.ImportanceWeighted(draws, beta=beta)
        else:
            objective = zoo.objectives.ELBO(beta=beta, free_bits=free_bits)
        prior = "standard_normal"
        if flow_layers is not None:
            prior = zoo.priors.Flow(40, num_layers=flow_layers, seed=seed)
        return zoo.DenseVAE(
            (28, 28, 1),
            **{
                "latent_dim": 40,
                "hidden_units": (400, 400),
                "gated": True,
                **options,
            },
            prior=prior,
            objective=objective,
            dynamic_binarization=True,
            seed=seed,
            dtype=dtype,
            name="dense_vae",
        )

    return build_model


main = study_command(
    "dense_vae_ablation",
    members,
    EPOCHS,
    "Trains and scores variants of dense_vae_mnist.",
)

if __name__ == "__main__":
    typer.run(main)
