"""Several groups of latents: a two-level linear-Gaussian model, known exactly.

z_top ~ N(0, I), z_low ~ N(A z_top, S), x = W z_low + b + sigma * noise, so that
p(x) = N(b, W (A A^T + S) W^T + sigma^2 I). Its posteriors are approximate.
"""

import math

import keras
import numpy as np
import pytest
from keras import ops
from test_zoo_exact_likelihood import (
    IMAGES,
    LATENT_DIM,
    OFFSET,
    PIXELS,
    SIGMA,
    LinearGaussian,
    W,
    X,
)
from zoo_helpers import LOGS, SHAPE, array, quick_compile

import zoo
from zoo import threefry
from zoo.distributions import DiagonalNormal
from zoo.generation import scaled
from zoo.latents import LatentSpec, NoiseSpec
from zoo.objectives import DIP, ELBO, ELBOTerms, LatentGroup, TotalCorrelation

once = pytest.mark.one_backend(
    "likelihood, training and presets are tried on every backend"
)

TOP, LOW = 1, LATENT_DIM
A = np.array([[0.8], [-0.5]])  # z_low = A z_top + ...
S = np.array([0.36, 0.75])  # variances of z_low given z_top
GROUPS = {"kl_top", "kl_low"}


@keras.saving.register_keras_serializable(package="tests")
class TwoLevels(zoo.Autoencoder):
    """z_top and, given that, z_low, of which images are made."""

    def __init__(self, image_shape, name="levels", **options):
        decoder = keras.Sequential(
            [keras.layers.Dense(math.prod(image_shape)), keras.layers.Reshape(SHAPE)],
            name="decoder",
        )
        super().__init__(
            encoder=keras.layers.Dense(2 * TOP, name="encoder"),
            decoder=decoder,
            image_shape=image_shape,
            name=name,
            parts={
                "bottom_up": keras.layers.Dense(2 * LOW, name="bottom_up"),
                "top_down": keras.layers.Dense(2 * LOW, name="top_down"),
            },
            **options,
        )
        self.complete()

    @property
    def latents(self):
        return (LatentSpec("top", (TOP,)), LatentSpec("low", (LOW,)))

    def low_prior(self, top):
        return DiagonalNormal.from_parameters(self.top_down(top))

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        if noise is None:
            shape = (num_draws, ops.shape(x)[0], TOP + LOW)
            noise = keras.random.normal(shape, seed=self.seed_generator)
        flat = ops.reshape(x, (-1, math.prod(self.image_shape)))
        # q(z_top|x), then q(z_low|x, z_top): what x says and the prior, as one.
        q_top = DiagonalNormal.from_parameters(self.encoder(flat))
        top = q_top.from_noise(noise[..., :TOP])
        p_low = self.low_prior(top)
        said = DiagonalNormal.from_parameters(self.bottom_up(flat))
        weights = ops.exp(-said.log_var), ops.exp(-p_low.log_var)
        mean = said.mean * weights[0] + p_low.mean * weights[1]
        precision = weights[0] + weights[1]
        q_low = DiagonalNormal(mean / precision, -ops.log(precision))
        low = q_low.from_noise(noise[..., TOP:])
        top_spec, low_spec = self.latents
        return ELBOTerms(
            self.log_likelihood(x, {"top": top, "low": low}),
            (
                LatentGroup(top_spec, q_top, zoo.priors.StandardNormal(), top),
                LatentGroup(low_spec, q_low, p_low, low),
            ),
        )

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        noise = scaled(noise, temperature)
        top = noise[:, :TOP]
        return {"top": top, "low": self.low_prior(top).from_noise(noise[:, TOP:])}

    def decode_parameters(self, z, labels=None, training=False):
        return self.decoder(z["low"])

    def get_config(self):
        config = self.base_config()
        config["objective"] = zoo.serialization.to_json(self.objective)
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def known_model(shift=0.0, factor=1.0, **options):
    """The model above; its q(z_top|x) off by `shift` deviations, wider by `factor`."""
    model = TwoLevels(SHAPE, likelihood=LinearGaussian(), seed=0, **options)
    # p(z_top|x): x = (W A) z_top + noise of covariance W S W^T + sigma^2 I.
    rest = W @ np.diag(S) @ W.T + SIGMA**2 * np.eye(PIXELS)
    to_top = np.linalg.solve(rest, W @ A)
    variance = 1 / (1 + np.sum((W @ A) * to_top))
    to_mean = variance * to_top
    bias = -OFFSET * to_mean.sum() + shift * math.sqrt(variance)
    model.encoder.set_weights(
        [np.c_[to_mean, 0 * to_mean], np.array([bias, np.log(factor * variance)])]
    )
    # What x says of z_low: W has orthogonal columns.
    gram = np.sum(W**2, axis=0)
    to_low = W / gram
    model.bottom_up.set_weights(
        [
            np.c_[to_low, 0 * to_low],
            np.r_[-OFFSET * to_low.sum(axis=0), np.log(SIGMA**2 / gram)],
        ]
    )
    model.top_down.set_weights([np.c_[A.T, 0 * A.T], np.r_[0, 0, np.log(S)]])
    model.decoder.set_weights([W.T, np.full(PIXELS, OFFSET)])
    return model


def exact_log_likelihood():
    covariance = W @ (A @ A.T + np.diag(S)) @ W.T + SIGMA**2 * np.eye(PIXELS)
    centred = X.astype(np.float64) - OFFSET
    squared = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
    log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return -0.5 * (squared + log_det)


@pytest.fixture(scope="module")
def known():
    return known_model(0.7, 2.0)


def test_every_draw_of_exact_posteriors_gives_the_likelihood():
    noise = np.random.default_rng(0).standard_normal((5, len(X), TOP + LOW))
    terms = known_model().elbo_terms(
        ops.convert_to_tensor(IMAGES), noise=ops.convert_to_tensor(noise.astype("f4"))
    )
    log_weights = array(terms.log_likelihood + terms.log_ratio)
    expected = np.broadcast_to(exact_log_likelihood(), log_weights.shape)
    np.testing.assert_allclose(log_weights, expected, atol=1e-2)


def test_elbo_is_below_the_likelihood_and_importance_weights_reach_it(known):
    exact = exact_log_likelihood()
    copies = np.repeat(IMAGES, 200, axis=0)
    terms = known.elbo(copies, seed=0)
    gap = np.mean(exact - terms["elbo"].reshape(len(X), 200).mean(axis=1))
    # q(z_low|x, z_top) is exact: what is lost is KL(q(z_top|x) || p(z_top|x)).
    assert gap == pytest.approx(0.5 * (2 + 0.49 - 1 - math.log(2)), abs=0.1)
    bounds = [
        known.log_marginal_likelihood(IMAGES, num_importance_samples=k, seed=0).mean()
        for k in (1, 10, 2000)
    ]
    assert bounds[0] < bounds[1] < bounds[2] + 0.02
    assert bounds[2] == pytest.approx(exact.mean(), abs=0.02)


@once
def test_kl_of_the_groups_adds_up(known):
    terms = known.elbo(IMAGES, seed=0)
    np.testing.assert_allclose(
        terms["kl"], terms["kl_top"] + terms["kl_low"], rtol=1e-5
    )
    np.testing.assert_allclose(
        terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5
    )
    noise = ops.convert_to_tensor(
        np.random.default_rng(0).standard_normal((4, len(X), TOP + LOW)).astype("f4")
    )
    groups = known.elbo_terms(ops.convert_to_tensor(IMAGES), noise=noise).groups
    for group in groups:
        assert tuple(group.z.shape) == (4, len(X), *group.spec.shape)
        assert tuple(group.kl_per_unit.shape) == (len(X), *group.spec.shape)
        np.testing.assert_allclose(
            array(ops.sum(group.kl_per_unit, axis=-1)), array(group.kl), rtol=1e-5
        )
    # Of the lower level, the mean over the draws of the upper one.
    low = groups[1]
    q_mean, q_log_var = array(low.posterior.mean), array(low.posterior.log_var)
    p_mean, p_log_var = array(low.prior.mean), array(low.prior.log_var)
    ratio = q_log_var - p_log_var
    moved = (q_mean - p_mean) ** 2 / np.exp(p_log_var)
    expected = 0.5 * np.mean(np.exp(ratio) + moved - 1 - ratio, axis=0)
    np.testing.assert_allclose(array(low.kl_per_unit), expected, rtol=1e-3)


def test_fit_logs_the_groups_and_learns():
    model = TwoLevels(SHAPE, likelihood=LinearGaussian(), seed=0)
    quick_compile(model, keras.optimizers.Adam(0.01))
    logs = model.fit(IMAGES, batch_size=10, epochs=30, verbose=0).history
    assert set(logs) == LOGS | GROUPS
    assert logs["elbo"][-1] > logs["elbo"][0] + 20
    np.testing.assert_allclose(
        logs["kl"], np.add(logs["kl_top"], logs["kl_low"]), rtol=1e-5
    )
    assert 0 <= logs["active_units"][-1] <= TOP + LOW


@pytest.mark.parametrize("free_bits", (0.05, 2.0, 50.0))
def test_free_bits_of_each_group(known, free_bits):
    terms = known.elbo_terms(ops.convert_to_tensor(IMAGES))
    per_unit = np.concatenate(
        [array(group.kl_per_unit).mean(axis=0) for group in terms.groups]
    )
    assert len(per_unit) == TOP + LOW
    expected = -array(terms.log_likelihood).mean()
    expected += np.maximum(per_unit, free_bits).sum()
    loss = ELBO(free_bits=free_bits)(terms, 0.0)
    assert array(loss).mean() == pytest.approx(expected, rel=1e-5)
    per_group = [array(group.kl).mean() for group in terms.groups]
    expected = -array(terms.log_likelihood).mean()
    expected += np.maximum(per_group, free_bits).sum()
    loss = ELBO(free_bits=free_bits, free_bits_of="group")(terms, 0.0)
    assert array(loss).mean() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("objective", (DIP(), TotalCorrelation(1.0, 9), "dip_ii"))
@once
def test_objectives_of_one_group_are_refused(objective):
    said = "is an objective for one group of latents; TwoLevels has 2: top, low"
    with pytest.raises(ValueError, match=said):
        TwoLevels(SHAPE, objective=objective)
    TwoLevels(SHAPE, objective="capacity")


# Sampling.


@once
def test_one_way_to_sample(known):
    assert known.can_sample and known.noise == NoiseSpec(normals=TOP + LOW)
    images = known.sample(7, seed=3)
    assert images.shape == (7, *SHAPE) and images.dtype == np.float32
    np.testing.assert_allclose(known.sample(4, seed=3), images[:4], atol=1e-6)
    shard = np.concatenate(list(known.iter_sample(3, seed=3, first=4)))
    np.testing.assert_allclose(shard, images[4:], atol=1e-6)
    noise = threefry.normals(3, 7, TOP + LOW)
    np.testing.assert_allclose(array(known.generate(noise)), images, atol=1e-6)
    # z_low = A z_top + sqrt(S) noise, W z_low + b.
    z_low = noise[:, :TOP] @ A.T + np.sqrt(S) * noise[:, TOP:]
    expected = (z_low @ W.T + OFFSET).reshape(images.shape)
    np.testing.assert_allclose(images, expected, atol=1e-5)


@once
def test_temperature_scales_all_levels(known):
    noise = threefry.normals(3, 5, TOP + LOW)
    half = known.sample(5, seed=3, temperature=0.5)
    np.testing.assert_allclose(
        half, array(known.generate(0.5 * noise)), rtol=1e-5, atol=1e-6
    )
    each = np.float32([0, 0.5, 1, 1, 0.5])
    mixed = array(known.generate(noise, temperature=each))
    np.testing.assert_allclose(mixed[[1, 4]], half[[1, 4]], atol=1e-6)
    np.testing.assert_allclose(mixed[2:4], known.sample(5, seed=3)[2:4], atol=1e-6)
    np.testing.assert_allclose(mixed[0], np.full(SHAPE, OFFSET), atol=1e-6)


# Latents in and out.


def test_encode_gives_the_groups(known):
    posteriors = known.encode(IMAGES)
    for posterior in posteriors.values():  # NumPy reads no tensor with gradients
        assert np.asarray(posterior.kl()).shape == (len(IMAGES),)
    assert list(posteriors) == ["top", "low"]
    z = {name: array(posterior.mean) for name, posterior in posteriors.items()}
    assert z["top"].shape == (len(X), TOP) and z["low"].shape == (len(X), LOW)
    images = array(known.decode(z))
    np.testing.assert_allclose(images, known.reconstruct(IMAGES), atol=1e-5)
    expected = (z["low"] @ W.T + OFFSET).reshape(images.shape)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    # The KL to the model's own prior of each level: of the lower, given z_top's mean.
    top, low = posteriors["top"], posteriors["low"]
    np.testing.assert_allclose(
        array(top.kl()), known.elbo(IMAGES, seed=0)["kl_top"], rtol=1e-5
    )
    prior_mean = z["top"] @ A.T
    variance = np.exp(array(low.log_var)) / S
    moved = (z["low"] - prior_mean) ** 2 / S
    kl = 0.5 * np.sum(variance + moved - 1 - np.log(variance), axis=1)
    np.testing.assert_allclose(array(low.kl()), kl, rtol=1e-3)
    assert tuple(low.sample(seed=0).shape) == (len(X), LOW)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda z: z["low"], "`z` must be a dictionary of the groups top, low; got"),
        (lambda z: {"low": z["low"]}, r"of the groups top, low; got \['low'\]"),
        (lambda z: {**z, "more": z["low"]}, "of the groups top, low; got"),
        (lambda z: {**z, "top": z["low"]}, r"`top` must be .*\(N, 1\); got .*\(3, 2\)"),
        (lambda z: {**z, "top": z["top"][:2]}, "must be of one number; got"),
    ],
)
@once
def test_latents_of_other_groups_are_refused(known, change, said):
    z = {"top": np.zeros((3, TOP), "f4"), "low": np.zeros((3, LOW), "f4")}
    assert tuple(known.decode(z).shape) == (3, *SHAPE)
    with pytest.raises(ValueError, match=said) as caught:
        known.decode(change(z))
    assert "\n" not in str(caught.value)


def test_preset_keeps_the_levels(known, tmp_path):
    known.save_to_preset(tmp_path / "preset")
    loaded = TwoLevels.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        loaded.sample(3, seed=0), known.sample(3, seed=0), atol=1e-6
    )
    np.testing.assert_allclose(
        loaded.elbo(IMAGES, seed=0)["elbo"],
        known.elbo(IMAGES, seed=0)["elbo"],
        rtol=1e-5,
    )
    quick_compile(loaded)
    loaded.fit(IMAGES, verbose=0)
