"""AdversarialAutoencoder: all latents together are held to the prior, any prior."""

import json
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import (
    bernoulli_log_prob,
    dense_networks,
    discriminator,
    noise_of,
    softplus,
)
from zoo_helpers import (
    LOGS,
    SHAPE,
    array,
    first_everywhere,
    losses_after,
    quick_compile,
    random_weights,
)

import zoo
from zoo.schedules import LinearWarmup

once = pytest.mark.one_backend(
    "test_zoo_auxiliary has each optimizer's part on every backend"
)

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
ADVERSARIAL_LOGS = LOGS | {"adversarial_loss", "discriminator_loss"}


class Known(zoo.AdversarialAutoencoder):
    """Draws the same of the prior in every step."""

    def draw_prior(self, count):
        noise = ops.convert_to_tensor(noise_of(9, count, 2), "float32")
        return self.draw_latents(noise)


def make(kind=zoo.AdversarialAutoencoder, **options):
    small = {"networks": "dense", "hidden_units": (4,), "discriminator_units": (6, 5)}
    return kind(SHAPE, 2, **{**small, "seed": 0, "name": "vae", **options})


def wide(mean, log_var=0.0):
    """A prior N(mean, exp(log_var) I)."""
    prior = zoo.priors.Mixture(2, num_components=1, seed=0)
    prior.build()
    prior.means.assign(np.full((1, 2), mean, "float32"))
    prior.log_vars.assign(np.full((1, 2), log_var, "float32"))
    return prior


def test_same_weights_and_noise_give_the_losses_of_numpy():
    model = make(Known, gamma=LinearWarmup(steps=4, end=10.0))
    weights = random_weights(model, seed=5, scale=0.3)
    x = np.random.default_rng(3).random((6, *SHAPE), dtype="float32")
    noise = noise_of(7, len(x), 2)
    losses, of_discriminator = losses_after(3, model, x, noise)

    encode, decode = dense_networks(weights, SHAPE, 1, False, "relu")
    mean, log_var = np.split(encode(x.astype("float64")), 2, axis=-1)
    z = mean + np.exp(log_var / 2) * noise
    log_odds = discriminator(weights, num_layers=2)

    adversarial = softplus(-log_odds(z))
    expected = -bernoulli_log_prob(x, decode(z)) + 7.5 * adversarial
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    logged = {metric.name: float(metric.result()) for metric in model.metrics}
    assert logged["adversarial_loss"] == pytest.approx(adversarial.mean(), rel=1e-4)
    real = softplus(-log_odds(noise_of(9, len(x), 2)))
    cross_entropy = 0.5 * (real + softplus(log_odds(z)))
    np.testing.assert_allclose(of_discriminator, cross_entropy, rtol=1e-4)


@once
def test_latents_are_drawn_to_the_prior_of_the_model(images):
    """Not to N(0, I), nor each image's: what is imposed is the prior as it stands."""
    prior = wide(2.0, -1.0)
    prior.trainable = False
    model = make(prior=prior, discriminator_units=(32,), hidden_units=(16,))
    quick_compile(model, Adam(0.02), discriminator_optimizer=Adam(0.02, beta_1=0.5))
    x = np.concatenate([images] * 30)
    history = model.fit(x, batch_size=64, epochs=5, verbose=0).history
    assert set(history) == ADVERSARIAL_LOGS
    assert history["reconstruction"][-1] < history["reconstruction"][0] - 5
    np.testing.assert_allclose(
        history["loss"],
        np.add(history["reconstruction"], np.multiply(10, history["adversarial_loss"])),
        rtol=1e-4,
    )
    posterior = model.encode(images)
    z = np.concatenate([array(posterior.sample(seed)) for seed in range(4)])
    np.testing.assert_allclose(z.mean(axis=0), 2.0, atol=0.7)
    assert np.all(np.abs(np.log(z.std(axis=0)) + 0.5) < 0.7)
    # Each image's posterior is not the prior: it tells the image.
    assert array(posterior.mean).std(axis=0).min() > 0.2


@once
def test_prior_that_learns_is_fitted_to_the_latents(images):
    """One component: the mean and variance of the latents have the most density."""
    model = make(prior=wide(0.0))
    weights = model.encoder.get_weights()
    model.encoder.set_weights([*weights[:-1], np.float32([1, -1, -1, 0])])
    model.encoder.trainable = False
    quick_compile(model, Adam(0.1), discriminator_optimizer=SGD(0.0))
    model.fit(np.concatenate([images] * 50), batch_size=64, epochs=2, verbose=0)
    posterior = model.encode(images)
    mean = array(posterior.mean)
    variance = np.exp(array(posterior.log_var)).mean(axis=0) + mean.var(axis=0)
    np.testing.assert_allclose(array(model.prior.means)[0], mean.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(
        np.exp(array(model.prior.log_vars)[0]), variance, rtol=0.25
    )


@pytest.mark.parametrize("prior", first_everywhere(["flow", "vamp"], once))
def test_all_parts_are_trained_with_any_prior(images, prior):
    model = make(prior=prior)
    quick_compile(model, Adam(0.01), discriminator_optimizer=Adam(0.01))
    before = [np.array(array(v)) for v in model.trainable_variables]
    history = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    after = map(array, model.trainable_variables)
    assert all(np.any(a != b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("still", ["autoencoder", "discriminator"])
@once
def test_each_optimizer_moves_its_own_weights_alone(images, still):
    model = make(prior="mixture")
    rates = (0.0, 0.1) if still == "autoencoder" else (0.01, 0.0)
    quick_compile(model, SGD(rates[0]), discriminator_optimizer=SGD(rates[1]))
    parts = {
        "autoencoder": [model.encoder, model.decoder, model.prior],
        "discriminator": [model.discriminator],
    }
    before = {
        name: [np.array(w) for layer in layers for w in layer.get_weights()]
        for name, layers in parts.items()
    }
    model.fit(images, batch_size=16, epochs=2, verbose=0)
    for name, layers in parts.items():
        after = [w for layer in layers for w in layer.get_weights()]
        moved = [np.any(a != b) for a, b in zip(before[name], after, strict=True)]
        assert not any(moved) if name == still else all(moved), name


@once
def test_figures_of_likelihood_come_with_a_remark(images):
    model = make()
    said = "No likelihood of this AdversarialAutoencoder is to be reported: "
    for figure in (model.elbo, model.log_marginal_likelihood):
        with pytest.warns(UserWarning, match=said):
            figure(images[:4], seed=0)
    quick_compile(model)
    with pytest.warns(UserWarning, match=said):
        model.evaluate(images, verbose=0)
    # What is no likelihood, and one that training holds, is given without.
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.reconstruct(images[:4])
        model.sample(2, seed=0)
        model.fit(images, verbose=0, validation_data=images)
        make(beta=1.0).elbo(images[:4], seed=0)


def test_preset_keeps_everything_and_training_goes_on(images, tmp_path):
    model = make(gamma=LinearWarmup(8, 1.0, 5.0), prior="mixture", beta=0.5)
    quick_compile(model)
    model.fit(images[:1], verbose=0)  # no image is compared with another
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.AdversarialAutoencoder.from_preset(tmp_path / "preset")
    one, other = (json.dumps(m.get_config(), sort_keys=True) for m in (model, loaded))
    assert one == other
    assert loaded.objective.beta == 0.5
    for given, wanted in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, wanted)
    quick_compile(loaded)
    loaded.fit(images, batch_size=16, verbose=0)
    assert int(loaded.steps_trained) == 5


BAD = {
    "gamma": ({"gamma": -1.0}, ValueError, "`gamma` must be .*>= 0; got -1"),
    "units": ({"discriminator_units": (0,)}, ValueError, "`discriminator_units` .* 0"),
    "prior": ({"prior": "label_normal"}, ValueError, "`prior` must be one of 'flow'"),
    "both": ({"beta": 2.0, "objective": "dip_i"}, ValueError, "not both"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_get_one_sentence(case):
    options, error, match = BAD[case]
    with pytest.raises(error, match=match) as caught:
        make(**options)
    assert "\n" not in str(caught.value)


@once
def test_bad_optimizers_get_one_sentence():
    model = make()
    both = {"discriminator_optimizer": "sgd", "auxiliary_optimizer": "adam"}
    with pytest.raises(ValueError, match="two names of one argument: give one of them"):
        model.compile("adam", **both)
    with pytest.raises(ValueError, match="`optimizer` must be a Keras .*; got None"):
        model.compile(None)
