"""HierarchicalVAE: a ladder of groups of latents."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from numpy_ladder import ladder_elbo
from numpy_reference import bernoulli_log_prob, noise_of
from zoo_helpers import BACKEND, LOGS, array, quick_compile, random_weights

import zoo
from zoo import threefry

once = pytest.mark.one_backend("the ELBO is that of NumPy on every backend")

SHAPE = (9, 10, 2)  # padded to 12 x 12
LEVELS = ((4, 1, 2), (2, 2, 1))
GROUPS = {"z_3x3_1": (3, 3, 2), "z_6x6_1": (6, 6, 1), "z_6x6_2": (6, 6, 1)}
SIZES = (18, 36, 36)
X = np.random.default_rng(3).integers(0, 2, (5, *SHAPE)).astype("float32")
LABELS = np.array([0, 2, 1, 1, 0])
OPTIONS = {"filters": (4, 3), "blocks_per_level": 1}


def make(levels=LEVELS, **options):
    return zoo.HierarchicalVAE(SHAPE, levels, seed=0, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def model():
    """With weights at random, and labels."""
    model = make(num_classes=3, class_names=["a", "b", "c"], block="residual")
    random_weights(model, seed=5, scale=0.4)
    return model


# The ELBO.


@pytest.mark.parametrize("gated, activation", [(True, "silu"), (False, "relu")])
def test_elbo_matches_numpy(gated, activation):
    options = {"block": "gated" if gated else "residual", "activation": activation}
    model = make(num_classes=3 if gated else None, blocks_per_level=2, **options)
    weights = random_weights(model, seed=11, scale=0.4)
    noise = noise_of(7, len(X), sum(SIZES))
    twin = {"blocks": 2, "gated": gated, "activation": activation, "labels": None}
    if gated:
        twin["labels"] = np.eye(3)[LABELS]
    expected = ladder_elbo(weights, X, noise, bernoulli_log_prob, LEVELS, twin)
    given = model.elbo(X, LABELS if gated else None, seed=7)
    assert set(given) == set(expected)
    assert min(np.min(expected[f"kl_{name}"]) for name in GROUPS) > 0.1
    for name, values in expected.items():
        np.testing.assert_allclose(given[name], values, rtol=1e-4, err_msg=name)


def test_importance_weights_tighten_the_bound(model):
    few, many = (
        model.log_marginal_likelihood(X, LABELS, k, seed=0).mean() for k in (1, 300)
    )
    assert few == pytest.approx(model.elbo(X, LABELS, seed=0)["elbo"].mean(), abs=9)
    assert few < many


@once
def test_posteriors_that_are_the_priors_make_no_kl():
    model = make()
    random_weights(model, seed=5, scale=0.4)
    for group in model.decoder.groups:
        expand = group.posterior.expand
        expand.set_weights([0 * weight for weight in expand.get_weights()])
    terms = model.elbo(X, seed=0)
    np.testing.assert_array_equal(terms["kl"], 0)
    likelihoods = model.log_marginal_likelihood(X, num_importance_samples=1, seed=0)
    np.testing.assert_allclose(likelihoods, terms["log_likelihood"], rtol=1e-5)


# What latents are.


def test_groups_and_numbers(model):
    assert {spec.name: spec.shape for spec in model.latents} == GROUPS
    assert model.noise == zoo.latents.NoiseSpec(normals=sum(SIZES))
    assert model.latent_row.shape == (sum(SIZES),)


def test_encode_gives_the_row_that_generate_makes_the_image_of(model):
    posterior = model.encode(X, LABELS)
    assert list(posterior) == list(GROUPS)
    for name, shape in GROUPS.items():
        assert tuple(posterior[name].mean.shape) == (5, *shape)
    row = array(posterior.mean)
    means = [array(q.mean).reshape(5, -1) for q in posterior.values()]
    np.testing.assert_array_equal(row, np.concatenate(means, axis=1))
    images = model.reconstruct(X, LABELS)
    assert np.std(images, axis=0).mean() > 0.01
    by_group = {name: q.mean for name, q in posterior.items()}
    for made in (
        model.decode(row, LABELS),
        model.decode(by_group, LABELS),
        model.generate(row, labels=LABELS),
    ):
        np.testing.assert_allclose(array(made), images, atol=1e-5)
    log_var = array(posterior.log_var)
    assert log_var.shape == row.shape and np.std(log_var) > 0.01
    each = sum(array(q.kl()) for q in posterior.values())
    np.testing.assert_allclose(array(posterior.kl()), each, rtol=1e-5)


@once
def test_draws_from_the_posterior_follow_the_levels(model):
    """As `elbo_terms` draws them: each group is given the draw before it."""
    posterior = model.encode(X, LABELS)
    noise = np.random.default_rng(1).standard_normal((5, sum(SIZES)), dtype="float32")
    drawn = array(posterior._draw(noise))

    def in_training(images, noise, labels):
        terms = model.elbo_terms(images, labels, noise=noise[None])
        return [group.z[0] for group in terms.groups]

    wanted = model.inference.batched("z", in_training, X, noise, LABELS)
    wanted = np.concatenate([z.reshape(5, -1) for z in wanted], axis=1)
    np.testing.assert_allclose(drawn, wanted, atol=1e-4)
    at_means = array(posterior.mean) + np.exp(0.5 * array(posterior.log_var)) * noise
    assert np.abs(drawn - at_means)[:, : SIZES[0]].max() < 1e-4
    assert np.abs(drawn - at_means)[:, SIZES[0] :].max() > 1e-2
    one, two = (array(posterior.sample(seed=seed)) for seed in (0, 1))
    assert one.shape == drawn.shape and np.abs(one - two).max() > 0.1


# Sampling.


def test_samples_are_made_of_the_numbers_of_a_seed(model):
    images = model.sample(5, LABELS, seed=3)
    assert images.shape == X.shape and images.dtype == np.float32
    noise = threefry.normals(3, 5, sum(SIZES))
    made = array(model.generate(noise, labels=LABELS))
    np.testing.assert_allclose(made, images, atol=1e-6)
    shard = np.concatenate(list(model.iter_sample(2, ["b", "a"], seed=3, first=3)))
    np.testing.assert_allclose(shard, images[3:], atol=1e-6)
    other = model.sample(5, (LABELS + 1) % 3, seed=3)
    assert np.abs(other - images).max() > 1e-2


@once
def test_temperature_of_all_levels_and_of_each(model):
    noise = threefry.normals(3, 5, sum(SIZES))
    scale = np.repeat(np.float32([0.2, 1.5, 1.5]), SIZES)
    each = model.sample(5, LABELS, temperature=(0.2, 1.5), seed=3)
    scaled = array(model.generate(scale * noise, labels=LABELS))
    np.testing.assert_allclose(each, scaled, atol=1e-5)
    rows = np.tile(np.float32([0.2, 1.5]), (5, 1))
    made = array(model.generate(noise, temperature=rows, labels=LABELS))
    np.testing.assert_allclose(made, each, atol=1e-5)
    half = model.sample(5, LABELS, temperature=0.5, seed=3)
    scaled = array(model.generate(0.5 * noise, labels=LABELS))
    np.testing.assert_allclose(half, scaled, atol=1e-5)


# Training, and what is kept of it.


def test_fit_logs_each_group_and_goes_on_from_a_preset(tmp_path):
    beta = zoo.schedules.LinearWarmup(10, start=0.1)
    model = make(((4, 1, 1), (2, 1, 1)), beta=beta)
    quick_compile(model, keras.optimizers.Adam(0.01))
    before = model.elbo(X, seed=0)["kl_z_3x3_1"].mean()  # of no draw before it
    logs = model.fit(X, batch_size=5, epochs=4, verbose=0).history
    groups = ("kl_z_3x3_1", "kl_z_6x6_1")
    assert set(logs) == LOGS | set(groups)
    assert logs["elbo"][-1] > logs["elbo"][0]
    np.testing.assert_allclose(logs["kl"], np.add(*map(logs.get, groups)), rtol=1e-5)
    assert logs["kl_z_3x3_1"][0] == pytest.approx(before, rel=1e-4)

    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.HierarchicalVAE.from_preset(tmp_path / "preset")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_allclose(
        loaded.sample(3, seed=0), model.sample(3, seed=0), atol=1e-6
    )
    # As a user who looks for a mistake does: it takes no time to compile.
    loaded.compile(run_eagerly=BACKEND == "tensorflow")
    loaded.fit(X, batch_size=5, verbose=0)
    assert int(loaded.steps_trained) == 5


def test_each_level_or_group_has_a_weight_of_its_own():
    warmup = zoo.schedules.LinearWarmup(10)
    model = make(beta=(warmup, 0.25))
    random_weights(model, seed=5, scale=0.4)
    terms = model.elbo_terms(ops.convert_to_tensor(X))
    kl = [array(group.kl) for group in terms.groups]
    loss = array(terms.reconstruction)
    of_levels = loss + 0.5 * kl[0] + 0.25 * (kl[1] + kl[2])
    again = zoo.HierarchicalVAE.from_config(
        json.loads(json.dumps(model.get_config()))
    ).objective
    for objective in (model.objective, again):
        np.testing.assert_allclose(array(objective(terms, 5.0)), of_levels, rtol=1e-5)
    of_groups = zoo.objectives.ELBO((2.0, 1.0, warmup), 1e4, "group")
    wanted = loss + 1e4 * (2 + 1 + 0.3)  # each at its free nats
    np.testing.assert_allclose(array(of_groups(terms, 3.0)), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "levels, grids",
    [
        (((2, 1, 1),), ["5x5"]),
        (((10, 1, 3), (5, 1, 1)), ["1x1", "2x2"]),  # one position: the whole image
        (((6, 1, 1), (3, 1, 1), (1, 1, 1)), ["2x2", "4x4", "12x12"]),
    ],
)
@once
def test_any_number_of_levels_on_any_grids(levels, grids):
    model = zoo.HierarchicalVAE(SHAPE, levels, filters=2, blocks_per_level=0, seed=0)
    assert [spec.name for spec in model.latents] == [f"z_{grid}_1" for grid in grids]
    zeros = ops.zeros((1, model.noise.normals))
    assert tuple(model.generate(zeros).shape) == (1, *SHAPE)
    assert model.reconstruct(X[:1]).shape == (1, *SHAPE)


# Bad input.


@pytest.mark.parametrize(
    "levels, options, said",
    [
        ((), {}, r"`levels` must be \(divisor, .* of each level; got none"),
        (3, {}, "of each level; got 3"),
        (((4, 1),), {}, r"of each level; got \(4, 1\)"),
        (((4, 0, 2),), {}, "`groups of levels` must be a whole number >= 1; got 0"),
        (((4, 1, 0),), {}, "`channels of levels` must be a whole number >= 1; got 0"),
        (((0, 1, 2),), {}, "`divisor of levels` must be a whole number >= 1; got 0"),
        (((2, 1, 1), (4, 1, 1)), {}, "coarsest first, .* of the next; got 2, 4"),
        (((4, 1, 1), (4, 1, 1)), {}, "coarsest first, .* of the next; got 4, 4"),
        (((4, 1, 1), (3, 1, 1)), {}, "coarsest first, .* of the next; got 4, 3"),
        (((16, 1, 1), LEVELS[1]), {}, "at most 10, the size of the image; got 16"),
        (LEVELS, {"filters": (4, 3, 2)}, "one for each level; got 3 for 2 levels"),
        (LEVELS, {"filters": 0}, "`filters` must be a whole number >= 1; got 0"),
        (LEVELS, {"block": "wide"}, "`block` must be one of"),
        (LEVELS, {"num_classes": 0}, "`num_classes` must be a whole number >= 1"),
        (LEVELS, {"beta": (1, 1, 1, 1)}, "weight, or 2 or 3: one for each .* got 4"),
        (LEVELS, {"beta": (1, -1)}, "`beta` must be a finite number >= 0; got -1"),
        (LEVELS, {"objective": "dip_i"}, "DIP is an objective for one group"),
    ],
)
@once
def test_levels_that_cannot_be_are_refused(levels, options, said):
    with pytest.raises(ValueError, match=said) as caught:
        make(levels, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "use, said",
    [
        (lambda m: m.sample(2), "HierarchicalVAE needs labels"),
        (lambda m: m.sample(2, 1, temperature=(1, 1, 1)), "2, one for each level; got"),
        (lambda m: m.sample(2, 1, temperature=(1, -1)), "finite number >= 0; got -1"),
        (lambda m: m.decode(np.zeros((1, 9)), 1), r"of shape \(N, 90\); got shape"),
        (lambda m: m.decode({"z_3x3_1": X}, 1), "dictionary of the groups z_3x3_1, z"),
        (lambda m: m.encode(X[:2], [0, 3]), "from 0 to 2 of shape"),
    ],
)
@once
def test_wrong_use_is_refused(model, use, said):
    with pytest.raises(ValueError, match=said) as caught:
        use(model)
    assert "\n" not in str(caught.value)
