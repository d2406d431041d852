"""What a recipe is: a data set, a model and the hyperparameters that train it."""

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from recipes.common.published import Published
from recipes.data.forms import Texts

RECIPES = (
    "beta_vae_sprites",
    "conditional_vae_fashion",
    "conditional_vae_mnist",
    "conv_vae_mnist",
    "dense_vae_digits",
    "dense_vae_mnist",
    "hierarchical_vae_cifar10",
    "hierarchical_vae_fashion",
    "hierarchical_vae_mnist",
    "hierarchical_vae_omniglot",
    "semi_supervised_vae_mnist",
    "text_vae_phrases",
    "text_vae_wordnet",
    "vq_vae_cifar10",
    "vq_vae_emoji",
    "vq_vae_mnist",
)


@dataclass(frozen=True)
class Training:
    """Hyperparameters of one run.

    Attributes:
        epochs: passes over the training images, or texts.
        batch_size: images a step.
        learning_rate: peak of the schedule, which decays to 0 along half a cosine
            (Loshchilov & Hutter, "SGDR", 2017) unless `decay` is False.
        rate_warmup: share of the steps over which the learning rate rises from 0.
        warmup_epochs: epochs over which the weight of the KL goes from `beta_start` to
            `beta_end`.
        beta_start, beta_end: that weight, before and after.
        decay: whether the learning rate decays.
        clipnorm: norm that the gradient of all weights together is scaled down to where
            it is larger, or None.
        skipped_norm: norm of that gradient, before, above which a step is not taken, or
            None.
        ema_momentum: momentum of the average of weights that is evaluated and kept, or
            None for the weights themselves.
        patience: epochs without a better validation ELBO before stopping early.
        steps_per_execution: steps in one compiled call, where the backend has it; 1 of
            texts, whose batches differ in width.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    rate_warmup: float = 0.0
    warmup_epochs: int = 0
    beta_start: float = 0.0
    beta_end: float = 1.0
    decay: bool = True
    clipnorm: float | None = None
    skipped_norm: float | None = None
    ema_momentum: float | None = 0.999
    patience: int = 50
    steps_per_execution: int = 64


@dataclass(frozen=True)
class Recipe:
    """One way to train one model.

    Attributes:
        name: also the name of the script and of the preset.
        summary: one sentence for lists and model cards.
        dataset: what `recipes.data.load_images` is asked for, or, of texts,
            `recipes.data.texts.load_texts`.
        validation: images or texts cut from the training split for validation.
        binarized: whether the model sees images binarized, and the test split is
            binarized once before it is scored.
        training: hyperparameters.
        build_model: called with `beta`, `seed` and `dtype`, and of texts with their
            `vocabulary`; returns a model of the zoo. It imports `zoo` itself, so that
            the backend can be chosen before.
        image_shape: (H, W, C) that images are resized to; None of texts.
        texts: how texts are cut, and how long they are; None of images.
        num_labels: how many training images keep their labels, as many of each class,
            of a model that learns from few; those of validation keep none. None for
            all.
        encoder_training: hyperparameters of an autoencoder, the same model without its
            KL, that is trained before: the model begins with its encoder (Li et al.,
            "A Surprisingly Effective Fix for Deep Latent Variable Modeling of Text",
            2019). None to begin with a fresh one.
        prior_training: hyperparameters of the prior over codes, which is trained after
            the model; None for models without one.
        half_precision: whether weights are rounded to half precision before they are
            scored and saved: half the bytes (`zoo.presets.round_to_half`).
        num_importance_samples: K of the likelihood that is computed after training.
        anchors: published figures beside this recipe's.
    """

    name: str
    summary: str
    dataset: str
    validation: int
    binarized: bool
    training: Training
    build_model: Callable
    image_shape: tuple[int, int, int] | None = None
    texts: Texts | None = None
    num_labels: int | None = None
    encoder_training: Training | None = None
    prior_training: Training | None = None
    half_precision: bool = False
    num_importance_samples: int = 100
    anchors: tuple[Published, ...] = ()

    def __post_init__(self):
        if (self.image_shape is None) == (self.texts is None):
            raise ValueError("A recipe is of an `image_shape`, or of `texts`.")

    @property
    def form(self):
        """What its model takes, as `recipes.data.forms.load_data` is told it."""
        return self.texts or self.image_shape


def get_recipe(name):
    """The recipe of a name.

    Raises:
        ValueError: if there is none; names close to it are suggested.
    """
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, n=2)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(
            f"There is no recipe {name!r}.{hint} Recipes: {', '.join(RECIPES)}."
        )
    return importlib.import_module(f"recipes.{name}").RECIPE
