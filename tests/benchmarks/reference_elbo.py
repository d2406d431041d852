"""The published reference: 784-400-20, batch 128, Adam 1e-3, 10 epochs, grey MNIST.

    KERAS_BACKEND=jax python tests/benchmarks/reference_elbo.py --data-dir FOLDER

Prints the negative ELBO on the 10,000 test images, in nats: 105.6 in the reference
(the VAE of PyTorch's examples).
"""

import argparse
import json

import keras

import zoo
from recipes.data import load_images


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = load_images(
        "mnist",
        data_dir=options.data_dir,
        splits=("train", "test"),
        validation=0,
    )
    keras.utils.set_random_seed(options.seed)
    model = zoo.DenseVAE(
        (28, 28, 1), latent_dim=20, hidden_units=(400,), seed=options.seed
    )
    backend = keras.backend.backend()
    model.compile(
        keras.optimizers.Adam(1e-3),
        steps_per_execution=1 if backend == "torch" else 67,
    )
    model.fit(data.train, batch_size=128, epochs=10, verbose=2)
    loss = -float(model.elbo(data.test, seed=options.seed)["elbo"].mean())
    result = {"backend": backend, "images": len(data.train), "negative_elbo": loss}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
