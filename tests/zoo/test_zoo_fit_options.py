"""Compiled steps in every variant: precision, accumulation, averages, many at once."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import (
    BACKEND,
    LOGS,
    SHAPE,
    NoiselessVAE,
    array,
    make_dense,
    quick_compile,
    weights_distance,
)

import zoo

not_on_torch = pytest.mark.skipif(
    BACKEND == "torch", reason="Keras on PyTorch runs one step at a time"
)


def train_in_steps(images, steps_per_execution):
    """Two epochs on 62 images in batches of 8: 8 steps, the last one smaller."""
    keras.utils.set_random_seed(0)
    model = make_dense(beta=zoo.schedules.LinearWarmup(steps=20))
    model.compile(keras.optimizers.Adam(0.01), steps_per_execution=steps_per_execution)
    history = model.fit(
        images[:62],
        batch_size=8,
        epochs=2,
        sample_weight=np.linspace(0.5, 1.5, 62, dtype="float32"),
        verbose=0,
    ).history
    return model, history


@pytest.fixture(scope="module")
def one_by_one(images):
    return train_in_steps(images, 1)


@not_on_torch
# 4 leaves a full call with unequal batches, 3 leaves two steps over as well.
@pytest.mark.parametrize("steps", [3, 4])
def test_many_steps_in_one_call_equal_steps_one_by_one(images, one_by_one, steps):
    model, history = train_in_steps(images, steps)
    expected_model, expected = one_by_one
    assert int(model.steps_trained) == int(expected_model.steps_trained) == 16
    assert weights_distance(model, expected_model) < 1e-5
    assert set(history) == set(expected) == LOGS
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)


@not_on_torch
def test_many_steps_of_a_generator_that_ends_early(images):
    batches = (images[i : i + 16] for i in range(0, 64, 16))
    model = make_dense()
    quick_compile(model, steps_per_execution=3)
    model.fit(batches, verbose=0)
    assert int(model.steps_trained) == 4


def test_accumulated_gradients_equal_one_big_batch(images):
    big, accumulated = make_dense(NoiselessVAE), make_dense(NoiselessVAE)
    quick_compile(big, keras.optimizers.SGD(0.01))
    quick_compile(
        accumulated, keras.optimizers.SGD(0.01, gradient_accumulation_steps=4)
    )
    big.fit(images, batch_size=64, epochs=2, shuffle=False, verbose=0)
    start = make_dense(NoiselessVAE)
    accumulated.fit(images, batch_size=16, steps_per_epoch=3, shuffle=False, verbose=0)
    assert weights_distance(start, accumulated) == 0
    accumulated.fit(images[48:], batch_size=16, shuffle=False, verbose=0)
    accumulated.fit(images, batch_size=16, shuffle=False, verbose=0)
    assert weights_distance(big, accumulated) < 1e-5 < weights_distance(big, start)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_with_a_float32_elbo(images, dtype):
    model = make_dense(hidden_units=(16,), dtype=dtype)
    quick_compile(model, keras.optimizers.Adam(0.01))
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (dtype == "mixed_float16")
    if scaled:  # from 2^15, the first steps overflow and are skipped
        model.optimizer.build(model.trainable_variables)
        model.optimizer.dynamic_scale.assign(2.0**8)
    history = model.fit(
        images, batch_size=16, epochs=6, validation_data=images, verbose=0
    ).history
    assert np.isfinite(history["loss"]).all()
    # The same movement as in float32, to which a wrong scale would be far.
    assert history["val_loss"][-1] < history["val_loss"][0] - 2
    # Figures are not rounded to the 8 or 11 bits of the networks' dtype.
    terms = model.elbo(images, seed=0)
    assert all(values.dtype == np.float32 for values in terms.values())
    elbo = terms["elbo"]
    assert np.any(elbo != elbo.astype(np.float16).astype(np.float32))
    assert model.encoder.head.kernel.dtype == "float32"


class QuarterOfWeights(zoo.objectives.Objective):
    """A quarter of the sum of squares of one weight: its gradient is half of it."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, terms, step):
        loss = 0.25 * ops.sum(ops.square(ops.convert_to_tensor(self.weight)))
        return loss + ops.zeros_like(terms.kl)


@pytest.mark.parametrize("scaled", (False, True))
def test_adam_is_that_of_the_paper(images, scaled):
    """Kingma & Ba 2015, section 2, with epsilon as in its last lines."""
    model = make_dense(NoiselessVAE)
    kernel = model.decoder.head.kernel
    model.objective = QuarterOfWeights(kernel)
    # Gradients of every size, also such as epsilon decides.
    weight = np.logspace(-9, 0, kernel.shape[0] * kernel.shape[1], dtype="float32")
    kernel.assign(weight.reshape(kernel.shape))
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.PolynomialDecay(1e-3, 10, end_learning_rate=1e-4)
    )
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=4.0)
    quick_compile(model, optimizer)
    first, second, weight = 0.0, 0.0, weight.astype("float64")
    for step in range(5):
        model.train_on_batch(images[:8])
        gradient = 0.5 * weight
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 1e-4 + (1e-3 - 1e-4) * (1 - step / 10)
        rate *= np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        weight -= rate * first / (np.sqrt(second) + 1e-7)
        np.testing.assert_allclose(
            array(kernel).ravel(), weight, rtol=1e-4, atol=2e-7, err_msg=f"step {step}"
        )


@pytest.mark.skipif(BACKEND != "torch", reason="a kernel of PyTorch")
def test_fused_adam_serves_stock_adam_alone():
    def is_fused(optimizer):
        model = make_dense()
        model.compile(optimizer)
        return "_parallel_update_step" in vars(model.optimizer)

    assert is_fused("adam") and is_fused(keras.optimizers.Adam(clipnorm=1.0))
    assert not is_fused(keras.optimizers.Adam(amsgrad=True))
    assert not is_fused("adamw") and not is_fused("sgd")


def test_loss_scaling_does_not_change_the_step(images):
    plain, scaled = make_dense(NoiselessVAE), make_dense(NoiselessVAE)
    quick_compile(plain, keras.optimizers.SGD(0.01))
    quick_compile(
        scaled,
        keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.01), initial_scale=2.0**6
        ),
    )
    for model in (plain, scaled):
        logs = model.train_on_batch(images, return_dict=True)
        assert logs["loss"] == pytest.approx(-logs["elbo"], rel=1e-5)
    assert weights_distance(plain, scaled) < 1e-6
    assert weights_distance(plain, make_dense(NoiselessVAE)) > 1e-4


def test_eager_and_uncompiled_steps_equal_compiled_ones(images):
    def trained(**options):
        model = make_dense(NoiselessVAE)
        model.compile(keras.optimizers.SGD(0.01), **options)
        model.fit(images, batch_size=64, verbose=0)
        return model

    expected = trained()
    variants = [{"run_eagerly": True}, {"jit_compile": False}]
    if BACKEND != "torch":  # torch.compile takes half a minute
        variants.append({"jit_compile": True})
    for options in variants:
        assert weights_distance(trained(**options), expected) < 1e-5, options


@pytest.mark.parametrize("steps", [1, pytest.param(2, marks=not_on_torch)])
def test_averaged_weights_are_kept_and_fit_goes_on(images, steps):
    model = make_dense()
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5)
    quick_compile(model, optimizer, steps_per_execution=steps)
    swap = keras.callbacks.SwapEMAWeights()
    losses = []
    for _ in range(3):
        history = model.fit(
            images,
            batch_size=16,
            epochs=2,
            validation_data=images,
            callbacks=[swap],
            verbose=0,
        ).history
        losses += history["loss"]
    assert losses[-1] < losses[0]
    assert int(model.steps_trained) == 24
    # What `fit` leaves are the averages.
    averages = optimizer._model_variables_moving_average
    for variable, average in zip(model.trainable_variables, averages, strict=True):
        np.testing.assert_allclose(array(variable), array(average), atol=1e-6)


class Charge(keras.layers.Layer):
    """The identity, at a price of 3 nats."""

    def call(self, x):
        self.add_loss(ops.convert_to_tensor(3.0))
        return x


def test_added_losses_and_regularizers_join_the_loss(images):
    regularizer = keras.regularizers.L2(0.1)
    encoder = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(4, kernel_regularizer=regularizer),
            Charge(),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.layers.Dense(64, kernel_regularizer=regularizer),
            keras.layers.Reshape(SHAPE),
        ]
    )
    model = zoo.VAE(encoder, decoder, SHAPE, latent_dim=2)
    quick_compile(model, keras.optimizers.SGD(0.001))
    for step in ("test_on_batch", "train_on_batch", "train_on_batch"):
        kernels = [array(w) for w in model.weights if "kernel" in w.path]
        assert len(kernels) == 2
        extra = 3 + 0.1 * sum(np.sum(k**2) for k in kernels)
        logs = getattr(model, step)(images, return_dict=True)
        assert logs["loss"] == pytest.approx(extra - logs["elbo"], rel=1e-5)
    history = model.fit(images, epochs=3, batch_size=16, verbose=0).history
    assert history["loss"][-1] > -history["elbo"][-1] + 3


def test_regularizer_moves_the_weights():
    # Images of one pixel value and a decoder that ignores z: only L2 reaches W.
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    decoder = keras.Sequential(
        [
            keras.layers.Dense(
                64, kernel_regularizer=keras.regularizers.L2(0.5), name="out"
            ),
            keras.layers.Reshape(SHAPE),
        ]
    )
    model = zoo.VAE(encoder, decoder, SHAPE, latent_dim=1, beta=0.0)
    quick_compile(model, keras.optimizers.SGD(0.1))
    for weight in encoder.weights:  # z = 0 and no noise worth speaking of
        weight.assign(np.zeros(weight.shape))
    encoder.weights[1].assign([0.0, -20.0])
    kernel = array(decoder.weights[0])
    model.train_on_batch(np.full((4, *SHAPE), 0.5, "float32"))
    np.testing.assert_allclose(array(decoder.weights[0]), kernel * (1 - 0.1), atol=1e-4)


def test_networks_with_dropout_and_batch_statistics_train(images):
    encoder = keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=0),
            keras.layers.Dense(4),
        ]
    )
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    model = zoo.VAE(encoder, decoder, SHAPE, latent_dim=2, seed=0)
    quick_compile(model)
    moving_mean = array(encoder.layers[2].moving_mean)
    history = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert set(history) == LOGS
    assert np.any(array(encoder.layers[2].moving_mean) != moving_mean)
    # Inference is deterministic.
    np.testing.assert_array_equal(
        model.elbo(images, seed=0)["elbo"], model.elbo(images, seed=0)["elbo"]
    )
