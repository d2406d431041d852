"""Steps whose gradient explodes are left out: the rest is as if they had not been."""

import keras
import numpy as np
import pytest
from zoo_helpers import BACKEND, NoiselessVAE, array, make_dense, quick_compile

import zoo
from zoo.training import SkippingOptimizer
from zoo.training.split_optimizer import SplitOptimizer, split


def adam():
    return keras.optimizers.Adam(0.01, global_clipnorm=1.0, use_ema=True)


def state_of(model, optimizer):
    """Weights, moments, averages and count of steps."""
    return [array(v.value) for v in [*model.trainable_variables, *optimizer.variables]]


@pytest.mark.parametrize("steps", [1, pytest.param(2, id="two in a call")])
def test_steps_that_explode_change_nothing_and_are_counted(images, steps, tmp_path):
    if BACKEND == "torch" and steps > 1:
        pytest.skip("Keras on PyTorch runs one step at a time")
    model, calm = make_dense(NoiselessVAE), make_dense(NoiselessVAE)
    optimizer = SkippingOptimizer(adam(), max_norm=1e4)
    quick_compile(model, optimizer, steps_per_execution=steps)
    quick_compile(calm, adam(), steps_per_execution=steps)
    # Of the batches of 16: usual, far too large, usual, not finite.
    weights = np.repeat(np.float32([1, 1e6, 1, np.inf]), 16)
    options = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    history = model.fit(images[:64], sample_weight=weights, **options).history
    usual = np.isin(weights, 1)
    logs = calm.fit(images[:64][usual], sample_weight=weights[usual], **options)
    assert history["skipped"] == [2, 4] and "skipped" not in logs.history
    assert int(model.steps_trained) == 8 and int(optimizer.iterations) == 4
    for ours, theirs in zip(
        state_of(model, optimizer.inner_optimizer),
        state_of(calm, calm.optimizer),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    if steps > 1:
        return
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(
        tmp_path / "model.keras", custom_objects={"NoiselessVAE": NoiselessVAE}
    )
    assert loaded.optimizer.max_norm == 1e4
    assert float(array(loaded.optimizer.skipped.value)) == 4


def test_loss_scaling_goes_around_it(images):
    model = make_dense(hidden_units=(8,), dtype="mixed_float16")
    optimizer = SkippingOptimizer("adam", max_norm=100.0)
    quick_compile(model, optimizer)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.dynamic_scale.assign(4.0)
    before = array(model.trainable_variables[0].value)
    for weight, skipped in ((30.0, 1), (1.0, 1)):
        weights = np.full(16, weight, "float32")
        logs = model.train_on_batch(
            images[:16], sample_weight=weights, return_dict=True
        )
        assert float(logs["skipped"]) == skipped
        after = array(model.trainable_variables[0].value)
        assert np.array_equal(before, after) == (weight > 1)


def test_it_goes_around_a_part_with_an_optimizer_of_its_own():
    variables = make_dense().trainable_variables
    optimizer = SkippingOptimizer("sgd", max_norm=7.0)
    for _ in range(2):  # compiled, and compiled again
        optimizer = split(optimizer, None, keras.optimizers.Adam, variables[:1])
        assert type(optimizer) is SkippingOptimizer and optimizer.max_norm == 7.0
        assert type(optimizer.inner_optimizer) is SplitOptimizer
        rest, _ = optimizer.inner_optimizer.optimizers
        assert type(rest).__name__ == "SGD"


@pytest.mark.parametrize(
    "inner, max_norm, said",
    [
        ("adam", 0.0, "`max_norm` must be a finite number > 0; got 0.0"),
        ("adam", float("nan"), "`max_norm` must be a finite number > 0; got nan"),
        ("adam", float("inf"), "`max_norm` must be a finite number > 0; got inf"),
        (
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
            1.0,
            "wrap it in the LossScaleOptimizer",
        ),
    ],
)
def test_what_it_cannot_judge_is_refused(inner, max_norm, said):
    with pytest.raises(ValueError, match=said):
        zoo.training.SkippingOptimizer(inner, max_norm)
