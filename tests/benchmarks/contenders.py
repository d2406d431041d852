"""Who is compared with whom, and on how much."""

import dataclasses
from typing import NamedTuple

from common import BATCH_SIZE

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
# Rows that others are compared with.
TORCH_LOOP = "hand-written PyTorch loop"
JAX_STEPS = "hand-written JAX loop, a call a step"
JAX_SCAN = "hand-written JAX loop, a call an epoch"
TENSORFLOW_LOOP = "hand-written TensorFlow loop"
PYTHAE = "pythae's VAE and trainer"


class Sizes(NamedTuple):
    """How much is measured.

    Attributes:
        rounds: turns of each contender that a claim is about.
        epochs, conv_epochs: counted in each turn, after one that is not.
        dense_images, conv_images: trained on in an epoch.
        growing_dense_images, growing_conv_images: the same where sizes grow.
        hidden_units, image_sizes, counts: the sizes that grow.
        presets: whose decoders are sampled; the first also starts and grows.
        seconds: that each call is repeated for when calls that sample are compared.
    """

    rounds: int
    epochs: int
    conv_epochs: int
    dense_images: int
    conv_images: int
    growing_dense_images: int
    growing_conv_images: int
    hidden_units: tuple[int, ...]
    image_sizes: tuple[int, ...]
    counts: tuple[int, ...]
    presets: tuple[str, ...]
    seconds: float


FULL = Sizes(
    rounds=3,
    epochs=2,
    conv_epochs=2,
    dense_images=134 * BATCH_SIZE,
    # The zoo records a step on PyTorch after a hundred: in the epoch not counted.
    conv_images=101 * BATCH_SIZE,
    growing_dense_images=100 * BATCH_SIZE,
    growing_conv_images=15 * BATCH_SIZE,
    hidden_units=(128, 512, 2048),
    image_sizes=(16, 32, 64),
    counts=(64, 1_024, 16_384),
    presets=("conv_vae_mnist", "dense_vae_mnist"),
    seconds=0.3,
)
QUICK = Sizes(
    rounds=1,
    epochs=1,
    conv_epochs=1,
    dense_images=10 * BATCH_SIZE,
    conv_images=2 * BATCH_SIZE,
    growing_dense_images=10 * BATCH_SIZE,
    growing_conv_images=2 * BATCH_SIZE,
    hidden_units=(64, 128),
    image_sizes=(16, 32),
    counts=(64, 128),
    presets=("dense_vae_mnist",),
    seconds=0.02,
)


@dataclasses.dataclass(frozen=True)
class Contender:
    """A row of a table: a script of this folder, its options, and where it runs.

    One that no claim is about takes a single turn.
    """

    name: str
    script: str
    options: tuple = ()
    backend: str = ""
    python: str = ""
    environment: tuple = ()
    claimed: bool = True


def dense(images, sizes, pythae_python):
    """Contenders that train the dense model."""
    rows = [
        Contender(TORCH_LOOP, "peers_torch.py"),
        Contender(JAX_STEPS, "peers_jax.py", ("--loop=step",), claimed=False),
        Contender(JAX_SCAN, "peers_jax.py"),
        *(zoo_fit(backend) for backend in BACKENDS),
        *(
            Contender(
                stock_keras_name(backend),
                "peers_keras.py",
                backend=backend,
                claimed=False,
            )
            for backend in BACKENDS
        ),
    ]
    if pythae_python:
        rows.append(Contender(PYTHAE, "peers_pythae.py", python=pythae_python))
    return _training(rows, images, sizes.dense_images, sizes.epochs)


def conv(images, sizes, name="conv"):
    """Contenders that train the convolutional model: hand-written, then the zoo."""
    model = f"--model={name}"
    rows = [
        Contender(TENSORFLOW_LOOP, "peers_tensorflow.py", (model,)),
        zoo_fit("tensorflow", model),
        Contender(JAX_STEPS, "peers_jax.py", (model, "--loop=step")),
        zoo_fit("jax", model),
        Contender(TORCH_LOOP, "peers_torch.py", (model,)),
        zoo_fit("torch", model),
    ]
    return _training(rows, images, sizes.conv_images, sizes.conv_epochs)


def ladder(images, sizes):
    """The same of the ladder."""
    return conv(images, sizes, "ladder")


def growing_dense(images, sizes):
    """The dense model on JAX, named by its hidden units."""
    rows = [
        Contender(
            str(units),
            "measure_zoo.py",
            (f"--hidden={units}",),
            "jax",
        )
        for units in sizes.hidden_units
    ]
    return _training(rows, images, sizes.growing_dense_images, sizes.epochs)


def growing_conv(files, sizes):
    """The convolutional model on TensorFlow, named by the images' sides.

    Args:
        files: {side: .npy of images}.
    """
    rows = []
    for side, images in files.items():
        row = Contender(str(side), "measure_zoo.py", ("--model=conv",), "tensorflow")
        rows += _training([row], images, sizes.growing_conv_images, sizes.epochs)
    return rows


def zoo_fit(backend, *options):
    return Contender(zoo_name(backend), "measure_zoo.py", options, backend)


def zoo_name(backend):
    return f"zoo on {BACKENDS[backend]}"


def stock_keras_name(backend):
    return f"stock Keras on {BACKENDS[backend]}"


def _training(rows, images, count, epochs):
    common = (f"--images={images}", f"--count={count}", f"--epochs={epochs}")
    return [dataclasses.replace(row, options=(*row.options, *common)) for row in rows]
