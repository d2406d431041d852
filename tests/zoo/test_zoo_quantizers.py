"""Quantizers against their papers' formulas in NumPy."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import array, gradient

from zoo import quantizers
from zoo.distributions import Codes, kl_per_unit
from zoo.priors import UniformCodes
from zoo.quantizers import (
    EMAQuantizer,
    FiniteScalarQuantizer,
    GradientQuantizer,
    GumbelQuantizer,
    ResidualQuantizer,
    estimators,
)
from zoo.schedules import ExponentialDecay
from zoo.training.metrics import CodebookUsage, Perplexity

once = pytest.mark.one_backend("the contract, and training, are tried on every backend")

K, D = 6, 3
MAKERS = {
    "ema": lambda k=K: EMAQuantizer(k, D, seed=0),
    "ema, cosine": lambda k=K: EMAQuantizer(k, D, cosine=True, seed=0),
    "gradient": lambda k=K: GradientQuantizer(k, D, seed=0),
    "gradient, rotation": lambda k=K: GradientQuantizer(
        k, D, gradient_estimator="rotation", seed=0
    ),
    "residual": lambda k=K: ResidualQuantizer(k, D, depth=2, seed=0),
    "gumbel": lambda k=K: GumbelQuantizer(k, D, seed=0),
    "gumbel, hard": lambda k=K: GumbelQuantizer(k, D, hard=True, seed=0),
    "fsq": lambda k=K: FiniteScalarQuantizer.of_size(max(k, 2), D, seed=0),
    "fsq, channels": lambda k=K: FiniteScalarQuantizer((3, 2, 4), seed=0),
    "fsq, depth": lambda k=K: FiniteScalarQuantizer((3, 2), D, seed=0, depth=2),
}


@pytest.fixture
def features():
    return np.random.default_rng(0).standard_normal((4, 5, 3, D)).astype("float32")


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def run(quantizer, features, **options):
    """A quantizer's outputs as arrays."""
    out = quantizer(tensor(features), **options)
    return type(out)(*(None if part is None else array(part) for part in out))


def nearest(features, codebook):
    squared = ((features[..., None, :] - codebook) ** 2).sum(-1)
    return squared.argmin(-1)


# What all have in common.


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", MAKERS)
def test_quantizer_keeps_its_contract(features, name, training):
    quantizer = MAKERS[name]()
    out = run(quantizer, features, training=training)
    size, depth = quantizer.codebook_size, quantizer.depth
    assert out.features.shape == features.shape
    assert out.codes.shape == (4, 5, 3, *quantizer.depth_axes)
    assert out.codes.dtype == np.int32
    assert 0 <= out.codes.min() and out.codes.max() < size
    assert out.loss.shape == (4,) and np.all(out.loss >= 0)
    assert out.counts.shape == (depth, size)
    flat = out.codes.reshape(-1, depth)
    for level in range(depth):
        expected = np.bincount(flat[:, level], minlength=size)
        np.testing.assert_array_equal(out.counts[level], expected)
    for part in (out.features, out.loss, out.counts):
        assert part.dtype == np.float32 and np.isfinite(part).all()
    assert (out.log_probs is not None) == quantizer.stochastic
    if not quantizer.stochastic and not training:
        looked_up = array(quantizer.lookup(ops.convert_to_tensor(out.codes)))
        np.testing.assert_allclose(looked_up, out.features, atol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
@once
def test_loss_of_an_example_does_not_depend_on_the_batch(features, name):
    quantizer = MAKERS[name]()
    whole, part = run(quantizer, features), run(quantizer, features[:1])
    np.testing.assert_allclose(part.loss, whole.loss[:1], rtol=1e-5)
    np.testing.assert_array_equal(part.codes, whole.codes[:1])


@pytest.mark.parametrize("name", MAKERS)
@once
def test_quantizer_comes_back_from_its_configuration(features, name):
    quantizer = MAKERS[name]()
    run(quantizer, features, training=True)
    config = keras.saving.serialize_keras_object(quantizer)
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == quantizer.get_config()
    run(again, features)
    again.set_weights(quantizer.get_weights())
    one, other = run(quantizer, features), run(again, features)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_allclose(one.features, other.features, atol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_quantizer_computes_in_float32_inside_mixed_precision(features, name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        quantizer = MAKERS[name]()
        half = ops.cast(tensor(features), "bfloat16")
        for training in (False, True):
            out = quantizer(half, training=training)
            for part in (out.features, out.loss, out.counts):
                assert keras.backend.standardize_dtype(part.dtype) == "float32"
        assert all(w.dtype != "bfloat16" for w in quantizer.weights)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name", set(MAKERS) - {"fsq", "fsq, channels", "fsq, depth"})
@once
def test_codebook_of_one(features, name):
    quantizer = MAKERS[name](1)
    for training in (True, False):
        out = run(quantizer, features, training=training)
        assert np.all(out.codes == 0) and np.isfinite(out.loss).all()


@pytest.mark.parametrize("name", MAKERS)
@once
def test_codebook_larger_than_the_batch(name):
    quantizer = MAKERS[name](100)
    tiny = np.random.default_rng(0).standard_normal((1, 2, 2, D))
    for _ in range(3):
        out = run(quantizer, tiny, training=True)
        assert np.isfinite(out.features).all() and np.isfinite(out.loss).all()
    assert all(np.isfinite(w).all() for w in quantizer.get_weights())


@pytest.mark.parametrize("name", MAKERS)
@once
def test_features_of_another_width_are_refused(name):
    with pytest.raises(ValueError, match="`features` must have 3 channels"):
        MAKERS[name]().build((None, 4, 4, 5))


# Gradients.


def test_nearest_codes_and_their_loss(features):
    quantizer = GradientQuantizer(K, D, commitment=0.5, seed=0)
    quantizer.build(features.shape)
    codebook = np.random.default_rng(1).standard_normal((K, D)).astype("float32")
    quantizer.codebook.assign(codebook)
    out = run(quantizer, features)
    codes = nearest(features, codebook)
    np.testing.assert_array_equal(out.codes, codes)
    np.testing.assert_allclose(out.features, codebook[codes], atol=1e-6)
    squared = ((features - codebook[codes]) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(out.loss, 1.5 * squared, rtol=1e-5)


def test_commitment_moves_the_features_and_the_first_term_does_not(features):
    quantizer = GradientQuantizer(K, D, commitment=0.5, seed=0)
    quantizer.build(features.shape)
    slope = gradient(lambda f: ops.sum(quantizer(f).loss), features)
    expected = 2 * 0.5 * (features - run(quantizer, features).features)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["ema", "gradient", "residual", "fsq, channels"])
def test_gradient_passes_straight_through(features, name):
    quantizer = MAKERS[name]()
    quantizer.build(features.shape)
    weights = np.random.default_rng(1).standard_normal(features.shape).astype("float32")
    slope = gradient(
        lambda f: ops.sum(quantizer(f).features * tensor(weights)), features
    )
    if name == "fsq, channels":  # up to the slope of the bounding function
        levels = np.array([3, 2, 4])
        half = (levels - 1) / 2 * (1 - 1e-3)
        shift = np.tan(np.array([0, 0, 0.5]) / half)  # of two levels none is at 0
        weights = weights * half * (1 - np.tanh(features + shift) ** 2) / [1, 0.5, 2]
    np.testing.assert_allclose(slope, weights, rtol=1e-4, atol=1e-5)


def test_rotation_turns_the_gradient_as_it_turns_the_feature():
    rng = np.random.default_rng(0)
    f, q, g = rng.standard_normal((3, 50, 4)).astype("float32")

    def output(values):
        return estimators.rotation(values, tensor(q))

    np.testing.assert_allclose(array(output(tensor(f))), q, atol=1e-5)
    slope = gradient(lambda values: ops.sum(output(values) * tensor(g)), f)
    norms = [np.linalg.norm(v, axis=1) for v in (f, q, g, slope)]
    # The gradient's length changes as the feature's does, and its angle stays.
    np.testing.assert_allclose(norms[3], norms[2] * norms[1] / norms[0], rtol=1e-4)
    np.testing.assert_allclose(
        (slope * f).sum(1) / norms[3] / norms[0],
        (g * q).sum(1) / norms[2] / norms[1],
        atol=1e-4,
    )


@pytest.mark.parametrize(
    "feature", [[0.0, 0.0], [-1.0, 0.0], [1e-20, 0.0], [1e18, 1.0]]
)
def test_rotation_is_finite_where_it_is_not_defined(feature):
    f, q = np.float32([feature]), np.float32([[1.0, 0.0]])
    np.testing.assert_allclose(array(estimators.rotation(tensor(f), tensor(q))), q)
    slope = gradient(lambda v: ops.sum(estimators.rotation(v, tensor(q))), f)
    assert np.isfinite(slope).all()


# Moving averages.


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("cosine", (False, True))
def test_moving_averages_by_hand(features, cosine):
    options = {"initialize_from_data": False, "expire_below": 0, "epsilon": 0.1}
    quantizer = EMAQuantizer(K, D, decay=0.8, cosine=cosine, seed=0, **options)
    quantizer.build(features.shape)
    codebook = array(quantizer.codebook).astype(np.float64)
    usage, sums = np.ones(K), codebook.copy()
    for step in range(3):
        x = features + step
        out = run(quantizer, x, training=True)
        x = unit(x) if cosine else x
        codes = nearest(x, codebook)
        np.testing.assert_array_equal(out.codes, codes)
        np.testing.assert_allclose(out.features, codebook[codes], atol=1e-5)
        squared = ((x - codebook[codes]) ** 2).sum((1, 2, 3))
        np.testing.assert_allclose(out.loss, 0.25 * squared, rtol=1e-4)
        chosen = np.eye(K)[codes.reshape(-1)]
        usage = 0.8 * usage + 0.2 * chosen.sum(0)
        sums = 0.8 * sums + 0.2 * chosen.T @ x.reshape(-1, D)
        smoothed = (usage + 0.1) / (usage.sum() + K * 0.1) * usage.sum()
        codebook = sums / smoothed[:, None]
        codebook = unit(codebook) if cosine else codebook
        np.testing.assert_allclose(array(quantizer.usage), usage, rtol=1e-5)
        np.testing.assert_allclose(array(quantizer.codebook), codebook, rtol=1e-4)
    before = quantizer.get_weights()
    run(quantizer, features)  # outside training nothing moves
    for one, other in zip(before, quantizer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_first_batch_gives_the_codebook(features):
    quantizer = EMAQuantizer(K, D, decay=0.9, seed=0)
    quantizer.build(features.shape)
    assert float(quantizer.initialized) == 0
    out = run(quantizer, features, training=True)
    assert float(quantizer.initialized) == 1
    rows = features.reshape(-1, D)
    for code in range(K):  # every code is some feature, none twice
        chosen = np.unique(out.features[out.codes == code].round(4), axis=0)
        assert len(chosen) == 1
        assert np.abs(rows - chosen).max(axis=1).min() < 1e-4
    # The averages start with the codes at the average usage, and one step is done.
    assert float(ops.sum(quantizer.usage)) == pytest.approx(60, rel=1e-5)
    kept = array(quantizer.codebook)
    run(quantizer, features + 100, training=True)
    moved = np.abs(array(quantizer.codebook) - kept).max(axis=1)
    assert np.sum(moved > 50) <= 1  # the second batch moves, and does not restart


def test_dead_codes_come_back_with_their_sums(features):
    options = {"decay": 0.5, "initialize_from_data": False, "seed": 0}
    far = np.full((K, D), 1e3, "float32")
    far[0] = 0
    used = {}
    for expire_below in (0.0, 0.1):
        quantizer = EMAQuantizer(K, D, expire_below=expire_below, **options)
        quantizer.build(features.shape)
        quantizer.codebook.assign(far)
        quantizer.sums.assign(far)
        for _ in range(12):
            out = run(quantizer, features, training=True)
        used[expire_below] = int(np.sum(out.counts > 0))
        assert all(np.isfinite(w).all() for w in quantizer.get_weights())
    assert used == {0.0: 1, 0.1: K}
    # Sums and usage agree with the codes: restarted codes do not jump back.
    codebook = array(quantizer.sums) / array(quantizer.usage)[:, None]
    np.testing.assert_allclose(codebook, array(quantizer.codebook), atol=1e-3)
    assert np.abs(codebook).max() < 5


@once
def test_restarts_keep_up_with_features_that_move_away(features):
    quantizer = EMAQuantizer(K, D, decay=0.9, seed=0)
    run(quantizer, features, training=True)
    for _ in range(40):
        out = run(quantizer, features + 50, training=True)
    assert np.sum(out.counts > 0) == K
    assert out.loss.mean() < run(quantizer, features).loss.mean() / 100


# Residuals.


def test_residual_error_decreases_with_every_level(features):
    errors = []
    for depth in (1, 2, 4):
        quantizer = ResidualQuantizer(K, D, depth=depth, level="ema", seed=0)
        for _ in range(12):
            run(quantizer, features, training=True)
        out = run(quantizer, features)
        errors.append(((features - out.features) ** 2).mean())
    assert errors[0] > 1.5 * errors[1] > 2 * errors[2]


def test_residual_levels_quantize_what_is_left(features):
    quantizer = ResidualQuantizer(K, D, depth=3, level="gradient", seed=0)
    quantizer.build(features.shape)
    rng = np.random.default_rng(1)
    codebooks = rng.standard_normal((3, K, D)).astype("float32")
    for level, codebook in zip(quantizer.levels, codebooks, strict=True):
        level.codebook.assign(codebook)
    out = run(quantizer, features)
    rest, loss = features.copy(), 0
    for i, codebook in enumerate(codebooks):
        codes = nearest(rest, codebook)
        np.testing.assert_array_equal(out.codes[..., i], codes)
        rest = rest - codebook[codes]
        loss = loss + 1.25 * (rest**2).sum((1, 2, 3))
    np.testing.assert_allclose(out.features, features - rest, atol=1e-5)
    np.testing.assert_allclose(out.loss, loss, rtol=1e-4)


@once
def test_residual_levels_take_over_options():
    level = EMAQuantizer(K, D, decay=0.5, commitment=2.0)
    quantizer = ResidualQuantizer(K, D, depth=2, level=level, seed=0)
    assert [q.decay for q in quantizer.levels] == [0.5, 0.5]
    assert [q.name for q in quantizer.levels] == ["level_0", "level_1"]
    assert len({q.seed for q in quantizer.levels}) == 2


# Rounding.


@pytest.mark.parametrize("levels", [(2,), (3,), (4,), (8, 5, 5), (3, 2, 4), (7, 6)])
@once
def test_fsq_codes_and_vectors_are_a_bijection(levels):
    quantizer = FiniteScalarQuantizer(levels)
    quantizer.build((None, 1, 1, len(levels)))
    size = math.prod(levels)
    assert quantizer.codebook_size == size
    codes = np.arange(size, dtype="int32").reshape(size, 1, 1)
    vectors = array(quantizer.lookup(ops.convert_to_tensor(codes)))[:, 0, 0]
    assert len(np.unique(vectors.round(5), axis=0)) == size
    for channel, count in enumerate(levels):
        values = np.unique(vectors[:, channel].round(5))
        expected = (np.arange(count) - count // 2) / (count // 2)
        if count == 2:
            expected = np.array([-1, 1])
        np.testing.assert_allclose(values, expected, atol=1e-5)
    np.testing.assert_allclose(vectors[0], [-1] * len(levels), atol=1e-6)
    # Features deep inside each level are given its code.
    half = (np.array(levels) - 1) / 2 * (1 - 1e-3)
    offset = np.where(np.array(levels) % 2 == 0, 0.5, 0.0)
    two = np.array(levels) == 2
    digits = np.where(two, (vectors - 1) / 2, vectors * (np.array(levels) // 2))
    inner = np.clip((digits + offset) / half, -1 + 1e-4, 1 - 1e-4)
    inside = np.arctanh(inner) - np.where(two, 0, np.tan(offset / half))
    out = run(quantizer, inside[:, None, None, :])
    np.testing.assert_array_equal(out.codes, codes)


def test_fsq_of_depth_is_one_quantizer_beside_another():
    x = np.random.default_rng(0).normal(size=(4, 5, 3, 6)).astype("float32")
    both = FiniteScalarQuantizer((8, 5, 2), depth=2)
    assert both.codebook_size == 80
    out = run(both, x)
    for level, part in enumerate((x[..., :3], x[..., 3:])):
        alone = run(FiniteScalarQuantizer((8, 5, 2)), part)
        np.testing.assert_array_equal(out.codes[..., level], alone.codes)
        np.testing.assert_array_equal(out.counts[level], alone.counts[0])
        place = slice(3 * level, 3 * level + 3)
        np.testing.assert_allclose(out.features[..., place], alone.features)


def test_fsq_reaches_every_level_and_no_other():
    quantizer = FiniteScalarQuantizer((2, 3, 4, 5, 8))
    x = np.linspace(-30, 30, 4001)
    out = run(quantizer, np.repeat(x, 5).reshape(-1, 1, 1, 5))
    for channel, count in enumerate((2, 3, 4, 5, 8)):
        assert len(np.unique(out.features[..., channel].round(5))) == count


def test_fsq_of_two_levels_is_symmetric_about_zero():
    """Upside down features have upside down codes: none is the rule, none the rare."""
    quantizer = FiniteScalarQuantizer((2, 3))
    x = np.random.default_rng(0).normal(size=(500, 1, 1, 2)).astype("float32")
    features = run(quantizer, x).features
    assert set(np.unique(features[..., 0])) == {-1, 1}
    np.testing.assert_array_equal(run(quantizer, -x).features, -features)
    np.testing.assert_array_equal(features[..., 0], np.sign(x[..., 0]))


@pytest.mark.parametrize(
    "size, levels",
    [(2, (2,)), (64, (4, 4, 4)), (512, (8, 4, 4, 4)), (1000, (8, 5, 5, 5)), (7, (7,))],
)
@once
def test_fsq_finds_levels_of_a_size(size, levels):
    quantizer = FiniteScalarQuantizer.of_size(size, 16)
    assert quantizer.levels == levels
    assert (quantizer.codebook_size, quantizer.code_dim) == (size, 16)


# Gumbel.


def test_gumbel_kl_and_draws_match_the_softmax():
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((3, 2, 2, K))
    log_q = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    codes = ops.convert_to_tensor(log_q.argmax(-1).astype("int32"))
    q = Codes(codes, K, tensor(log_q))
    kl = (np.exp(log_q) * (log_q + np.log(K))).sum(-1)
    np.testing.assert_allclose(
        array(kl_per_unit(q, UniformCodes(K, (2, 2)))), kl, rtol=1e-4
    )
    np.testing.assert_allclose(array(q.kl()), kl.sum((1, 2)), rtol=1e-4)
    prior = UniformCodes(K, (2, 2))
    uniforms = tensor(rng.random((20000, 3, 2, 2)))
    drawn = q.from_noise(uniforms)
    shares = np.stack([(array(drawn) == k).mean(0) for k in range(K)], -1)
    np.testing.assert_allclose(shares, np.exp(log_q), atol=0.02)
    log_prob = array(q.log_prob(drawn))[:5]
    chosen = np.take_along_axis(
        np.broadcast_to(log_q, (5, 3, 2, 2, K)), array(drawn)[:5, ..., None], -1
    )
    np.testing.assert_allclose(log_prob, chosen.sum((2, 3, 4)), rtol=1e-4)
    # KL = E_q[log q - log p].
    sampled = array(q.log_prob(drawn) - prior.log_prob(drawn)).mean(0)
    np.testing.assert_allclose(sampled, array(q.kl()), atol=0.05)


def test_certain_codes_have_a_kl_of_ln_k_each():
    codes = np.random.default_rng(0).integers(0, K, (5, 2, 3)).astype("int32")
    q = Codes(ops.convert_to_tensor(codes), K)
    np.testing.assert_allclose(array(q.kl()), [6 * math.log(K)] * 5, rtol=1e-6)
    drawn = q.from_noise(ops.zeros((4, 5, 2, 3)))
    np.testing.assert_array_equal(array(drawn), np.broadcast_to(codes, (4, 5, 2, 3)))
    np.testing.assert_array_equal(array(q.sample(seed=0)), codes)
    np.testing.assert_array_equal(array(q.log_prob(drawn)), np.zeros((4, 5)))
    other = ops.convert_to_tensor((codes + 1) % K)
    assert np.all(array(q.log_prob(other)) == -np.inf)
    one = Codes(ops.zeros((1, 2, 2), "int32"), 1)
    assert float(one.kl()[0]) == 0


def test_gumbel_uniform_draws_stay_in_range():
    q = Codes(ops.zeros((1, 1, 1), "int32"), 3, tensor([[[[-9.0, -9.0, 0.0]]]]))
    largest = np.nextafter(np.float32(1), np.float32(0))
    for u in (0.0, largest):
        code = int(array(q.from_noise(tensor([[[u]]])))[0, 0, 0])
        assert 0 <= code < 3


def test_gumbel_relaxation_sharpens_with_its_schedule(features):
    schedule = ExponentialDecay(steps=10, start=5.0, end=1e-3)
    quantizer = GumbelQuantizer(K, D, temperature=schedule, seed=0)
    quantizer.build(features.shape)
    quantizer.codebook.assign(np.eye(K, D))

    def distance_to_codes(step):
        out = run(quantizer, features, training=True, step=step)
        squared = ((out.features[..., None, :] - np.eye(K, D)) ** 2).sum(-1)
        return squared.min(-1).mean()

    warm, cold = distance_to_codes(0.0), distance_to_codes(10.0)
    assert cold < 1e-2 < 0.05 < warm
    assert float(schedule(5.0)) == pytest.approx(math.sqrt(5.0 * 1e-3), rel=1e-4)


def test_gumbel_relaxed_draws_follow_the_posterior():
    quantizer = GumbelQuantizer(3, 3, temperature=0.01, hard=True, seed=0)
    quantizer.build((None, 1, 1, 3))
    quantizer.kernel.assign(np.eye(3))
    quantizer.codebook.assign(np.eye(3))
    probabilities = np.array([0.7, 0.2, 0.1])
    x = np.broadcast_to(np.log(probabilities), (20000, 1, 1, 3))
    out = run(quantizer, x, training=True)
    np.testing.assert_allclose(out.features.mean((0, 1, 2)), probabilities, atol=0.015)
    assert np.all(np.isclose(out.features, 0) | np.isclose(out.features, 1))
    assert np.all(run(quantizer, x).codes == 0)


def test_gumbel_gradient_reaches_the_features(features):
    for hard in (False, True):
        quantizer = GumbelQuantizer(K, D, hard=hard, seed=0)
        quantizer.build(features.shape)

        def total(f, quantizer=quantizer):
            return ops.sum(ops.square(quantizer(f, training=True).features))

        slope = gradient(total, features)
        assert np.isfinite(slope).all() and np.abs(slope).max() > 1e-3


# Statistics.


def test_perplexity_and_usage_of_known_counts():
    perplexity, usage = Perplexity((1, 4)), CodebookUsage((1, 4))
    for metric in (perplexity, usage):
        metric.update_state(tensor([[1, 0, 1, 0]]))
        metric.update_state(tensor([[1, 0, 0, 1]]))
    p = np.array([0.5, 0.25, 0.25])
    assert float(perplexity.result()) == pytest.approx(np.exp(-(p * np.log(p)).sum()))
    assert float(usage.result()) == 0.75
    for metric in (perplexity, usage):
        metric.reset_state()
    assert (float(perplexity.result()), float(usage.result())) == (1, 0)
    uniform = Perplexity((2, 4))
    uniform.update_state(tensor([[3, 3, 3, 3], [9, 0, 0, 0]]))
    assert float(uniform.result()) == pytest.approx((4 + 1) / 2)


# Bad arguments.


@pytest.mark.parametrize(
    "make, error, said",
    [
        (
            lambda: ResidualQuantizer(K, D, level=EMAQuantizer(K, D, cosine=True)),
            ValueError,
            "`level` must not compare directions alone",
        ),
        (lambda: EMAQuantizer(0, D), ValueError, "`codebook_size` .* >= 1; got 0"),
        (lambda: EMAQuantizer(K, 1.5), ValueError, "`code_dim` .* got 1.5"),
        (lambda: EMAQuantizer(K, D, decay=1), ValueError, r"`decay` .*\[0, 1\); got 1"),
        (lambda: EMAQuantizer(K, D, epsilon=0), ValueError, "`epsilon` .*got 0"),
        (lambda: EMAQuantizer(K, D, expire_below=2), ValueError, "`expire_below` "),
        (lambda: GradientQuantizer(K, D, commitment=-1), ValueError, "`commitment` "),
        (
            lambda: GradientQuantizer(K, D, gradient_estimator="reinforce"),
            ValueError,
            "`gradient_estimator` .*'straight_through', 'rotation'; got 'reinforce'",
        ),
        (lambda: FiniteScalarQuantizer(()), ValueError, "`levels` must name at least"),
        (lambda: FiniteScalarQuantizer((8, 1)), ValueError, "`levels` .*>= 2; got 1"),
        (lambda: GumbelQuantizer(K, D, 0), ValueError, "`temperature` must be a .*> 0"),
        (lambda: GumbelQuantizer(K, D, "hot"), TypeError, "`temperature` "),
        (lambda: ResidualQuantizer(K, D, depth=0), ValueError, "`depth` .*got 0"),
        (lambda: ResidualQuantizer(K, D, level="fsq"), ValueError, "`level` must be "),
        (lambda: quantizers.get("vq", K, D), ValueError, "`quantizer` .*got 'vq'"),
        (lambda: quantizers.get(3, K, D), TypeError, "`quantizer` .*got int"),
        (
            lambda: quantizers.get(EMAQuantizer(8, D), K, D),
            ValueError,
            "`codebook_size` is 6, but the quantizer's is 8",
        ),
        (
            lambda: ExponentialDecay(5, end=0),
            ValueError,
            "`end` must be greater than 0",
        ),
    ],
)
@once
def test_bad_arguments_of_quantizers_are_refused(make, error, said):
    with pytest.raises(error, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
