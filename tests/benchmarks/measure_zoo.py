"""`fit` of the zoo's models, on the backend that KERAS_BACKEND names."""

import math
import sys
import time

import common
import keras

import zoo
from recipes.common.provenance import hardware


def make_model(options, image_shape):
    if options.model == "dense":
        return zoo.DenseVAE(
            image_shape, common.LATENT_DIM, hidden_units=(options.hidden,), seed=0
        )
    if options.model == "ladder":
        return zoo.HierarchicalVAE(
            image_shape,
            common.LADDER_LEVELS,
            filters=common.LADDER_FILTERS,
            blocks_per_level=1,
            block="residual",
            activation="relu",
            seed=0,
        )
    return zoo.ConvVAE(
        image_shape,
        common.LATENT_DIM,
        filters=common.CONV_FILTERS,
        blocks_per_stage=1,
        hidden_units=common.CONV_HIDDEN_UNITS,
        seed=0,
    )


class EpochEnds(keras.callbacks.Callback):
    """When epochs end, whatever `fit` does between two of them included."""

    def on_train_begin(self, logs=None):
        self.ends = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())


def main():
    options = common.parse_options(
        __doc__,
        model=("dense", "conv", "ladder"),
        hidden=(common.HIDDEN_UNITS,),
    )
    images = common.load_images(options)
    keras.utils.set_random_seed(0)
    model = make_model(options, images.shape[1:])
    model.compile("adam")  # of the learning rate of all others
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
        sum(math.prod(weight.shape) for weight in model.trainable_weights),
        hardware=hardware(),
        versions={
            "keras": keras.__version__,
            backend: sys.modules[backend].__version__,
        },
    )


if __name__ == "__main__":
    main()
