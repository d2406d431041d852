"""Five quantizers on MNIST: 8x8 codes of 512, the same network, images and steps.

python -m recipes.vq_vae_quantizers trains each with the recipe's own command path,
scores it, and writes vq_vae_quantizers.json; what was finished before a kill is kept.
--save puts the figures into the package's own table, which `make readme` shows.
"""

import dataclasses

import numpy as np
import typer

from recipes import vq_vae_mnist as base
from recipes.commands.study import member, study_command

EPOCHS = 5
# As published tables have it: MNIST padded to 32x32 pixels, 512 codes on a grid of 8x8.
IMAGE_SHAPE = (32, 32, 1)
CODEBOOK_SIZE, CODE_DIM = 512, 16
NETWORK = {"filters": (32, 64), "blocks_per_stage": 1}

MEMBERS = {
    "ema": ("EMA (van den Oord et al. 2017)", "decay 0.9, codes expire"),
    "gradient": ("gradient (van den Oord et al. 2017)", "commitment 0.25"),
    "fsq": ("FSQ (Mentzer et al. 2023)", "8 x 8 x 8 levels"),
    "residual": ("residual EMA (Lee et al. 2022)", "depth 2: 128 codes an image"),
    "gumbel": ("Gumbel-softmax (Jang et al. 2017)", "temperature 1 to 0.3"),
}


def members(epochs, data_dir=None):
    """The `recipes.commands.study.Member` of each quantizer.

    Args:
        epochs: of each.
        data_dir: folder of prepared TFDS data sets.
    """
    from recipes.data import load_images

    training = dataclasses.replace(
        base.RECIPE.training,
        epochs=epochs,
        # Gumbel codes would say nothing, were their KL counted from the start.
        warmup_epochs=0.6 * epochs,
    )
    data = load_images(
        "mnist", data_dir=data_dir, splits=("train", "test"), validation=0
    )
    margins = [(0, 0), (2, 2), (2, 2), (0, 0)]
    padded = {
        "x_train": np.pad(data.train, margins),
        "x_test": np.pad(data.test, margins),
    }
    return [
        member(
            base.RECIPE,
            name,
            *told,
            build_model=_build_model(
                name, epochs * len(data.train) // training.batch_size
            ),
            dataset=padded,
            image_shape=IMAGE_SHAPE,
            training=training,
            prior_training=None,
        )
        for name, told in MEMBERS.items()
    ]


def _build_model(name, steps):
    def build_model(beta, seed, dtype):
        import zoo

        quantizer = name
        if name == "gumbel":
            quantizer = zoo.quantizers.GumbelQuantizer(
                CODEBOOK_SIZE,
                CODE_DIM,
                zoo.schedules.ExponentialDecay(steps, start=1.0, end=0.3),
                seed=seed,
            )
        return zoo.VQVAE(
            IMAGE_SHAPE,
            CODEBOOK_SIZE,
            CODE_DIM,
            quantizer=quantizer,
            likelihood=zoo.likelihoods.DiscretizedLogisticMixture(num_mixtures=4),
            beta=beta,
            seed=seed,
            dtype=dtype,
            name="vq_vae",
            **NETWORK,
        )

    return build_model


main = study_command(
    "vq_vae_quantizers", members, EPOCHS, "Trains and scores five quantizers on MNIST."
)

if __name__ == "__main__":
    typer.run(main)
