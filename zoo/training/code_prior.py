"""Training a prior over codes: a classification of each code, given those before it."""

import keras
import numpy as np

from zoo.training.errors import plain_error
from zoo.training.ordering import with_seeded_order


def fit_code_prior(
    prior,
    codes,
    labels=None,
    optimizer="adam",
    validation_data=None,
    jit_compile="auto",
    **options,
):
    """Trains a `zoo.CodePrior` on codes, as `keras.Model.fit`.

    Args:
        prior: the prior, which may be frozen; it is again afterwards.
        codes: int32 array (N, *code_shape).
        labels: int32 array (N,), for a prior with `num_classes`.
        optimizer: a Keras optimizer or its name.
        validation_data: (codes, labels) to validate on; labels may be None.
        jit_compile: as in `keras.Model.compile`.
        options: of `keras.Model.fit`, such as `epochs` and `batch_size`.

    Returns:
        `keras.callbacks.History` with `loss` and `val_loss` in nats a code.

    Raises:
        ValueError: if labels are missing or not wanted.
    """
    prior.check_presence_of(labels)
    inputs = [keras.Input(prior.code_shape, dtype="int32")]
    if labels is not None:
        inputs.append(keras.Input((), dtype="int32"))

    def pair(codes, labels):
        prior.check_presence_of(labels)
        given = [codes] if labels is None else [codes, labels]
        return given, np.reshape(codes, (-1, prior.length))

    trainable, prior.trainable = prior.trainable, True
    try:
        model = keras.Model(inputs, prior(*inputs))
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        if validation_data is not None:
            options["validation_data"] = pair(*validation_data)
        inputs, targets = pair(codes, labels)
        options = with_seeded_order({"x": inputs, "y": targets, **options})
        return model.fit(**options)
    except ValueError as error:
        if (plain := plain_error(error)) is not error:
            raise plain from None
        raise
    finally:
        prior.trainable = trainable
