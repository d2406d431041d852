"""`fit` of the zoo's models, on the backend that KERAS_BACKEND names."""

import sys
import time

import common
import keras

import zoo
from recipes.provenance import hardware

MODELS = {
    "dense": lambda: zoo.DenseVAE(
        (28, 28, 1), common.LATENT_DIM, hidden_units=(common.HIDDEN_UNITS,), seed=0
    ),
    "conv": lambda: zoo.ConvVAE(
        (28, 28, 1), common.LATENT_DIM, filters=(16, 32), blocks_per_stage=1, seed=0
    ),
}


class EpochEnds(keras.callbacks.Callback):
    """When epochs end, whatever `fit` does between two of them included."""

    def on_train_begin(self, logs=None):
        self.ends = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())


def main():
    options = common.parse_options(__doc__, model=tuple(MODELS), steps=(1,))
    images = common.load_images(options)
    keras.utils.set_random_seed(0)
    model = MODELS[options.model]()
    model.compile(
        keras.optimizers.Adam(common.LEARNING_RATE), steps_per_execution=options.steps
    )
    clock = EpochEnds()
    backend = keras.backend.backend()
    history = model.fit(
        images,
        batch_size=common.BATCH_SIZE,
        epochs=1 + options.epochs,
        verbose=0,
        callbacks=[clock],
    )
    common.report(
        clock.ends,
        len(images),
        history.history["loss"][-1],
        hardware=hardware(),
        versions={
            "keras": keras.__version__,
            backend: sys.modules[backend].__version__,
        },
    )


if __name__ == "__main__":
    main()
