"""FactorVAE: two networks trained against each other, each by its own optimizer."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import (
    bernoulli_log_prob,
    dense_networks,
    discriminator,
    gaussian_kl,
    noise_of,
    softplus,
)
from zoo_helpers import (
    BACKEND,
    LOGS,
    SHAPE,
    array,
    losses_after,
    quick_compile,
    random_weights,
    weights_distance,
)

import zoo
from zoo.objectives import ImportanceWeighted
from zoo.schedules import LinearWarmup
from zoo.training.auxiliary import held
from zoo.training.split_optimizer import SplitOptimizer, split

once = pytest.mark.one_backend("losses, steps and presets are tried on every backend")

FACTOR_LOGS = LOGS | {"total_correlation", "discriminator_loss"}
SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


class Deterministic(zoo.FactorVAE):
    """Draws the posterior mean and permutes by rolling: no randomness in a step."""

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        if noise is None:
            noise = ops.zeros((1, ops.shape(x)[0], self.latent_dim))
        return super().elbo_terms(x, labels, num_draws, noise, training)

    def permute_dimensions(self, z):
        first, others = z[:, :1], z[:, 1:]
        return ops.concatenate([ops.roll(first, 1, axis=0), others], axis=1)


def make_factor(kind=zoo.FactorVAE, latent_dim=2, **options):
    small = {"networks": "dense", "hidden_units": (4,), "discriminator_units": (6, 5)}
    options = {**small, "seed": 0, "name": "vae", **options}
    return kind(SHAPE, latent_dim, **options)


def copies(layers):
    return [array(v) for layer in layers for v in layer.trainable_variables]


def parts(model):
    """Copies of the weights of (the VAE, the discriminator)."""
    return copies([model.encoder, model.decoder]), copies([model.discriminator])


def moved(before, after):
    return [bool(np.any(a != b)) for a, b in zip(before, after, strict=True)]


# The loss.


def test_same_weights_and_noise_give_the_loss_of_numpy():
    model = make_factor(Deterministic, gamma=LinearWarmup(steps=4, end=10.0))
    weights = random_weights(model, seed=5, scale=0.3)
    x = np.random.default_rng(3).random((6, *SHAPE), dtype="float32")
    noise = noise_of(7, len(x), 2)
    losses, of_discriminator = losses_after(3, model, x, noise)

    encode, decode = dense_networks(weights, SHAPE, 1, False, "relu")
    mean, log_var = np.split(encode(x.astype("float64")), 2, axis=-1)
    z = mean + np.exp(log_var / 2) * noise
    log_odds = discriminator(weights, num_layers=2)

    reconstruction = -bernoulli_log_prob(x, decode(z))
    expected = reconstruction + gaussian_kl(mean, log_var) + 7.5 * log_odds(z)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    logged = {metric.name: float(metric.result()) for metric in model.metrics}
    assert logged["total_correlation"] == pytest.approx(log_odds(z).mean(), rel=1e-4)
    product = log_odds(np.c_[np.roll(z[:, 0], 1), z[:, 1]])
    cross_entropy = 0.5 * (softplus(-log_odds(z)) + softplus(product))
    np.testing.assert_allclose(of_discriminator, cross_entropy, rtol=1e-4)


def test_permutation_keeps_columns_and_breaks_rows():
    model = make_factor(latent_dim=3)
    z = np.random.default_rng(0).standard_normal((500, 3), dtype="float32")
    z[:, 1] = z[:, 0]
    first, second = (array(model.permute_dimensions(z)) for _ in range(2))
    np.testing.assert_array_equal(np.sort(first, axis=0), np.sort(z, axis=0))
    assert np.any(first != second)
    # Each column has an order of its own, and no image stays but by chance.
    assert abs(np.corrcoef(first, rowvar=False)[0, 1]) < 0.2
    assert np.mean(first[:, 0] == z[:, 0]) < 0.02
    again = array(make_factor(latent_dim=3).permute_dimensions(z))
    np.testing.assert_array_equal(again, first)  # the model's seed decides


@once
def test_discriminator_learns_a_known_total_correlation():
    """Density-ratio trick: for a Gaussian, TC = -1/2 log(1 - correlation^2)."""
    rng = np.random.default_rng(0)
    x = rng.random((4096, *SHAPE), dtype="float32")
    model = make_factor(
        gamma=0.0, hidden_units=(), discriminator_units=(32, 32), seed=1
    )
    # z is a linear map of 64 uniform pixels: close to Gaussian, of known covariance.
    first, second = rng.standard_normal((2, 64))
    mixing = np.stack([first, 0.8 * first + 0.6 * second], axis=1) / np.sqrt(64 / 12)
    kernel = np.concatenate([mixing, np.zeros((64, 2))], axis=1)
    bias = np.concatenate([-0.5 * mixing.sum(axis=0), [-3.0, -3.0]])
    model.encoder.head.kernel.assign(kernel)
    model.encoder.head.bias.assign(bias)
    covariance = mixing.T @ mixing / 12 + np.exp(-3.0) * np.eye(2)
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    exact = -0.5 * np.log(1 - correlation**2)
    assert 0.3 < exact < 0.8

    before, _ = parts(model)
    # Towards the end without steps whose noise the mean log-odds would show.
    rate = keras.optimizers.schedules.CosineDecay(0.02, decay_steps=12 * 16)
    quick_compile(model, SGD(0.0), discriminator_optimizer=Adam(rate))
    history = model.fit(x, batch_size=256, epochs=12, verbose=0).history
    assert history["discriminator_loss"][0] == pytest.approx(np.log(2), abs=0.1)
    fresh = rng.random((4096, *SHAPE), dtype="float32")
    logs = model.evaluate(fresh, batch_size=512, verbose=0, return_dict=True)
    assert logs["total_correlation"] == pytest.approx(exact, abs=0.06)
    assert logs["discriminator_loss"] < np.log(2) - 0.05
    assert not any(moved(before, parts(model)[0]))


# Which optimizer moves what.


@pytest.mark.parametrize("still", ["vae", "discriminator"])
@once
def test_each_optimizer_moves_its_own_weights_alone(images, still):
    model = make_factor(gamma=20.0)
    rates = (0.0, 0.1) if still == "vae" else (0.01, 0.0)
    quick_compile(model, SGD(rates[0]), discriminator_optimizer=SGD(rates[1]))
    before = parts(model)
    model.fit(images, batch_size=16, epochs=1, verbose=0)
    vae, discriminator = map(moved, before, parts(model))
    assert not any(vae) if still == "vae" else all(vae)
    assert not any(discriminator) if still == "discriminator" else all(discriminator)


def one_step(images, **options):
    model = make_factor(Deterministic, **options)
    random_weights(model, seed=4)
    quick_compile(model, SGD(0.01), discriminator_optimizer=SGD(0.01))
    model.train_on_batch(images)
    return parts(model)


def test_losses_reach_no_weights_but_their_own(images):
    """Exactly: the other's loss has no gradient, rather than one that cancels."""
    plain, strong = (one_step(images, gamma=gamma) for gamma in (0.0, 1e3))
    # The VAE's loss does not move the discriminator, however it is weighed.
    for one, other in zip(plain[1], strong[1], strict=True):
        np.testing.assert_array_equal(one, other)
    encoder = slice(0, 4)
    assert all(moved(plain[0][encoder], strong[0][encoder]))
    assert not any(moved(plain[0][4:], strong[0][4:]))  # which do not see D

    # Without weight, the VAE is trained as if there were no discriminator.
    model = make_factor(Deterministic, gamma=0.0)
    random_weights(model, seed=4)
    alone = zoo.BetaVAE(
        SHAPE, 2, beta=1.0, networks="dense", hidden_units=(4,), name="vae"
    )
    for part in ("encoder", "decoder"):
        getattr(alone, part).set_weights(getattr(model, part).get_weights())
    elbo_terms = alone.elbo_terms
    alone.elbo_terms = lambda x, *args, **kwargs: elbo_terms(
        x, noise=ops.zeros((1, ops.shape(x)[0], 2))
    )
    quick_compile(alone, SGD(0.01))
    alone.train_on_batch(images)
    expected = copies([alone.encoder, alone.decoder])
    for one, other in zip(plain[0], expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_encoder_follows_the_gradient_of_the_log_odds(images):
    """Finite differences of the loss in one weight, the discriminator being held."""
    model = make_factor(Deterministic, gamma=30.0)
    random_weights(model, seed=4)
    bias = model.encoder.head.bias
    start = array(bias).copy()

    def loss(step):
        bias.assign(start + np.float32([step, 0, 0, 0]))
        terms = model.elbo_terms(ops.convert_to_tensor(images))
        return (
            array(model.example_losses(terms, ops.cast(model.steps_trained, "float32")))
            .astype("float64")
            .mean()
        )

    slope = (loss(0.01) - loss(-0.01)) / 0.02
    bias.assign(start)
    quick_compile(model, SGD(1e-3), discriminator_optimizer=SGD(0.1))
    model.train_on_batch(images)
    assert (start - array(bias))[0] / 1e-3 == pytest.approx(slope, rel=0.02)


# Training.


def test_fit_lowers_the_loss_and_logs_the_discriminator(images):
    model = make_factor(gamma=1.0)
    quick_compile(model, Adam(0.02))
    history = model.fit(
        images, validation_data=images, batch_size=16, epochs=6, verbose=0
    ).history
    assert set(history) == FACTOR_LOGS | {f"val_{name}" for name in FACTOR_LOGS}
    assert history["val_elbo"][-1] > history["val_elbo"][0] + 1
    expected = np.add(history["total_correlation"], history["kl"])
    expected += history["reconstruction"]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
    assert history["discriminator_loss"][0] == pytest.approx(np.log(2), abs=0.3)


@once
def test_default_discriminator_and_its_optimizer_are_those_of_the_paper():
    model = zoo.FactorVAE(SHAPE, 3, filters=(2,))
    shapes = [tuple(v.shape) for v in model.discriminator.trainable_variables[::2]]
    assert shapes == [(3, 1000), *[(1000, 1000)] * 5, (1000, 1)]
    model.compile("adam")
    rest, chosen = model.optimizer.optimizers
    assert float(rest.learning_rate) == pytest.approx(1e-3)
    assert float(chosen.learning_rate) == pytest.approx(1e-4)
    assert (chosen.beta_1, chosen.beta_2) == (0.5, 0.9)


def train_in_steps(images, steps_per_execution):
    keras.utils.set_random_seed(0)
    model = make_factor(gamma=5.0)
    quick_compile(
        model,
        Adam(0.01),
        discriminator_optimizer=Adam(0.02),
        steps_per_execution=steps_per_execution,
    )
    history = model.fit(images[:62], batch_size=8, epochs=2, verbose=0).history
    return model, history


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on PyTorch runs single steps")
def test_many_steps_in_one_call_equal_steps_one_by_one(images):
    expected_model, expected = train_in_steps(images, 1)
    model, history = train_in_steps(images, 4)
    assert int(model.steps_trained) == int(model.optimizer.iterations) == 16
    assert weights_distance(model, expected_model) < 1e-4
    for name, values in expected.items():
        np.testing.assert_allclose(
            history[name], values, rtol=1e-3, atol=1e-4, err_msg=name
        )


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_both_networks(images, dtype):
    model = make_factor(dtype=dtype, gamma=1.0)
    quick_compile(model, Adam(0.02), discriminator_optimizer=Adam(0.01))
    optimizer = model.optimizer
    if dtype == "mixed_float16":
        optimizer.build(model.trainable_variables)
        optimizer.dynamic_scale.assign(2.0**8)
        assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        optimizer = optimizer.inner_optimizer
    before = parts(model)
    history = model.fit(images, batch_size=16, epochs=4, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0] + 0.5
    assert all(sum(map(moved, before, parts(model)), []))
    for half in optimizer.optimizers:
        assert int(half.iterations) == 16
    terms = model.elbo_terms(ops.convert_to_tensor(images))
    ratio = held(model.discriminator, terms.group.z[0])
    assert keras.backend.standardize_dtype(ratio.dtype) == "float32"


@pytest.mark.parametrize("scaled", ["fixed", "dynamic", "accumulated"])
def test_loss_scale_and_accumulation_reach_both_optimizers(images, scaled):
    """Neither changes what is learned: a common scale, and four quarters of a batch."""
    model, expected = (make_factor(Deterministic) for _ in range(2))
    quick_compile(expected, SGD(0.05), discriminator_optimizer=SGD(0.1))
    options = {}
    if scaled == "fixed":
        options["loss_scale_factor"] = 64.0
    vae, discriminator = SGD(0.05, **options), SGD(0.1)
    if scaled == "dynamic":
        vae = keras.optimizers.LossScaleOptimizer(vae, initial_scale=128.0)
    x = images
    if scaled == "accumulated":
        # The discriminator compares images of a batch, so that quarters are no whole:
        # four equal batches are.
        x = np.concatenate([images[:16]] * 4)
        vae, discriminator = (
            SGD(rate, gradient_accumulation_steps=4) for rate in (0.05, 0.1)
        )
    quick_compile(model, vae, discriminator_optimizer=discriminator)
    size = 16 if scaled == "accumulated" else 64
    model.fit(x, batch_size=size, epochs=2, shuffle=False, verbose=0)
    expected.fit(x[:size], batch_size=size, epochs=2, shuffle=False, verbose=0)
    assert weights_distance(model, make_factor()) > 1e-3
    assert weights_distance(model, expected) < 1e-5


def test_checkpoint_of_variables_goes_on_as_if_uninterrupted(images):
    """What a resumed run restores: all variables of the model and its optimizer."""

    def compiled():
        keras.utils.set_random_seed(0)
        model = make_factor(gamma=5.0)
        quick_compile(model, Adam(0.01), discriminator_optimizer=Adam(0.02))
        model.optimizer.build(model.trainable_variables)
        return model

    def fit(model, epochs, initial_epoch=0):
        model.fit(
            images,
            batch_size=16,
            epochs=epochs,
            initial_epoch=initial_epoch,
            shuffle=False,
            verbose=0,
        )

    whole, first, second = compiled(), compiled(), compiled()
    fit(whole, 2)
    fit(first, 1)
    values = [array(v) for v in (*first.variables, *first.optimizer.variables)]
    assert len(first.optimizer.variables) == 2 + 2 * 2 + 2 * len(
        first.trainable_variables
    )
    for variable, value in zip(
        (*second.variables, *second.optimizer.variables), values, strict=True
    ):
        variable.assign(value)
    fit(second, 2, initial_epoch=1)
    assert weights_distance(second, whole) < 1e-6
    assert int(second.optimizer.iterations) == 8


def test_preset_keeps_the_discriminator_and_training_goes_on(images, tmp_path):
    model = make_factor(gamma=LinearWarmup(8, 1.0, 5.0), likelihood="gaussian")
    quick_compile(model, Adam(0.01))
    model.fit(images, batch_size=16, verbose=0)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.FactorVAE.from_preset(tmp_path / "preset")
    one, other = (json.dumps(m.get_config(), sort_keys=True) for m in (model, loaded))
    assert one == other
    assert not any(moved(sum(parts(model), []), sum(parts(loaded), [])))
    np.testing.assert_allclose(
        loaded.sample(3, seed=0), model.sample(3, seed=0), atol=1e-6
    )
    quick_compile(loaded, Adam(0.01))
    loaded.fit(images, batch_size=16, verbose=0)
    assert int(loaded.steps_trained) == 8
    info = zoo.preset_info(tmp_path / "preset")
    assert info["parameters"] > loaded.discriminator.count_params() > 0


@once
def test_keras_file_round_trip(images, tmp_path):
    model = make_factor()
    quick_compile(model, Adam(0.01))
    model.fit(images, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert not any(moved(sum(parts(model), []), sum(parts(loaded), [])))


@once
def test_using_the_model_needs_no_discriminator(images):
    model, other = make_factor(), make_factor()
    random_weights(model, seed=1)
    for part in ("encoder", "decoder"):
        getattr(other, part).set_weights(getattr(model, part).get_weights())
    for use in (
        lambda m: m.sample(3, seed=0),
        lambda m: m.reconstruct(images),
        lambda m: m.elbo(images, seed=0)["elbo"],
        lambda m: array(m.decode(np.zeros((2, 2), "float32"))),
    ):
        np.testing.assert_array_equal(use(model), use(other))


@once
def test_other_objectives_serve_beside_the_discriminator(images):
    model = make_factor(objective=ImportanceWeighted(3), gamma=1.0)
    quick_compile(model)
    history = model.fit(images, batch_size=16, verbose=0).history
    assert history["loss"][0] - history["total_correlation"][0] < -history["elbo"][0]
    frozen = make_factor()
    frozen.discriminator.trainable = False
    quick_compile(frozen, SGD(0.01))
    before = parts(frozen)
    frozen.fit(images, verbose=0)
    assert len(frozen.trainable_variables) == len(before[0])
    assert all(moved(before[0], parts(frozen)[0]))


# The optimizer of two.


@once
def test_learning_rate_is_that_of_the_vae(images):
    model = make_factor()
    quick_compile(model, Adam(0.01), discriminator_optimizer=Adam(0.02))
    model.optimizer.learning_rate = 0.005
    vae, discriminator = model.optimizer.optimizers
    assert float(model.optimizer.learning_rate) == pytest.approx(0.005)
    assert float(vae.learning_rate) == pytest.approx(0.005)
    assert float(discriminator.learning_rate) == pytest.approx(0.02)
    # Compiling with what there was keeps both.
    quick_compile(model, model.optimizer)
    assert model.optimizer.optimizers[0] is vae
    assert model.optimizer.optimizers[1] is discriminator
    model.fit(images, verbose=0)
    quick_compile(model, model.optimizer, discriminator_optimizer="sgd")
    assert model.optimizer.optimizers[0] is vae
    assert isinstance(model.optimizer.optimizers[1], SGD)
    model.fit(images, verbose=0)
    assert int(vae.iterations) == 4


def test_averages_of_weights_replace_them_at_the_end(images):
    model = make_factor(Deterministic)
    quick_compile(
        model,
        SGD(0.05, use_ema=True, ema_momentum=0.5),
        discriminator_optimizer=SGD(0.1),
    )
    plain = make_factor(Deterministic)
    quick_compile(plain, SGD(0.05), discriminator_optimizer=SGD(0.1))
    states = []
    for _ in range(2):
        plain.train_on_batch(images)
        states.append(parts(plain))
    model.fit(images, batch_size=64, epochs=2, shuffle=False, verbose=0)
    averages, discriminator = parts(model)
    for average, one, two in zip(averages, states[0][0], states[1][0], strict=True):
        np.testing.assert_allclose(average, 0.5 * one + 0.5 * two, atol=1e-6)
    for given, wanted in zip(discriminator, states[1][1], strict=True):
        np.testing.assert_allclose(given, wanted, atol=1e-6)


def test_configuration_of_the_optimizer_round_trip():
    model = make_factor()
    optimizer = split(Adam(0.01), "sgd", Adam, model.discriminator.variables)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(optimizer)))
    again = keras.saving.deserialize_keras_object(config)
    assert isinstance(again, SplitOptimizer)
    assert again.get_config() == optimizer.get_config()
    assert again.paths == {v.path for v in model.discriminator.variables}
    assert all(path.startswith("vae/discriminator/") for path in again.paths)


@pytest.mark.skipif(BACKEND != "torch", reason="a kernel of PyTorch")
def test_both_optimizers_use_the_fused_kernel():
    model = make_factor(dtype="mixed_float16")
    model.compile("adam")
    for half in model.optimizer.inner_optimizer.optimizers:
        assert "_parallel_update_step" in vars(half)


# What is refused.

ONE = Adam(0.01)
BAD = {
    "gamma": ({"gamma": -1.0}, ValueError, "`gamma` must be .*>= 0; got -1"),
    "gamma, text": ({"gamma": "high"}, TypeError, "`gamma` .*got str"),
    "units": (
        {"discriminator_units": (0,)},
        ValueError,
        "`discriminator_units` must be a whole number >= 1; got 0",
    ),
    "beta": ({"beta": -1.0}, ValueError, "`beta` .*got -1"),
    "networks": ({"networks": "deep"}, ValueError, "`networks` .*got 'deep'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_get_one_sentence(case):
    options, error, match = BAD[case]
    with pytest.raises(error, match=match) as caught:
        zoo.FactorVAE(SHAPE, 2, **options)
    assert "\n" not in str(caught.value)


@once
def test_bad_optimizers_get_one_sentence():
    model = make_factor()
    with pytest.raises(ValueError, match="same object: give each part its own"):
        model.compile(ONE, discriminator_optimizer=ONE)
    scaling = keras.optimizers.LossScaleOptimizer(Adam())
    with pytest.raises(ValueError, match="cannot be a part of a SplitOptimizer"):
        model.compile("adam", discriminator_optimizer=scaling)
    with pytest.raises(ValueError, match="compile takes no loss"):
        model.compile("adam", loss="mse")


def test_batch_of_one_image_is_refused(images):
    model = make_factor()
    quick_compile(model)
    with pytest.raises(ValueError, match="no batch of fewer than 2 .*1 image"):
        model.fit(images[:1], verbose=0)
    with pytest.raises(ValueError, match="no batch of fewer than 2 .*31 image"):
        model.fit(images[:31], batch_size=10, verbose=0)
    with pytest.raises(ValueError, match="at least 2 images; got a batch of 1"):
        model.train_on_batch(images[:1])
    assert int(model.steps_trained) == 0
