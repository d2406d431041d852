"""Keras' own saving: `.keras` files, checkpoints and clones of compiled models."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import BACKEND, SHAPE, array, make_dense, quick_compile

import zoo

NO_ORDER = {"batch_size": 16, "shuffle": False, "verbose": 0}


@keras.saving.register_keras_serializable(package="test_keras_saving")
class Penalty(zoo.objectives.Objective):
    """A user's objective: the ELBO and a price on the size of z."""

    def __init__(self, price=0.1):
        self.price = price

    def __call__(self, terms, step):
        return -terms.elbo + self.price * ops.mean(
            ops.square(terms.group.z), axis=(0, 2)
        )


@keras.saving.register_keras_serializable(package="test_keras_saving")
class OwnVAE(zoo.DenseVAE):
    """A user's subclass: twice the ELBO."""

    def example_losses(self, terms, step):
        return 2 * super().example_losses(terms, step)


def adam_with_schedule():
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.01, decay_steps=30), clipnorm=5.0
    )


def dense(**options):
    return lambda: make_dense(**options)


def vq(**options):
    options = {"filters": (4,), "blocks_per_stage": 1, "seed": 0, **options}
    return lambda: zoo.VQVAE(SHAPE, codebook_size=8, code_dim=2, **options)


def factor():
    return zoo.FactorVAE(
        SHAPE, 2, networks="dense", hidden_units=(4,), discriminator_units=(4,), seed=0
    )


KINDS = {
    "binarization": dense(
        objective=zoo.objectives.TotalCorrelation(
            zoo.schedules.LinearWarmup(20), dataset_size=64
        ),
        dynamic_binarization=True,
    ),
    "own": lambda: make_dense(
        OwnVAE,
        objective=Penalty(0.5),
        likelihood="gaussian",
        prior=zoo.priors.Flow(2, num_layers=2, hidden_units=4, seed=0),
    ),
    "codebook and its prior": vq(prior="autoregressive"),
    "two optimizers": factor,
}


def state(model):
    """All that training goes on from, as arrays."""
    variables = [
        *model.weights,
        *model.optimizer.variables,
        *model.seed_states(),
    ]
    return [array(v.value) for v in variables]


def check_same_state(one, other):
    ours, theirs = state(one), state(other)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_after_saving_and_loading(kind, images, tmp_path):
    model = KINDS[kind]()
    options = {}
    if kind == "two optimizers":
        options["discriminator_optimizer"] = keras.optimizers.SGD(0.1, momentum=0.9)
    quick_compile(model, adam_with_schedule(), **options)
    images = images[:32]
    model.fit(images, epochs=2, **NO_ORDER)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert type(loaded) is type(model) and loaded.compiled
    assert int(loaded.steps_trained) == int(loaded.optimizer.iterations) == 4
    check_same_state(loaded, model)
    model.fit(images, epochs=2, **NO_ORDER)
    loaded.fit(images, epochs=2, **NO_ORDER)
    assert int(loaded.steps_trained) == 8
    check_same_state(loaded, model)


def test_what_is_compiled_and_what_is_frozen_is_kept(images, tmp_path):
    model = make_dense(dtype="mixed_float16")
    model.encoder.trainable = False
    model.encoder.head.trainable = True
    steps = 1 if BACKEND == "torch" else 2
    model.compile("sgd", jit_compile=False, steps_per_execution=steps)
    model.fit(images, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(loaded.optimizer.inner_optimizer, keras.optimizers.SGD)
    assert loaded.steps_per_execution == steps and not loaded.jit_compile
    assert len(loaded.trainable_variables) == len(model.trainable_variables)
    assert not loaded.encoder.trainable and loaded.decoder.trainable
    assert loaded.encoder.head.trainable
    loaded.fit(images, verbose=0)


def test_uncompiled_and_not_compiled_on_request(images, tmp_path):
    model = make_dense()
    model.save(tmp_path / "plain.keras")
    assert not keras.models.load_model(tmp_path / "plain.keras").compiled
    quick_compile(model)
    model.save(tmp_path / "m.keras")  # without a step
    loaded = keras.models.load_model(tmp_path / "m.keras", compile=False)
    assert not loaded.compiled
    np.testing.assert_array_equal(
        loaded.sample(3, seed=0), make_dense().sample(3, seed=0)
    )
    keras.models.load_model(tmp_path / "m.keras").fit(images, verbose=0)


@pytest.mark.parametrize("weights_only", [False, True])
def test_model_checkpoint_keeps_the_best(weights_only, images, tmp_path):
    path = tmp_path / ("best.weights.h5" if weights_only else "best.keras")
    model = make_dense()
    quick_compile(model, keras.optimizers.Adam(0.01))
    checkpoint = keras.callbacks.ModelCheckpoint(
        path,
        monitor="val_elbo",
        mode="max",
        save_best_only=True,
        save_weights_only=weights_only,
    )
    after_best = []

    class Worsen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                after_best.extend(self.model.get_weights())
                self.model.optimizer.learning_rate = 10.0

    model.fit(
        images,
        validation_data=images,
        epochs=3,
        callbacks=[Worsen(), checkpoint],
        **NO_ORDER,
    )
    if weights_only:
        best = make_dense(seed=7)
        best.load_weights(path)
    else:
        best = keras.models.load_model(path)
    for a, b in zip(best.get_weights(), after_best, strict=True):
        np.testing.assert_array_equal(a, b)


def test_backup_and_restore_goes_on_after_an_interruption(images, tmp_path):
    def start():
        model = make_dense(beta=zoo.schedules.LinearWarmup(steps=20))
        quick_compile(model, keras.optimizers.Adam(0.01))
        return model

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    unbroken = start()
    unbroken.fit(images, epochs=4, **NO_ORDER)
    with pytest.raises(KeyboardInterrupt):
        start().fit(images, epochs=4, callbacks=[backup(), Interrupt()], **NO_ORDER)
    resumed = start()
    history = resumed.fit(images, epochs=4, callbacks=[backup()], **NO_ORDER)
    assert history.epoch == [2, 3]
    check_same_state(resumed, unbroken)


def test_clone_has_the_same_config_and_fresh_weights(images):
    model = make_dense(seed=None, objective=Penalty())
    quick_compile(model)
    model.fit(images, verbose=0)
    clone = keras.models.clone_model(model)
    assert type(clone) is zoo.DenseVAE and clone.compiled
    assert clone.get_config() == model.get_config()
    assert int(clone.steps_trained) == int(clone.optimizer.iterations) == 0
    kernels = [m.encoder.head.kernel for m in (model, clone)]
    assert not np.allclose(array(kernels[0]), array(kernels[1]))
    clone.fit(images, verbose=0)
    assert int(model.steps_trained) == int(clone.steps_trained) == 2
    assert clone.sample(2, seed=0).shape == (2, *SHAPE)


def test_optimizers_are_saved_under_names_that_every_backend_knows():
    model = factor()
    quick_compile(model, "adamw")
    saved = model.get_compile_config()["optimizer"]
    parts = [saved, saved["config"]["rest"], saved["config"]["chosen"]]
    assert [part["class_name"] for part in parts] == ["SplitOptimizer", "AdamW", "Adam"]
    assert [part["module"] for part in parts[1:]] == ["keras.optimizers"] * 2
