"""`fit`, `evaluate` and single steps: what they log, and that they learn."""

import keras
import numpy as np
import pytest
from zoo_helpers import (
    BACKEND,
    LOGS,
    NoiselessVAE,
    array,
    make_dense,
    quick_compile,
    weights_distance,
)

import zoo
from zoo.objectives import ELBO, ImportanceWeighted
from zoo.schedules import LinearWarmup


def test_fit_lowers_the_loss_and_logs_the_elbo(images):
    model = make_dense(hidden_units=(16,))
    model.compile(keras.optimizers.Adam(0.02))
    before = model.elbo(images, seed=0)["elbo"].mean()
    history = model.fit(
        images, validation_data=images, batch_size=16, epochs=10, verbose=0
    ).history
    assert set(history) == LOGS | {f"val_{name}" for name in LOGS}
    assert all(len(values) == 10 for values in history.values())
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert history["val_loss"][-1] < 0.8 * history["val_loss"][0]
    after = model.elbo(images, seed=0)["elbo"].mean()
    assert after > before + 5
    # The figures of evaluation and of training are of one kind, up to their noise.
    assert history["val_elbo"][-1] == pytest.approx(after, abs=5)
    for prefix in ("", "val_"):
        logged = {name: np.array(history[prefix + name]) for name in LOGS}
        terms = logged["reconstruction"] + logged["kl"]
        np.testing.assert_allclose(logged["elbo"], -terms, rtol=1e-5)
        np.testing.assert_allclose(logged["loss"], -logged["elbo"], rtol=1e-5)
        assert np.all(logged["kl"] >= 0)
        assert set(logged["active_units"]) <= {0, 1, 2}
    assert history["active_units"][-1] > 0


def test_logged_figures_are_means_over_images_of_unequal_batches(images):
    model = make_dense(NoiselessVAE)
    quick_compile(model)
    logs = model.evaluate(images[:50], batch_size=16, verbose=0, return_dict=True)
    terms = model.elbo_terms(keras.ops.convert_to_tensor(images[:50]))
    assert logs["kl"] == pytest.approx(array(terms.kl).mean(), rel=1e-4)
    assert logs["elbo"] == pytest.approx(array(terms.elbo).mean(), rel=1e-5)
    assert logs["loss"] == pytest.approx(-array(terms.elbo).mean(), rel=1e-5)
    means = model.encode(images[:50]).mean
    assert logs["active_units"] == np.sum(array(means).var(axis=0) > 0.01)


def test_single_batch_methods_agree_with_the_model(images):
    model = make_dense(NoiselessVAE)
    quick_compile(model, keras.optimizers.SGD(0.0))
    elbo = array(model.elbo_terms(keras.ops.convert_to_tensor(images)).elbo).mean()
    trained = model.train_on_batch(images, return_dict=True)
    tested = model.test_on_batch(images, return_dict=True)
    assert set(trained) == set(tested) == LOGS
    for logs in (trained, tested):
        assert logs["elbo"] == pytest.approx(elbo, rel=1e-5)
        assert logs["loss"] == pytest.approx(-elbo, rel=1e-5)
    assert len(model.test_on_batch(images)) == len(model.metrics_names)
    assert int(model.steps_trained) == 1


def test_predict_is_reconstruct(model, grey):
    quick_compile(model)
    predicted = model.predict(grey, batch_size=7, verbose=0)
    np.testing.assert_allclose(predicted, model.reconstruct(grey), atol=1e-6)


def test_loss_follows_the_schedule_step_by_step(images):
    model = make_dense(objective=ELBO(beta=LinearWarmup(steps=4)))
    quick_compile(model, keras.optimizers.SGD(1e-4))
    for beta in (0, 0.25, 0.5, 0.75, 1, 1):
        logs = model.train_on_batch(images, return_dict=True)
        expected = logs["reconstruction"] + beta * logs["kl"]
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
        terms = logs["reconstruction"] + logs["kl"]
        assert logs["elbo"] == pytest.approx(-terms, rel=1e-5)
    # Evaluation is at the same place of the schedule and does not move it.
    model.evaluate(images, verbose=0)
    assert int(model.steps_trained) == 6


def test_schedule_goes_on_after_saving_and_loading(images, tmp_path):
    model = make_dense(beta=LinearWarmup(steps=10))
    quick_compile(model)
    model.fit(images, batch_size=16, epochs=1, verbose=0)
    assert int(model.steps_trained) == 4
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    assert int(loaded.steps_trained) == 4
    quick_compile(loaded, keras.optimizers.SGD(1e-4))
    logs = loaded.train_on_batch(images, return_dict=True)
    assert logs["loss"] == pytest.approx(
        logs["reconstruction"] + 0.4 * logs["kl"], rel=1e-5
    )
    assert int(loaded.steps_trained) == 5


def test_iwae_objective_trains_on_a_tighter_bound(images):
    model = make_dense(objective=ImportanceWeighted(8), hidden_units=(8,))
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=6, verbose=0).history
    assert set(history) == LOGS
    assert history["loss"][-1] < history["loss"][0]
    # log p(x) >= IWAE bound >= ELBO, for a posterior that is not exact.
    assert history["loss"][-1] < -history["elbo"][-1]


@pytest.mark.parametrize("beta", [0.0, 4.0])
def test_beta_changes_the_loss_and_not_the_elbo(images, beta):
    model = make_dense(NoiselessVAE, beta=beta)
    quick_compile(model)
    logs = model.evaluate(images, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(
        logs["reconstruction"] + beta * logs["kl"], rel=1e-5
    )
    terms = logs["reconstruction"] + logs["kl"]
    assert logs["elbo"] == pytest.approx(-terms, rel=1e-5)


def test_dynamic_binarization_draws_grey_pixels_and_keeps_binary_ones(images):
    model = make_dense(dynamic_binarization=True, seed=1)
    grey = np.full((500, 8, 8, 1), 0.3, "float32")
    first = array(model.prepare_images(keras.ops.convert_to_tensor(grey)))
    second = array(model.prepare_images(keras.ops.convert_to_tensor(grey)))
    assert set(np.unique(first)) == {0, 1}
    assert np.mean(first) == pytest.approx(0.3, abs=0.01)
    assert np.mean(first != second) == pytest.approx(2 * 0.3 * 0.7, abs=0.01)
    binary = array(model.prepare_images(keras.ops.convert_to_tensor(images)))
    np.testing.assert_array_equal(binary, images)
    plain = make_dense().prepare_images(keras.ops.convert_to_tensor(grey))
    np.testing.assert_array_equal(array(plain), grey)


def test_dynamic_binarization_trains_on_grey_images(grey):
    kwargs = {"hidden_units": (8,), "dynamic_binarization": True}
    model = make_dense(**kwargs)
    quick_compile(model)
    history = model.fit(grey, validation_data=grey, epochs=2, verbose=0).history
    # An untrained decoder's cross-entropy of 64 fair bits, to within its initial noise.
    assert history["reconstruction"][0] == pytest.approx(64 * np.log(2), abs=6)
    assert np.isfinite(history["val_elbo"]).all()
    # `elbo` scores images as given: grey ones as grey.
    other = make_dense(hidden_units=(8,))
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.elbo(grey, seed=0)["elbo"], other.elbo(grey, seed=0)["elbo"], rtol=1e-6
    )


def test_seed_makes_models_and_training_reproducible(images):
    def trained(seed):
        keras.utils.set_random_seed(0)  # the order of batches
        model = make_dense(seed=seed)
        start = model.get_weights()
        quick_compile(model)
        model.fit(images, batch_size=16, verbose=0)
        return start, model

    start, model = trained(3)
    again_start, again = trained(3)
    other_start = make_dense(seed=4).get_weights()
    for a, b in zip(start, again_start, strict=True):
        np.testing.assert_array_equal(a, b)
    assert weights_distance(model, again) < 1e-6
    assert any(np.any(a != b) for a, b in zip(start, other_start, strict=True))


def test_layers_of_one_model_start_from_different_weights():
    model = make_dense(hidden_units=(64, 64), gated=True)
    flat = [w.ravel()[:50] for w in model.get_weights() if w.ndim == 2]
    for i, one in enumerate(flat):
        for other in flat[:i]:
            assert np.corrcoef(one, other)[0, 1] < 0.9


def test_callbacks_see_epochs_and_stop_training(images):
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, set(logs)))
            self.model.stop_training = epoch == 1

    model = make_dense()
    quick_compile(model)
    history = model.fit(
        images,
        validation_data=images,
        epochs=5,
        initial_epoch=0,
        verbose=0,
        callbacks=[Stop(), keras.callbacks.EarlyStopping("val_elbo", mode="max")],
    )
    every = LOGS | {f"val_{name}" for name in LOGS}
    assert seen == [(0, every), (1, every)]
    assert history.epoch == [0, 1]


def test_learning_rate_schedules_and_clipping_train(images):
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, decay_steps=8)
    model = make_dense()
    quick_compile(model, keras.optimizers.Adam(schedule, clipnorm=1.0))
    history = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)


def test_frozen_encoder_stays_after_compiling_again(images):
    model = make_dense()
    model.encoder.trainable = False
    quick_compile(model, keras.optimizers.SGD(0.01))
    before = [array(w) for w in model.encoder.weights + model.decoder.weights]
    model.fit(images, verbose=0)
    after = [array(w) for w in model.encoder.weights + model.decoder.weights]
    moved = [np.any(a != b) for a, b in zip(before, after, strict=True)]
    count = len(model.encoder.weights)
    assert not any(moved[:count]) and all(moved[count:])


def test_conv_vae_trains(images):
    model = zoo.ConvVAE(
        (8, 8, 1), 2, filters=(4,), blocks_per_stage=1, hidden_units=8, seed=0
    )
    # JAX takes these steps one by one on a CPU, and in a scan elsewhere.
    steps = 1 if BACKEND == "torch" else 3
    model.compile(keras.optimizers.Adam(0.01), steps_per_execution=steps)
    history = model.fit(images, batch_size=16, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 1
    assert int(model.steps_trained) == 16


@pytest.mark.parametrize("scale", ["global", "per_pixel"])
def test_gaussian_scale_is_learned(grey, scale):
    # Constant images: the best scale is as small as it may become.
    x = np.full_like(grey, 0.5)
    model = make_dense(likelihood=zoo.likelihoods.Gaussian(scale))
    quick_compile(model, keras.optimizers.Adam(0.05))
    history = model.fit(x, batch_size=5, epochs=10, verbose=0).history
    start = 64 * 0.5 * np.log(2 * np.pi)  # of scale 1
    assert history["reconstruction"][0] == pytest.approx(start, abs=15)
    assert history["reconstruction"][-1] < start - 40
    if scale == "global":
        assert float(model.likelihood.log_scale) < -0.5


def test_steps_per_execution_is_refused_on_torch_alone():
    model = make_dense()
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="steps_per_execution"):
            model.compile(steps_per_execution=2)
            model.fit(np.zeros((4, 8, 8, 1), "float32"), batch_size=2, verbose=0)
    else:
        model.compile(steps_per_execution=2)
        assert model.steps_per_execution == 2
