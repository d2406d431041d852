"""A part that is trained against the rest: an adversarial autoencoder."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import (
    LOGS,
    array,
    gradient,
    make_dense,
    quick_compile,
    trainable,
)

import zoo
from zoo.training.auxiliary import held

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam


@keras.saving.register_keras_serializable(package="tests")
class Adversarial(zoo.DenseVAE):
    """Makhzani et al., "Adversarial Autoencoders", 2016: a critic instead of the KL."""

    auxiliary = ("critic",)
    extra_metrics = ("critic_loss",)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.critic = keras.Sequential(
            [keras.layers.Dense(8, "relu"), keras.layers.Dense(1)], name="critic"
        )
        self.critic.build((None, self.latent_dim))

    def example_losses(self, terms, step):
        log_odds = held(self.critic, terms.group.z[0])[:, 0]
        return terms.reconstruction + ops.softplus(-log_odds)

    def auxiliary_losses(self, terms, step):
        z = terms.group.z[0]
        drawn = keras.random.normal(ops.shape(z), seed=self.seed_generator)
        real, fake = self.critic(drawn)[:, 0], self.critic(z)[:, 0]
        return {"critic_loss": ops.softplus(-real) + ops.softplus(fake)}


class LateCritic(Adversarial):
    """The critic's weights are made by the first step."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.critic = keras.layers.Dense(1, name="critic")


@keras.saving.register_keras_serializable(package="tests")
class Spy(Adversarial):
    """A critic of means, which the posterior knows as well as the draws."""

    def auxiliary_losses(self, terms, step):
        losses = super().auxiliary_losses(terms, step)
        mean = terms.group.posterior.mean
        spied = self.critic(mean)[:, 0] - terms.log_likelihood[0] + terms.kl
        return {"critic_loss": losses["critic_loss"] + spied}


def halves(model):
    """Copies of the weights of (the autoencoder, the critic)."""
    critic = {id(v) for v in model.critic.trainable_variables}
    values = list(zip(model.trainable_variables, trainable(model), strict=True))
    return tuple(
        [value for v, value in values if (id(v) in critic) == is_critic]
        for is_critic in (False, True)
    )


def moved(before, after):
    return [bool(np.any(a != b)) for a, b in zip(before, after, strict=True)]


def test_auxiliary_losses_pass_no_gradients_to_the_rest(images):
    weights, first = [], None
    for cls in (Adversarial, Spy):
        model = make_dense(cls)
        first = first or model.get_weights()
        model.set_weights(first)
        quick_compile(model, SGD(0.1), auxiliary_optimizer=SGD(0.0))
        model.fit(images, batch_size=16, shuffle=False, verbose=0)
        weights.append(halves(model)[0])
    for ours, spied in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, spied, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rates", [(0.1, 0.0), (0.0, 0.1)])
def test_each_part_follows_its_own_losses_and_rate(images, rates):
    model = make_dense(Adversarial)
    quick_compile(model, SGD(rates[0]), auxiliary_optimizer=SGD(rates[1]))
    before = halves(model)
    history = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert set(history) == LOGS | {"critic_loss"}
    for rate, one, other in zip(rates, before, halves(model), strict=True):
        assert len(one) >= 4
        assert all(moved(one, other)) if rate else not any(moved(one, other))


def test_losses_of_one_part_have_no_gradient_to_the_other(images):
    """Steps of both at once are the steps of each alone."""

    class Known(Adversarial):  # no noise in a step
        def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
            noise = ops.zeros((1, ops.shape(x)[0], self.latent_dim))
            return super().elbo_terms(x, labels, 1, noise, training)

        def auxiliary_losses(self, terms, step):
            z = terms.group.z[0]
            real, fake = self.critic(z + 1.0)[:, 0], self.critic(z)[:, 0]
            return {"critic_loss": ops.softplus(-real) + ops.softplus(fake)}

    def after_a_step(rates):
        keras.utils.set_random_seed(1)  # of the critic
        model = make_dense(Known)
        quick_compile(model, SGD(rates[0]), auxiliary_optimizer=SGD(rates[1]))
        model.fit(images, batch_size=64, shuffle=False, verbose=0)
        return halves(model)

    both = after_a_step((0.1, 0.1))
    alone = after_a_step((0.1, 0.0))[0], after_a_step((0.0, 0.1))[1]
    for one, other in zip(sum(both, []), sum(alone, []), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [Adversarial, LateCritic])
def test_critic_learns_and_is_saved(images, tmp_path, kind):
    model = make_dense(kind)
    # An encoder that stays, far from N(0, I): there is something to tell apart.
    weights = model.encoder.get_weights()
    model.encoder.set_weights([*weights[:-1], np.float32([3, 3, -4, -4])])
    quick_compile(model, SGD(0.0), auxiliary_optimizer=Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=12, verbose=0).history
    assert history["critic_loss"][-1] < 0.75 * history["critic_loss"][0]
    assert model.critic.built
    paths = {v.path for v in model.critic.trainable_variables}
    assert model.optimizer.paths == paths
    model.save(tmp_path / "model.keras")
    whole = keras.saving.load_model(
        tmp_path / "model.keras", custom_objects={kind.__name__: kind}
    )
    # Keras names layers anew: the optimizer must follow.
    assert whole.optimizer.paths == {v.path for v in whole.critic.trainable_variables}
    assert not any(moved(halves(model)[1], halves(whole)[1]))
    if kind is Adversarial:
        model.save_to_preset(tmp_path / "preset")
        loaded = zoo.from_preset(tmp_path / "preset")
        assert not any(moved(halves(model)[1], halves(loaded)[1]))
        quick_compile(loaded)  # by the default optimizer of auxiliary parts
        assert float(loaded.optimizer.optimizers[1].learning_rate) == pytest.approx(
            1e-4
        )
        loaded.fit(images, verbose=0)


def test_compiled_step_trains_both(images):
    model = make_dense(LateCritic)
    model.compile(Adam(0.02), auxiliary_optimizer=Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=6, verbose=0).history
    assert history["reconstruction"][-1] < history["reconstruction"][0] - 1
    logs = model.evaluate(images, verbose=0, return_dict=True)
    assert np.isfinite(logs["critic_loss"])


def test_held_passes_gradients_to_its_inputs_alone():
    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    z = np.float32([[1.0, -2.0], [0.5, 3.0]])
    slope = gradient(lambda z: ops.sum(held(layer, z)), z)
    expected = np.broadcast_to(array(layer.kernel)[:, 0], (2, 2))
    np.testing.assert_allclose(slope, expected, rtol=1e-6)
    np.testing.assert_allclose(array(held(layer, z)), array(layer(z)), rtol=1e-6)


def test_optimizer_of_no_parts_is_refused():
    said = "DenseVAE has no auxiliary parts to train: compile it without"
    with pytest.raises(ValueError, match=said):
        make_dense().compile("adam", auxiliary_optimizer="adam")


def test_one_optimizer_for_both_is_refused():
    optimizer = Adam()
    with pytest.raises(ValueError, match="Both optimizers are the same object"):
        make_dense(Adversarial).compile(optimizer, auxiliary_optimizer=optimizer)
