"""The family of beta-VAE: each objective against its equation, written in NumPy."""

import itertools
import json

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import (
    bernoulli_log_prob,
    dense_networks,
    gaussian_kl,
    gaussian_log_prob,
    noise_of,
)
from zoo_helpers import (
    LOGS,
    SHAPE,
    array,
    gradient,
    make_terms,
    quick_compile,
    random_weights,
    weights_distance,
)

import zoo
from zoo import objectives
from zoo.distributions import DiagonalNormal
from zoo.objectives import DIP, ELBO, MMD, Capacity, TotalCorrelation
from zoo.priors import StandardNormal
from zoo.schedules import LinearWarmup

once = pytest.mark.one_backend("each loss is that of NumPy on every backend")

RNG = np.random.default_rng(0)
K, N, D = 2, 5, 3
SIZE = 40  # of the data set
MEAN = RNG.standard_normal((N, D)).astype("float32")
LOG_VAR = RNG.standard_normal((N, D)).astype("float32")
NOISE = RNG.standard_normal((K, N, D)).astype("float32")
LOG_LIKELIHOOD = (-50 + RNG.standard_normal((K, N))).astype("float32")


def known_terms(mean=MEAN, log_var=LOG_VAR, noise=NOISE, log_likelihood=LOG_LIKELIHOOD):
    q = DiagonalNormal(ops.convert_to_tensor(mean), ops.convert_to_tensor(log_var))
    z = q.from_noise(ops.convert_to_tensor(noise))
    return make_terms(q, StandardNormal(), z, ops.convert_to_tensor(log_likelihood))


def numpy_weights(estimator, count, size):
    """Weights of q(z_i|x_j) in the estimate of q(z_i): Chen et al. 2018, appendix C."""
    if estimator == "mws":
        return np.full((count, count), 1 / (size * count))
    others = count - 1
    weights = np.full((count, count), 1 / others)
    for i in range(count):
        weights[i, (i + 1) % count] = (size - others) / (size * others)
        weights[i, i] = 1 / size
    return weights


def numpy_parts(mean, log_var, z, estimator, size):
    """(MI, TC, DW) at each image's draw, term by term: equation 2 of the paper."""
    count, latent_dim = mean.shape
    weights = numpy_weights(estimator, count, size)
    parts = np.zeros((3, count))
    for i in range(count):
        density = np.exp(
            -0.5 * ((z[i] - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi))
        )
        log_joint = np.log(np.sum(weights[i] * density.prod(axis=1)))
        log_product = sum(
            np.log(np.sum(weights[i] * density[:, d])) for d in range(latent_dim)
        )
        parts[0, i] = gaussian_log_prob(z[i], mean[i], log_var[i]) - log_joint
        parts[1, i] = log_joint - log_product
        parts[2, i] = log_product - gaussian_log_prob(z[i], 0.0, np.zeros(latent_dim))
    return parts


def numpy_dip(mean, log_var, lambda_od, lambda_d, kind):
    covariance = np.cov(mean, rowvar=False, bias=True)
    if kind == "ii":
        covariance = covariance + np.diag(np.exp(log_var).mean(axis=0))
    diagonal = np.diag(covariance)
    off_diagonal = covariance - np.diag(diagonal)
    return lambda_od * np.sum(off_diagonal**2) + lambda_d * np.sum((diagonal - 1) ** 2)


# Capacity.


def test_capacity_loss_by_hand():
    # KL of N(mean, 1) to N(0, 1) is mean^2 / 2: 0, 2 and 8 nats around 3.
    terms = known_terms(
        np.float32([[0], [2], [4]]),
        np.zeros((3, 1), "float32"),
        np.zeros((1, 3, 1), "float32"),
        np.float32([[-7, -8, -9]]),
    )
    loss = Capacity(gamma=10.0, capacity=3.0)(terms, 0.0)
    np.testing.assert_allclose(array(loss), [7 + 30, 8 + 10, 9 + 50], rtol=1e-6)


def test_capacity_pulls_each_image_towards_it_from_both_sides():
    means = np.float32([[0.5], [2.0], [4.0]])

    def loss(mean):
        q = DiagonalNormal(mean, ops.zeros((3, 1)))
        terms = make_terms(q, StandardNormal(), None, ops.zeros((1, 3)))
        return ops.sum(Capacity(gamma=5.0, capacity=3.0)(terms, 0.0))

    np.testing.assert_allclose(
        gradient(loss, means), [[-2.5], [-10.0], [20.0]], rtol=1e-6
    )


def test_capacity_rises_with_the_step():
    terms = known_terms()
    rising = Capacity(gamma=2.0, capacity=LinearWarmup(steps=10, end=4.0))
    for step, capacity in ((0, 0.0), (5, 2.0), (10, 4.0), (99, 4.0)):
        np.testing.assert_allclose(
            array(rising(terms, float(step))),
            array(Capacity(2.0, capacity)(terms, 0.0)),
            rtol=1e-6,
        )
    default = Capacity().capacity
    assert float(default(0.0)) == 0 and float(default(1e9)) == 25


# Total correlation.


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_decomposition_matches_numpy(estimator):
    terms = known_terms()
    given = TotalCorrelation(2.0, SIZE, estimator).decompose(terms)
    z = array(terms.group.z).astype("float64")
    mean, log_var = MEAN.astype("float64"), LOG_VAR.astype("float64")
    expected = np.mean(
        [numpy_parts(mean, log_var, draw, estimator, SIZE) for draw in z], axis=0
    )
    np.testing.assert_allclose(
        np.stack([array(part) for part in given]), expected, rtol=1e-4, atol=1e-5
    )
    # Whatever the estimate of q(z), it cancels in the sum.
    np.testing.assert_allclose(
        sum(array(part) for part in given),
        -array(terms.log_ratio).mean(axis=0),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("estimator", ["mws", "mss"])
def test_total_correlation_weighs_the_three_parts(estimator):
    terms = known_terms()
    objective = TotalCorrelation(6.0, SIZE, estimator, alpha=0.5, gamma=2.0)
    information, correlation, dimension_wise = map(array, objective.decompose(terms))
    expected = 0.5 * information + 6.0 * correlation + 2.0 * dimension_wise
    np.testing.assert_allclose(
        array(objective(terms, 0.0)),
        array(terms.reconstruction) + expected,
        rtol=1e-5,
    )


@once
def test_stratified_weights_estimate_the_aggregate_posterior_without_bias():
    """The average over all batches of an image and two others is q(z) itself."""
    densities = np.random.default_rng(1).random(6) + 0.1  # of a z under six posteriors
    batches = [(0, *others) for others in itertools.permutations(range(1, 6), 2)]

    def average(estimator):
        log_weights = TotalCorrelation(1.0, 6, estimator).log_weights(3)
        own = np.exp(array(log_weights)[0])
        return np.mean([np.sum(own * densities[list(batch)]) for batch in batches])

    assert average("mss") == pytest.approx(densities.mean(), rel=1e-6)
    assert average("mws") < 0.5 * densities.mean()  # a lower bound, as it is proved


@once
def test_estimators_on_a_gaussian_whose_total_correlation_is_known():
    """q(z) = N(0, C): TC = -1/2 log det of its correlation matrix."""
    covariance = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.2], [0.3, 0.2, 1.0]])
    variance, count, size = 0.2, 800, 50_000
    rng = np.random.default_rng(0)
    means = rng.multivariate_normal(
        np.zeros(3), covariance - variance * np.eye(3), size=count
    )
    terms = known_terms(
        means.astype("float32"),
        np.full((count, 3), np.log(variance), "float32"),
        rng.standard_normal((1, count, 3)).astype("float32"),
        np.zeros((1, count), "float32"),
    )
    correlation = -0.5 * np.linalg.slogdet(covariance)[1]
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    information = entropy - 1.5 * np.log(2 * np.pi * np.e * variance)
    exact = np.array([information, correlation, 0.0])

    def estimate(estimator):
        parts = TotalCorrelation(1.0, size, estimator).decompose(terms)
        return np.array([array(part).mean() for part in parts])

    # One batch of 800 of a data set of 50,000: TC within 0.05 nats of 0.27.
    assert np.all(np.abs(estimate("mss") - exact) < [0.1, 0.05, 0.1])
    # As the docstring says: log q(z) and each log q(z_d) too small by log(size).
    excess = np.log(size) * np.array([1, 2, -3])
    assert np.all(np.abs(estimate("mws") - exact - excess) < [0.1, 0.05, 0.1])


@once
def test_total_correlation_of_independent_latents_is_zero():
    rng = np.random.default_rng(0)
    terms = known_terms(
        rng.standard_normal((800, 2), dtype="float32") * np.float32(0.9),
        np.full((800, 2), np.log(0.19), "float32"),
        rng.standard_normal((1, 800, 2), dtype="float32"),
        np.zeros((1, 800), "float32"),
    )
    parts = TotalCorrelation(1.0, 10_000, "mss").decompose(terms)
    assert array(parts[1]).mean() == pytest.approx(0, abs=0.03)


@once
def test_both_estimators_push_correlated_means_apart():
    """Less correlation is a smaller loss: the gradient says so, whatever the bias."""
    rng = np.random.default_rng(0)
    base = ops.convert_to_tensor(rng.standard_normal((200, 2)).astype("float32"))
    noise = ops.convert_to_tensor(rng.standard_normal((1, 200, 2)).astype("float32"))

    def means(correlation):
        first, second = ops.split(ops.convert_to_tensor(base), 2, axis=1)
        root = ops.sqrt(1 - correlation**2)
        return ops.concatenate(
            [first + 0.0 * root, correlation * first + root * second], 1
        )

    for estimator in ("mws", "mss"):

        def loss(correlation, estimator=estimator):
            q = DiagonalNormal(means(correlation), ops.full((200, 2), -1.5))
            terms = make_terms(
                q, StandardNormal(), q.from_noise(noise), ops.zeros((1, 200))
            )
            return ops.mean(TotalCorrelation(1.0, 5000, estimator).decompose(terms)[1])

        slopes = [gradient(loss, np.float32(value)) for value in (0.8, -0.8)]
        assert slopes[0] > 0.2 and slopes[1] < -0.2


# DIP.


@pytest.mark.parametrize("kind", ["i", "ii"])
def test_dip_matches_the_covariance_of_numpy(kind):
    terms = known_terms()
    mean, log_var = MEAN.astype("float64"), LOG_VAR.astype("float64")
    expected = (
        -LOG_LIKELIHOOD.mean(axis=0)
        + gaussian_kl(mean, log_var)
        + numpy_dip(mean, log_var, 3.0, 7.0, kind)
    )
    loss = DIP(lambda_od=3.0, lambda_d=7.0, kind=kind)(terms, 0.0)
    np.testing.assert_allclose(array(loss), expected, rtol=1e-5)


def test_dip_penalizes_nothing_where_the_covariance_is_the_identity():
    corners = np.float32([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    zeros = np.zeros((4, 2), "float32")
    noise, log_likelihood = np.zeros((1, 4, 2), "f4"), np.zeros((1, 4), "f4")
    terms = known_terms(corners, zeros, noise, log_likelihood)
    np.testing.assert_allclose(
        array(DIP(10.0, 100.0, "i")(terms, 0.0)), array(terms.kl), rtol=1e-6
    )
    # Of z the variance is 1/2 + 1/2.
    terms = known_terms(
        corners * np.float32(0.5**0.5), zeros + np.log(0.5), noise, log_likelihood
    )
    np.testing.assert_allclose(
        array(DIP(10.0, 100.0, "ii")(terms, 0.0)), array(terms.kl), rtol=1e-5
    )


# BetaVAE.

X = np.random.default_rng(3).random((6, *SHAPE), dtype="float32")
FAMILY = {
    "beta": {},
    "warm-up": {"beta": LinearWarmup(steps=5, end=3.0)},
    "capacity": {"objective": Capacity(20.0, LinearWarmup(steps=8, end=5.0))},
    "mws": {"objective": TotalCorrelation(6.0, 64)},
    "mss": {"objective": TotalCorrelation(LinearWarmup(9), 64, "mss", 0.5, 2.0)},
    "dip i": {"objective": "dip_i"},
    "dip ii": {"objective": DIP(2.0, 3.0, kind="ii")},
    "mmd": {"objective": MMD(50.0, LinearWarmup(steps=5, end=3.0), "rbf", (0.5, 2))},
}


def make_beta(**options):
    options = {"hidden_units": (5,), "seed": 0, "name": "vae", **options}
    return zoo.BetaVAE(SHAPE, 3, networks="dense", **options)


def numpy_mmd(z, drawn, scales, kernel, estimator):
    """MMD^2 pair by pair."""

    def k(a, b):
        r, c = np.sum((a - b) ** 2), 2 * len(a) * np.asarray(scales)
        return np.sum(np.exp(-r / c) if kernel == "rbf" else c / (c + r))

    def within(draws):
        pairs = itertools.product(range(len(draws)), repeat=2)
        return np.mean(
            [k(draws[i], draws[j]) for i, j in pairs if estimator == "biased" or i != j]
        )

    across = np.mean([k(a, b) for a in z for b in drawn])
    return within(z) + within(drawn) - 2 * across


def numpy_loss(name, reconstruction, mean, log_var, z, step):
    kl = gaussian_kl(mean, log_var)
    if name == "beta":
        return reconstruction + 4 * kl
    if name == "warm-up":
        return reconstruction + 3 * step / 5 * kl
    if name == "capacity":
        return reconstruction + 20 * np.abs(kl - 5 * step / 8)
    if name in ("mws", "mss"):
        weights = {"mws": (1, 6, 1), "mss": (0.5, step / 9, 2)}[name]
        parts = numpy_parts(mean, log_var, z, name, 64)
        return reconstruction + np.dot(weights, parts)
    if name == "mmd":
        # The first numbers that the model of this seed draws.
        drawn = keras.random.normal(z.shape, seed=keras.random.SeedGenerator(0))
        distance = numpy_mmd(z, array(drawn), (0.5, 2), "rbf", "unbiased")
        return reconstruction + 3 * step / 5 * kl + 50 * distance
    weights = {"dip i": (10, 100, "i"), "dip ii": (2, 3, "ii")}[name]
    return reconstruction + kl + numpy_dip(mean, log_var, *weights)


@pytest.mark.parametrize("name", FAMILY)
def test_same_weights_and_noise_give_the_loss_of_numpy(name):
    """As in test_zoo_golden: the figures depend on no backend."""
    model = make_beta(**FAMILY[name])
    weights = random_weights(model, seed=5, scale=0.3)
    model.steps_trained.assign(2)
    noise = noise_of(7, len(X), 3)
    terms = model.elbo_terms(
        ops.convert_to_tensor(X), noise=ops.convert_to_tensor(noise[None], "float32")
    )
    encode, decode = dense_networks(weights, SHAPE, 1, False, "relu")
    mean, log_var = np.split(encode(X.astype("float64")), 2, axis=-1)
    z = mean + np.exp(log_var / 2) * noise
    reconstruction = -bernoulli_log_prob(X, decode(z))
    np.testing.assert_allclose(
        array(model.example_losses(terms, ops.cast(model.steps_trained, "float32"))),
        numpy_loss(name, reconstruction, mean, log_var, z, step=2),
        rtol=1e-4,
    )


@pytest.mark.parametrize("name", ["capacity", "mss", "mmd"])
def test_family_trains_and_goes_on_from_a_preset(images, tmp_path, name):
    model = make_beta(**FAMILY[name])
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert set(history) == LOGS
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["reconstruction"][-1] < history["reconstruction"][0]
    terms = np.add(history["reconstruction"], history["kl"])
    np.testing.assert_allclose(history["elbo"], -terms, rtol=1e-5)

    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.BetaVAE.from_preset(tmp_path / "preset")
    assert int(loaded.steps_trained) == 8
    assert weights_distance(loaded, model) == 0
    quick_compile(loaded, keras.optimizers.Adam(0.02))
    more = loaded.fit(images, batch_size=16, verbose=0).history
    assert more["reconstruction"][-1] < history["reconstruction"][0]


@pytest.mark.parametrize("name", FAMILY)
@once
def test_preset_keeps_the_objective(tmp_path, name):
    model = make_beta(**FAMILY[name])
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.BetaVAE.from_preset(tmp_path / "preset")
    one, other = (json.dumps(m.get_config(), sort_keys=True) for m in (model, loaded))
    assert one == other
    assert type(loaded.objective) is type(model.objective)


def test_compiled_step_of_an_unknown_batch_size_trains(images):
    """XLA, and on TensorFlow a batch whose size the graph does not know."""
    model = make_beta(objective=TotalCorrelation(2.0, 64, "mss"))
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(images, batch_size=24, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_conv_networks_are_the_default():
    model = zoo.BetaVAE(SHAPE, 2, filters=(2,), blocks_per_stage=1)
    assert model.get_config()["networks"] == "conv"
    assert model.objective.beta == 4.0
    again = zoo.BetaVAE.from_config(model.get_config())
    assert again.network_config == model.network_config


def test_total_correlation_in_half_precision_is_float32(images):
    model = make_beta(dtype="mixed_bfloat16", objective=TotalCorrelation(2.0, 64))
    terms = model.elbo_terms(ops.convert_to_tensor(images[:8]))
    parts = model.objective.decompose(terms)
    for part in (
        *parts,
        model.example_losses(terms, ops.cast(model.steps_trained, "float32")),
    ):
        assert keras.backend.standardize_dtype(part.dtype) == "float32"
        assert np.any(array(part) != array(part).astype("float16").astype("float32"))


def test_objective_and_beta_of_beta_vae():
    assert isinstance(make_beta(objective="capacity").objective, Capacity)
    assert make_beta(objective=ELBO(beta=2.0)).objective.beta == 2.0
    assert make_beta(beta=1.0).objective.beta == 1.0
    for beta in (1.0, 2.0, LinearWarmup(5)):
        with pytest.raises(ValueError, match="`beta` or `objective`, not both"):
            make_beta(beta=beta, objective="dip_i")


def test_objectives_by_name():
    assert objectives.get("dip_i").get_config() == {
        "lambda_od": 10.0,
        "lambda_d": 100.0,
        "kind": "i",
    }
    assert objectives.get("dip_ii").get_config() == {
        "lambda_od": 10.0,
        "lambda_d": 10.0,
        "kind": "ii",
    }
    assert isinstance(objectives.get("elbo"), ELBO)


@pytest.mark.parametrize(
    "objective",
    [
        Capacity(LinearWarmup(3), LinearWarmup(5, 1.0, 2.0)),
        TotalCorrelation(LinearWarmup(4), 10, "mss", LinearWarmup(2), 0.5),
        DIP(LinearWarmup(4), 2.0, "ii"),
        MMD(LinearWarmup(4), 0.5, "rbf", (1, 2.5), "biased"),
    ],
    ids=lambda objective: type(objective).__name__,
)
@once
def test_configuration_round_trip(objective):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(objective)))
    again = objectives.get(config)
    assert type(again) is type(objective)
    assert again.get_config() == objective.get_config()
    terms = known_terms()
    keras.utils.set_random_seed(0)  # of what MMD draws
    expected = array(objective(terms, 1.0))
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(array(again(terms, 1.0)), expected)


BAD = {
    "gamma": (lambda: Capacity(gamma=-1.0), ValueError, "`gamma` .*>= 0; got -1"),
    "capacity": (lambda: Capacity(1.0, -2.0), ValueError, "`capacity` .*got -2"),
    "capacity, text": (lambda: Capacity(1.0, "x"), TypeError, "`capacity` .*got str"),
    "beta": (lambda: TotalCorrelation(-1, 9), ValueError, "`beta` .*got -1"),
    "alpha": (lambda: TotalCorrelation(1, 9, alpha=-1), ValueError, "`alpha` .*-1"),
    "weight": (lambda: TotalCorrelation(1, 9, gamma=-1), ValueError, "`gamma` .*-1"),
    "size": (
        lambda: TotalCorrelation(1, 0),
        ValueError,
        "`dataset_size` must be a whole number >= 1; got 0",
    ),
    "size, part": (lambda: TotalCorrelation(1, 2.5), ValueError, "got 2.5"),
    "estimator": (
        lambda: TotalCorrelation(1, 9, "mean"),
        ValueError,
        "`estimator` must be one of 'mws', 'mss'; got 'mean'",
    ),
    "kind": (lambda: DIP(kind="iii"), ValueError, "one of 'i', 'ii'; got 'iii'"),
    "lambda_od": (lambda: DIP(-1.0), ValueError, "`lambda_od` .*got -1"),
    "lambda_d": (lambda: DIP(1.0, -1.0), ValueError, "`lambda_d` .*got -1"),
    "lambda_mmd": (lambda: MMD(-1.0), ValueError, "`lambda_mmd` .*got -1"),
    "kernel": (lambda: MMD(kernel="cubic"), ValueError, "`kernel` .*got 'cubic'"),
    "scales": (lambda: MMD(scales=()), ValueError, "`scales` must be one or more"),
    "scale": (lambda: MMD(scales=(1, 0)), ValueError, r"`scales` .*got \(1, 0\)"),
    "estimator of MMD": (lambda: MMD(estimator="u"), ValueError, "`estimator` .*'u'"),
    "codes": (
        lambda: MMD().check_model(zoo.VQVAE(SHAPE, 8, 2, filters=(2,))),
        ValueError,
        "MMD compares real latents .* the latents of VQVAE are codes",
    ),
    "beta of the model": (lambda: make_beta(beta=-1), ValueError, "`beta` .*got -1"),
    "networks": (
        lambda: zoo.BetaVAE(SHAPE, 2, networks="deep"),
        ValueError,
        "`networks` must be one of 'conv', 'dense'; got 'deep'",
    ),
    "option": (
        lambda: zoo.BetaVAE(SHAPE, 2, gated=True),
        TypeError,
        "conv networks take no `gated`",
    ),
    "name": (
        lambda: make_beta(objective="total_correlation"),
        ValueError,
        "`objective` must be one of 'capacity', 'dip_i'.*got 'total_correlation'",
    ),
}


@pytest.mark.parametrize("case", BAD)
@once
def test_bad_arguments_get_one_sentence(case):
    make, error, match = BAD[case]
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("objective", [TotalCorrelation(1.0, 9), MMD()])
@once
def test_batch_of_one_image_is_refused(images, objective):
    one = known_terms(MEAN[:1], LOG_VAR[:1], NOISE[:, :1], LOG_LIKELIHOOD[:, :1])
    said = "images of a batch with each other: .*at least 2 images; got a batch of 1"
    with pytest.raises(ValueError, match=said):
        objective(one, 0.0)
    model = make_beta(objective=objective)
    quick_compile(model)
    said = "`{}` must leave no batch of fewer than 2 .* got {} .* batches of {}"
    with pytest.raises(ValueError, match=said.format("x", 1, 32)):
        model.fit(images[:1], verbose=0)
    with pytest.raises(ValueError, match=said.format("x", 31, 10)):
        model.fit(images[:31], batch_size=10, verbose=0)
    with pytest.raises(ValueError, match=said.format("validation_data", 33, 32)):
        model.fit(images, validation_data=images[:33], verbose=0)
    with pytest.raises(ValueError, match=said.format("x", 1, 32)):
        model.evaluate(images[:1], verbose=0)
    assert int(model.steps_trained) == 0
    # Where nothing is compared, one image is a batch.
    plain = make_beta()
    quick_compile(plain)
    plain.fit(images[:1], verbose=0)
