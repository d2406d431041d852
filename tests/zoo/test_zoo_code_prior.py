"""The prior over codes: a proper distribution, drawn from as it is scored."""

import itertools
import math
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from numpy_code_prior import NumpyCodePrior
from zoo_helpers import BACKEND, array, first_everywhere, quick_compile

import zoo
from zoo import threefry
from zoo.networks.cache import DynamicCache

once = pytest.mark.one_backend(
    "the logits, and what is drawn by them, are tried on every backend"
)

K = 3
# Without XLA on TensorFlow, where it takes seconds a model.
QUICK = {"jit_compile": False} if BACKEND == "tensorflow" else {}
SMALL = {"width": 8, "num_layers": 2, "num_heads": 2, "seed": 0}


def make_prior(code_shape=(2, 2), codebook_size=K, random=True, **options):
    """A small prior; with random weights it prefers some codes to others."""
    prior = zoo.CodePrior(codebook_size, code_shape, **{**SMALL, **options})
    prior.build(None)
    if random:
        rng = np.random.default_rng(0)
        prior.set_weights(
            [0.7 * rng.standard_normal(w.shape) for w in prior.get_weights()]
        )
    return prior


def every_grid(code_shape, codebook_size=K):
    grids = itertools.product(range(codebook_size), repeat=math.prod(code_shape))
    return np.array(list(grids), "int32").reshape(-1, *code_shape)


@pytest.mark.parametrize(
    "code_shape", first_everywhere([(2, 2), (1, 1), (1, 2, 2)], once)
)
def test_probabilities_of_all_grids_sum_to_one(code_shape):
    prior, grids = make_prior(code_shape), every_grid(code_shape)
    log_prob = array(prior.log_prob(grids))
    assert log_prob.shape == (len(grids),) and log_prob.dtype == np.float32
    assert np.exp(log_prob).sum() == pytest.approx(1, abs=1e-5)
    assert np.ptp(log_prob) > 0.1
    # Further leading axes are draws.
    draws = np.stack([grids, grids[::-1]])
    np.testing.assert_allclose(
        array(prior.log_prob(draws)), [log_prob, log_prob[::-1]], rtol=1e-5
    )


def test_untrained_prior_is_uniform():
    prior = make_prior(random=False)
    assert not prior.is_trained
    log_prob = array(prior.log_prob(every_grid((2, 2))))
    np.testing.assert_allclose(log_prob, np.full(81, -4 * math.log(K)), rtol=1e-6)


@once
def test_codes_depend_on_those_before_alone():
    prior = make_prior((3, 2))
    codes = np.zeros((1, 3, 2), "int32")
    logits = array(prior(ops.convert_to_tensor(codes)))[0]
    for place in range(6):
        changed = codes.copy()
        changed.reshape(1, 6)[0, place] = 1
        moved = array(prior(ops.convert_to_tensor(changed)))[0] - logits
        moved = np.abs(moved).max(axis=-1)
        assert np.all(moved[: place + 1] < 1e-6)
        assert np.all(moved[place + 1 :] > 1e-5)


@pytest.mark.parametrize("code_shape", first_everywhere([(2, 1, 3), (3, 2)], once))
def test_cached_draws_invert_the_distribution_functions_of_the_logits(code_shape):
    prior = make_prior(code_shape, codebook_size=5)
    uniforms = np.random.default_rng(1).random((64, 6), dtype="float32")
    temperature = np.full(64, 0.8, "float32")
    codes = array(prior.from_uniforms(ops.convert_to_tensor(uniforms), temperature))
    assert codes.shape == (64, *code_shape) and codes.dtype == np.int32
    logits = array(prior(ops.convert_to_tensor(codes))).astype(np.float64) / 0.8
    p = np.exp(logits - logits.max(-1, keepdims=True))
    below = np.cumsum(p / p.sum(-1, keepdims=True), axis=-1)
    expected = (below[..., :-1] <= uniforms[..., None]).sum(-1)
    np.testing.assert_array_equal(codes.reshape(64, 6), expected)


@once
def test_draws_follow_the_distribution():
    prior, grids = make_prior((2, 1)), every_grid((2, 1))
    rng = np.random.default_rng(0)
    uniforms = ops.convert_to_tensor(rng.random((20000, 2), dtype="float32"))
    drawn = array(prior.from_uniforms(uniforms, np.ones(20000, "float32")))
    share = [np.mean(np.all(drawn == grid, axis=(1, 2))) for grid in grids]
    np.testing.assert_allclose(share, np.exp(array(prior.log_prob(grids))), atol=0.015)


@once
def test_temperature_and_top_k_narrow_the_choice():
    prior = make_prior((3, 2), codebook_size=6)
    rng = np.random.default_rng(0)
    uniforms = ops.convert_to_tensor(rng.random((50, 6), dtype="float32"))

    def draws(temperature, top_k=None):
        temperatures = np.full(50, temperature, "float32")
        codes = prior.from_uniforms(uniforms, temperatures, top_k)
        return array(codes).reshape(50, 6)

    cold, one = draws(0.0), draws(1.0, 1)
    assert len(np.unique(cold, axis=0)) == 1
    np.testing.assert_array_equal(cold, one)
    assert len(np.unique(draws(1.0, 2)[:, 0])) == 2 < len(np.unique(draws(1.0)[:, 0]))
    np.testing.assert_array_equal(draws(1.0, 6), draws(1.0))


@pytest.mark.parametrize("code_shape", first_everywhere([(2, 1, 3), (3, 2)], once))
def test_prior_of_codes_given_a_label(code_shape):
    prior = make_prior(code_shape, codebook_size=5, num_classes=3)
    rng = np.random.default_rng(1)
    labels = np.array([2, 0, 1, 2], "int32")
    codes = rng.integers(0, 5, (4, *code_shape)).astype("int32")
    twin = NumpyCodePrior.of(prior)
    expected = [
        twin.logits(row.ravel()[:-1], label)
        for row, label in zip(codes, labels, strict=True)
    ]
    logits = prior(ops.convert_to_tensor(codes), ops.convert_to_tensor(labels))
    np.testing.assert_allclose(array(logits), expected, atol=2e-4)
    # One label an image, also of several draws.
    log_prob = array(prior.given(labels).log_prob(codes))
    draws = array(prior.given(labels).log_prob(np.stack([codes, codes])))
    np.testing.assert_allclose(draws, [log_prob, log_prob], rtol=1e-5)
    other = array(prior.given(labels[::-1].copy()).log_prob(codes))
    assert np.abs(other - log_prob).max() > 0.1
    uniforms = threefry.uniforms(3, 4, 6)
    drawn = prior.from_uniforms(
        ops.convert_to_tensor(uniforms),
        np.ones(4, "float32"),
        labels=ops.convert_to_tensor(labels),
    )
    expected = twin.draw(uniforms, labels=labels)
    np.testing.assert_array_equal(array(drawn).reshape(4, 6), expected)


@once
def test_caches_that_grow_and_that_stay_give_the_same_logits():
    prior = make_prior((2, 1, 2), codebook_size=5)
    codes = np.random.default_rng(0).integers(0, 5, (3, 4)).astype("int32")
    expected = array(prior(ops.convert_to_tensor(codes)))
    cache = DynamicCache(prior.transformer.empty_cache(3, 0))
    for place in range(4):
        before = codes[:, max(place - 1, 0)]
        logits = prior.step(ops.convert_to_tensor(before), cache)
        np.testing.assert_allclose(array(logits), expected[:, place], atol=1e-4)
        assert tuple(cache.tensors[-1].shape) == (3, 2, place + 1, 4)
        cache = DynamicCache(cache.tensors)


def test_fit_learns_what_follows_what():
    rng = np.random.default_rng(0)
    first = rng.integers(0, K, (256, 1, 1))
    codes = ((first + np.arange(4).reshape(1, 2, 2)) % K).astype("int32")
    prior = make_prior(random=False)
    history = prior.fit(
        codes,
        optimizer=keras.optimizers.Adam(0.02),
        validation_data=(codes[:32], None),
        epochs=12,
        batch_size=32,
        verbose=0,
        **QUICK,
    ).history
    assert history["loss"][0] == pytest.approx(math.log(K), abs=0.3)
    # One free choice of three, and three codes that follow.
    assert history["val_loss"][-1] == pytest.approx(math.log(K) / 4, abs=0.1)
    assert prior.is_trained
    log_prob = array(prior.log_prob(codes[:32])).mean()
    assert -log_prob / 4 == pytest.approx(history["val_loss"][-1], rel=1e-4)


@pytest.mark.parametrize("dropout", (0.0, 0.5))
def test_dropout_thins_in_training_alone(dropout):
    codes = np.random.default_rng(0).integers(0, K, (64, 2, 2)).astype("int32")
    prior = make_prior(dropout=dropout)
    assert prior.get_config()["dropout"] == dropout
    once, again = (array(prior.log_prob(codes)) for _ in "ab")
    np.testing.assert_array_equal(once, again)
    still = keras.optimizers.SGD(0.0)
    history = prior.fit(codes, optimizer=still, batch_size=64, verbose=0, **QUICK)
    thinned = history.history["loss"][0] + once.mean() / 4
    if dropout:
        assert abs(thinned) > 1e-3
    else:
        assert abs(thinned) < 1e-5


# In a model.


SHAPE = (8, 8, 1)


def make_model(quantizer="ema", **options):
    model = zoo.VQVAE(
        SHAPE, 4, 2, quantizer, filters=(2, 3), blocks_per_stage=0, seed=0, **options
    )
    return model


def prior_for(quantizer="ema"):
    suffix = (2,) if quantizer == "residual" else ()
    return zoo.CodePrior(4, (2, 2, *suffix), **SMALL)


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    bright = rng.integers(0, 2, (64, 2, 2, 1))
    return np.repeat(np.repeat(bright, 4, 1), 4, 2).astype("float32")


@pytest.fixture(scope="module")
def trained(x):
    """A model of images whose quarters are bright or dark, and its prior trained."""
    model = make_model(prior=prior_for())
    quick_compile(model, keras.optimizers.Adam(0.02))
    model.fit(x, batch_size=16, epochs=2, verbose=0)
    model.before = model.elbo(x, seed=0)
    model.history_of_prior = model.fit_prior(
        x,
        optimizer=keras.optimizers.Adam(0.02),
        epochs=10,
        batch_size=16,
        verbose=0,
        **QUICK,
    ).history
    return model


def test_prior_tightens_the_bound_and_changes_nothing_else(trained, x):
    after = trained.elbo(x, seed=0)
    np.testing.assert_allclose(
        after["log_likelihood"], trained.before["log_likelihood"], rtol=1e-6
    )
    np.testing.assert_allclose(trained.before["kl"], 4 * math.log(4), rtol=1e-5)
    assert after["kl"].mean() < trained.before["kl"].mean() - 0.5
    log_prior = array(trained.prior.log_prob(array(trained.encode(x).codes)))
    np.testing.assert_allclose(after["kl"], -log_prior, rtol=1e-4)
    np.testing.assert_allclose(
        trained.log_marginal_likelihood(x), after["elbo"], rtol=1e-5
    )
    nats = trained.history_of_prior["loss"]
    assert nats[-1] < nats[0]
    logs = trained.evaluate(x, verbose=0, return_dict=True)
    assert logs["kl"] == pytest.approx(after["kl"].mean(), rel=1e-4)


@once
def test_fit_leaves_the_prior_alone_and_warns_of_what_comes_of_it(trained, x, tmp_path):
    trained.save_to_preset(tmp_path / "before")
    model = zoo.from_preset(tmp_path / "before")
    weights = model.prior.get_weights()
    assert not model.prior.trainable_variables
    assert model.prior.fitted_to == trained.codes_digest()
    # As in presets that were saved when nothing was noted.
    model.prior.fitted_to = None
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.sample(1, seed=0)
        model.elbo(x)
    quick_compile(model, keras.optimizers.Adam(0.02))
    model.fit(x, batch_size=32, verbose=0)
    for one, other in zip(weights, model.prior.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    model.save_to_preset(tmp_path / "after")
    copy = zoo.VQVAE.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    for stale in (model, zoo.from_preset(tmp_path / "after"), copy):
        for call in (
            lambda m: m.sample(1, seed=0),
            lambda m: m.elbo(x),
            lambda m: m.log_marginal_likelihood(x, num_importance_samples=1),
        ):
            with pytest.warns(
                UserWarning, match="fitted to the codes of other weights"
            ):
                call(stale)
    with pytest.warns(UserWarning, match="Train it again with fit_prior"):
        model.evaluate(x, verbose=0)
    model.fit_prior(x, epochs=1, verbose=0, **QUICK)
    assert model.remark_on_prior is None


@once
def test_samples_are_images_fixed_by_their_seed(trained):
    images = trained.sample(10, seed=0)
    assert images.shape == (10, *SHAPE) and images.dtype == np.float32
    assert 0 <= images.min() and images.max() <= 1
    np.testing.assert_allclose(trained.sample(3, seed=0), images[:3], atol=1e-6)
    assert np.any(np.abs(trained.sample(10, seed=1) - images) > 1e-3)
    cold = trained.sample(4, temperature=0.0, seed=0)
    np.testing.assert_allclose(cold, np.repeat(cold[:1], 4, 0), atol=1e-6)
    np.testing.assert_allclose(trained.sample(4, seed=5, top_k=1), cold, atol=1e-6)
    assert trained.sample(0).shape == (0, *SHAPE)


def test_prior_lives_in_the_preset(trained, x, tmp_path):
    trained.save_to_preset(tmp_path / "p")
    loaded = zoo.from_preset(tmp_path / "p")
    assert loaded.prior.is_trained and not loaded.prior.trainable_variables
    np.testing.assert_allclose(
        loaded.sample(4, seed=0), trained.sample(4, seed=0), atol=1e-5
    )
    np.testing.assert_allclose(
        loaded.elbo(x, seed=0)["elbo"], trained.elbo(x, seed=0)["elbo"], rtol=1e-5
    )
    fresh = zoo.from_preset(tmp_path / "p", load_weights=False)
    with pytest.raises(ValueError, match="cannot sample"):
        fresh.sample(1)


@once
def test_prior_is_frozen_from_the_start(tmp_path):
    model = make_model(prior=prior_for())
    model.save_to_preset(tmp_path / "p")
    plain = len(make_model().trainable_variables)
    for built in (model, zoo.from_preset(tmp_path / "p")):
        assert len(built.trainable_variables) == plain
        assert len(built.prior.weights) > 0 == len(built.prior.trainable_variables)


NAMES = ("none", "one", "two", "three", "all")


@pytest.fixture(scope="module")
def labelled(x):
    """A model whose prior knows of its images how many quarters are bright."""
    prior = zoo.CodePrior(4, (2, 2), num_classes=5, class_names=NAMES, **SMALL)
    model = make_model(prior=prior)
    quick_compile(model, keras.optimizers.Adam(0.02))
    labels = (x[:, ::4, ::4, 0].sum((1, 2)) + 0.5).astype("int32")
    model.fit(x, batch_size=16, epochs=2, validation_data=x, verbose=0)
    model.fit_prior(
        x,
        labels,
        validation_data=(x[:16], labels[:16]),
        optimizer=keras.optimizers.Adam(0.02),
        epochs=10,
        batch_size=16,
        verbose=0,
        **QUICK,
    )
    model.labels = labels
    return model


def test_labels_tell_the_prior_something(labelled, x):
    labels = labelled.labels
    assert labelled.num_classes == labelled.label_dim == 5
    told = labelled.elbo(x, labels, seed=0)
    misled = labelled.elbo(x, (labels + 2) % 5, seed=0)
    np.testing.assert_allclose(told["log_likelihood"], misled["log_likelihood"])
    assert told["kl"].mean() < misled["kl"].mean() - 0.5
    np.testing.assert_allclose(
        labelled.log_marginal_likelihood(x, labels), told["elbo"], rtol=1e-5
    )
    logs = labelled.evaluate(x, labels, verbose=0, return_dict=True)
    assert logs["kl"] == pytest.approx(told["kl"].mean(), rel=1e-4)
    images = labelled.sample(6, labels=[0, 0, 0, 4, 4, 4], seed=0)
    np.testing.assert_allclose(
        labelled.sample(3, labels=0, seed=0), images[:3], atol=1e-6
    )
    named = labelled.sample(3, labels="All", seed=0)
    np.testing.assert_array_equal(named, labelled.sample(3, labels=4, seed=0))
    assert np.abs(images[:3] - named).max() > 1e-3
    with pytest.raises(ValueError, match="none, one, two, three, all; got 'five'"):
        labelled.sample(1, labels="five")


@once
def test_networks_do_without_labels(labelled, x, tmp_path):
    labels = labelled.labels
    np.testing.assert_array_equal(
        labelled.reconstruct(x, labels), labelled.reconstruct(x)
    )
    codes = array(labelled.encode(x, labels).codes)
    np.testing.assert_array_equal(codes, array(labelled.encode(x).codes))
    np.testing.assert_array_equal(
        array(labelled.decode(codes, labels)), array(labelled.decode(codes))
    )
    labelled.save_to_preset(tmp_path / "p")
    info = zoo.preset_info(tmp_path / "p")
    assert info["num_classes"] == 5
    assert info["class_names"] == zoo.from_preset(tmp_path / "p").class_names
    assert tuple(info["class_names"]) == NAMES
    loaded = zoo.from_preset(tmp_path / "p")
    np.testing.assert_allclose(
        loaded.sample(4, labels=1, seed=3),
        labelled.sample(4, labels=1, seed=3),
        atol=1e-5,
    )
    quick_compile(loaded)
    loaded.fit(x, labels, batch_size=32, validation_data=(x, labels), verbose=0)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda m, x: m.sample(2), "needs labels, whole numbers from 0 to 4"),
        (lambda m, x: m.elbo(x), "needs labels, whole numbers"),
        (lambda m, x: m.evaluate(x, verbose=0), "needs labels, whole numbers"),
        (lambda m, x: m.log_marginal_likelihood(x), "needs labels, whole numbers"),
        (lambda m, x: m.fit_prior(x, verbose=0), "needs labels, whole numbers"),
        (
            lambda m, x: m.fit_prior(x, m.labels, validation_data=x, verbose=0),
            "needs labels, whole numbers",
        ),
        (lambda m, x: m.sample(2, labels=5), "`labels` .*got values from 5 to 5"),
        (lambda m, x: m.sample(2, labels=-1), "`labels` .*got values from -1 to -1"),
        (lambda m, x: m.sample(2, labels=[0, 1, 2]), "each of 2 image.*got 3"),
        (lambda m, x: m.elbo(x, m.labels[:5]), "each of 64 image.*got 5"),
        (lambda m, x: m.fit(x, m.labels + 9, verbose=0), "`labels` .*from 9 to"),
        (
            lambda m, x: m.prior.log_prob(np.zeros((1, 2, 2), "int32")),
            "This CodePrior needs labels: its `num_classes` is 5",
        ),
        (
            lambda m, x: make_prior().given(np.zeros(1)),
            "This CodePrior takes no labels: its `num_classes` is None",
        ),
        (lambda m, x: make_model(prior=prior_for()).sample(1, labels=0), "no labels"),
        (lambda m, x: make_prior(num_classes=0), "`num_classes` .*>= 1; got 0"),
        (
            lambda m, x: make_prior(num_classes=3, class_names=["a", "b"]),
            "`class_names` must name 3 classes; got 2 names",
        ),
    ],
)
@once
def test_wrong_labels_are_refused(labelled, x, call, said):
    with pytest.raises(ValueError, match=said) as caught:
        call(labelled, x)
    assert "\n" not in str(caught.value)


def test_seed_draws_what_threefry_says(trained):
    uniforms = ops.convert_to_tensor(threefry.uniforms(2**40, 5, 4))
    codes = trained.prior.from_uniforms(uniforms, np.ones(5, "float32"))
    np.testing.assert_allclose(
        trained.sample(5, seed=2**40), array(trained.decode(codes)), atol=1e-6
    )
    for seed in (-1, 2**63, 0.5):
        with pytest.raises(ValueError, match="`seed` must be a whole number >= 0 and"):
            trained.sample(1, seed=seed)


@pytest.mark.parametrize("quantizer", first_everywhere(["residual", "gumbel"], once))
def test_prior_of_other_codes(quantizer, x):
    model = make_model(quantizer, prior=prior_for(quantizer), dtype="mixed_bfloat16")
    model.fit_prior(x, epochs=1, batch_size=16, verbose=0, **QUICK)
    assert model.sample(3, seed=0).shape == (3, *SHAPE)
    terms = model.elbo(x, seed=0)
    np.testing.assert_allclose(
        terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-4
    )
    assert all(np.isfinite(v).all() for v in terms.values())


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda x: make_model().sample(1), "cannot sample: it has no learned prior"),
        (lambda x: make_model().fit_prior(x), "VQVAE is uniform and learns nothing"),
        (
            lambda x: make_model(prior=prior_for()).sample(1),
            "cannot sample: it has no learned prior",
        ),
        (lambda x: make_model().sample(1, temperature=-1), "`temperature` .*got -1"),
        (lambda x: make_model().sample(1, top_k=0), "`top_k` .*>= 1; got 0"),
        (lambda x: make_model(prior="pixelcnn"), "`prior` must be .*got 'pixelcnn'"),
        (
            lambda x: make_model(prior=zoo.CodePrior(5, (2, 2), **SMALL)),
            "`codebook_size` is 5, but the model's is 4",
        ),
        (
            lambda x: make_model(prior=zoo.CodePrior(4, (3, 2), **SMALL)),
            r"`code_shape` is \(3, 2\), but the model's is \(2, 2\)",
        ),
        (
            lambda x: make_model(prior=prior_for()).fit_prior(x * 255),
            r"`x` must be pixels in \[0, 1\]",
        ),
        (
            lambda x: zoo.CodePrior(4, (2, 2), dropout=1.0),
            r"`dropout` must lie in \[0, 1\); got 1.0",
        ),
        (
            lambda x: zoo.CodePrior(4, (2, 2), width=10, num_heads=4),
            "`width` must be a multiple of `num_heads`; got 10 and 4",
        ),
    ],
)
@once
def test_bad_arguments_are_refused(call, said, x):
    with pytest.raises(ValueError, match=said) as caught:
        call(x)
    assert "\n" not in str(caught.value)
