"""StackedSemiSupervisedVAE on MNIST with the labels of 100 images.

python -m recipes.semi_supervised_vae_mnist --data-dir ~/tensorflow_datasets
"""

from recipes.common.published import Published
from recipes.recipe import Recipe, Training


def build_model(beta, seed, dtype):
    """20 latents and the digit, on top of the 40 latents of a VAE without labels."""
    import zoo

    return zoo.StackedSemiSupervisedVAE(
        zoo.from_preset("dense_vae_mnist", dtype=dtype),
        latent_dim=20,
        num_classes=10,
        class_names=[str(digit) for digit in range(10)],
        hidden_units=(256, 256),
        beta=beta,
        seed=seed,
        dtype=dtype,
        name="semi_supervised_vae",
    )


def published(model, value, differs=""):
    """A figure of others by the same protocol."""
    return Published(
        model,
        value,
        metric="label_error_percent",
        data="MNIST, 100 labels",
        differs=differs,
    )


RECIPE = Recipe(
    name="semi_supervised_vae_mnist",
    summary="M1+M2 on dynamically binarized MNIST: tells digits by the labels of 100.",
    dataset="mnist",
    image_shape=(28, 28, 1),
    validation=2000,
    binarized=True,
    num_labels=100,
    training=Training(
        epochs=60,
        batch_size=128,
        learning_rate=1e-3,
        rate_warmup=0.02,
    ),
    build_model=build_model,
    half_precision=True,
    anchors=(
        published("M2 (Kingma et al. 2014)", "11.97"),
        published("M1+M2 (Kingma et al. 2014)", "3.33"),
        published("SDGM (Maaløe et al. 2016)", "1.32"),
    ),
)

if __name__ == "__main__":
    from recipes.commands.train import run_script

    run_script(RECIPE)
