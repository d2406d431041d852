"""compile(steps_per_execution="auto"): as fast as asked for, and nothing else."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoo_helpers import SHAPE, array, make_dense, quick_compile

import zoo
from zoo.training.steps import LEAST, MOST, steps_in_one_call

BACKEND = keras.backend.backend()
IMAGES = np.random.default_rng(0).random((20 * 8 + 3, *SHAPE), "float32").round()


class Watch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.seen = getattr(self, "seen", 0) + 1


def nothing(step, logs):
    pass


def fitted(steps="auto", x=IMAGES, model=None, **options):
    model = model or make_dense()
    keras.utils.set_random_seed(0)
    quick_compile(model, "adam", steps_per_execution=steps)
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, **options}
    return model, model.fit(x, **options).history


@given(st.integers(0, 5000), st.floats(1, 1e13))
def test_no_call_has_too_many_steps_and_few_are_left_over(batches, products):
    steps = steps_in_one_call(batches, products)
    assert 1 <= steps <= max(1, min(MOST, batches))
    if batches < LEAST:
        assert steps == 1
    assert steps == 1 or 6 * products * steps / 1e11 <= 1


def test_an_epoch_is_divided_into_equal_calls():
    assert steps_in_one_call(468, 1e6) == 117  # 60,000 images in batches of 128
    assert steps_in_one_call(1875, 1e6) == 125
    assert steps_in_one_call(127, 1e6) == 127
    assert steps_in_one_call(10_007, 1e6) == MOST  # a prime number
    assert steps_in_one_call(1000, 1e10) == 1


def test_it_trains_as_step_by_step_does():
    model, history = fitted()
    assert model.steps_per_execution == (1 if BACKEND == "torch" else 20)
    one, wanted = fitted(steps=1)
    assert one.steps_per_execution == 1
    assert int(model.steps_trained) == int(one.steps_trained) == 42
    for name, values in wanted.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)
    for weight, other in zip(model.weights, one.weights, strict=True):
        np.testing.assert_allclose(array(weight), array(other), atol=1e-4)


def test_each_fit_chooses_anew(tmp_path):
    model, _ = fitted()
    watch = Watch()
    for count, callbacks, steps in (
        (len(IMAGES), [watch], 1),
        (len(IMAGES), [keras.callbacks.LambdaCallback(on_train_batch_end=nothing)], 1),
        (len(IMAGES), [keras.callbacks.LambdaCallback(on_epoch_end=nothing)], 20),
        (len(IMAGES), [keras.callbacks.ModelCheckpoint(tmp_path / "a.keras")], 20),
        (
            len(IMAGES),
            [keras.callbacks.ModelCheckpoint(tmp_path / "b.keras", save_freq=9)],
            1,
        ),
        (8 * (LEAST - 1), [], 1),
    ):
        options = {"batch_size": 8, "verbose": 0, "callbacks": callbacks}
        model.fit(IMAGES[:count], **options, validation_data=IMAGES[:16])
        assert model.steps_per_execution == (1 if BACKEND == "torch" else steps)
    assert watch.seen == 21


def test_streams_and_what_is_debugged_run_step_by_step():
    model = make_dense()
    model.compile("adam")
    batches = [IMAGES[i : i + 8] for i in range(0, 160, 8)]
    model.fit((each for each in batches), verbose=0)
    assert model.steps_per_execution == 1
    model.compile("adam", run_eagerly=True)
    model.fit(IMAGES, batch_size=8, verbose=0)
    assert model.steps_per_execution == 1


def test_convolutions_on_a_cpu_run_step_by_step():
    model = zoo.ConvVAE((8, 8, 1), 2, filters=(4,), hidden_units=8, seed=0)
    images = np.zeros((LEAST * 2, 8, 8, 1), "float32")
    model, _ = fitted(x=images, model=model, batch_size=2, epochs=1)
    assert model.steps_per_execution == 1


def test_a_saved_model_goes_on_choosing(tmp_path):
    model, _ = fitted()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.compile_options["steps_per_execution"] == "auto"
    loaded.fit(IMAGES, batch_size=8, verbose=0)
    assert loaded.steps_per_execution == model.steps_per_execution


@pytest.mark.parametrize("steps", [0, -1, "many", 1.5])
def test_other_numbers_of_steps_are_refused(steps):
    with pytest.raises((ValueError, TypeError), match="steps_per_execution"):
        make_dense().compile("adam", steps_per_execution=steps)
