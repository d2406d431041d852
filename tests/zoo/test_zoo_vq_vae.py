"""VQVAE: its bound, what it logs, presets, and every quantizer in it."""

import json
import math

import keras
import numpy as np
import pytest
from keras import ops
from numpy_reference import (
    bernoulli_log_prob,
    grid_networks,
    nearest_codes,
    sigmoid,
)
from zoo_helpers import BACKEND, array, quick_compile, random_weights

import zoo
from zoo.quantizers import (
    EMAQuantizer,
    FiniteScalarQuantizer,
    GradientQuantizer,
    GumbelQuantizer,
    ResidualQuantizer,
)
from zoo.schedules import ExponentialDecay

once = pytest.mark.one_backend("the ELBO and training are tried on every backend")

SHAPE = (9, 11, 1)
GRID = (5, 6)
K, D = 8, 3
LOGS = {"loss", "elbo", "reconstruction", "kl", "perplexity", "codebook_usage"}
QUANTIZERS = ("ema", "gradient", "fsq", "residual", "gumbel")


def make(quantizer="ema", shape=SHAPE, **options):
    """A small model with a grid of half the image's size."""
    options = {"filters": (4,), "blocks_per_stage": 1, "seed": 0, **options}
    size = options.pop("codebook_size", K)
    return zoo.VQVAE(shape, size, D, quantizer, name="vq", **options)


@pytest.fixture(scope="module")
def x():
    """48 binary images of vertical or horizontal stripes."""
    rng = np.random.default_rng(0)
    rows = (np.arange(9)[:, None, None] // 2 + np.zeros((9, 11, 1))) % 2
    columns = (np.arange(11)[None, :, None] // 2 + np.zeros((9, 11, 1))) % 2
    patterns = np.stack([rows, columns, 1 - rows, 1 - columns])
    return patterns[rng.integers(0, 4, 48)].astype("float32")


@pytest.fixture(scope="module")
def model(x):
    """A model trained for two steps, that no test may train further."""
    model = make()
    quick_compile(model)
    model.fit(x, batch_size=24, verbose=0)
    return model


def test_elbo_matches_numpy(x):
    """The whole model in NumPy, from the weights alone."""
    model = make("gradient")
    w = random_weights(model, seed=3)
    encode, decode = grid_networks(w, SHAPE, 1, 1, "gated", "silu")
    features = encode(x.astype(np.float64))
    codebook = w["gradient_quantizer/codebook"].astype(np.float64)
    codes = nearest_codes(features, codebook)
    assert codes.shape == (48, *GRID) and len(np.unique(codes)) > 2
    logits = decode(codebook[codes])

    posterior = model.encode(x)
    np.testing.assert_array_equal(array(posterior.codes), codes)
    log_likelihood = bernoulli_log_prob(x.astype(np.float64), logits)
    kl = 30 * math.log(K)
    terms = model.elbo(x, seed=0)
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(terms["kl"], np.full(48, kl), rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], log_likelihood - kl, rtol=1e-4)
    np.testing.assert_allclose(array(posterior.kl()), terms["kl"], rtol=1e-5)
    # A deterministic encoder: the bound is all that importance sampling can give.
    np.testing.assert_allclose(
        model.log_marginal_likelihood(x, num_importance_samples=7, batch_size=20),
        terms["elbo"],
        rtol=1e-5,
    )
    images = sigmoid(logits)
    np.testing.assert_allclose(model.reconstruct(x), images, atol=1e-4)
    np.testing.assert_allclose(array(model.decode(codes)), images, atol=1e-4)
    quick_compile(model)
    logs = model.evaluate(x, batch_size=48, verbose=0, return_dict=True)
    squared = ((features - codebook[codes]) ** 2).sum((1, 2, 3))
    loss = (-log_likelihood + kl + 1.25 * squared).mean()
    assert logs["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_fit_lowers_the_loss_with_every_quantizer(x, quantizer):
    model = make(quantizer)
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(
        x, validation_data=x[:16], batch_size=16, epochs=5, verbose=0
    ).history
    assert set(history) == LOGS | {f"val_{name}" for name in LOGS}
    # Uncertain codes soon tell no more about an image than their KL is worth.
    share = 0.99 if quantizer == "gumbel" else 0.9
    assert history["reconstruction"][-1] < share * history["reconstruction"][0]
    assert np.isfinite(np.array(list(history.values()))).all()
    codes = array(model.encode(x).codes)
    suffix = (2,) if quantizer == "residual" else ()
    assert codes.shape == (48, *GRID, *suffix) and codes.dtype == np.int32
    certain = 30 * math.log(K) * (2 if suffix else 1)
    for prefix in ("", "val_"):
        logged = {name: np.array(history[prefix + name]) for name in LOGS}
        terms = logged["reconstruction"] + logged["kl"]
        np.testing.assert_allclose(logged["elbo"], -terms, rtol=1e-5)
        assert np.all(logged["loss"] >= -logged["elbo"] - 1e-2)
        if quantizer == "gumbel":
            assert np.all((logged["kl"] >= 0) & (logged["kl"] < certain))
        else:
            np.testing.assert_allclose(logged["kl"], certain, rtol=1e-5)
        assert np.all((logged["perplexity"] >= 1) & (logged["perplexity"] <= K))
        assert np.all((logged["codebook_usage"] > 0) & (logged["codebook_usage"] <= 1))
    reconstructed = model.reconstruct(x)
    assert reconstructed.shape == x.shape and reconstructed.dtype == np.float32
    if quantizer != "gumbel":
        decoded = array(model.decode(codes))
        np.testing.assert_allclose(decoded, reconstructed, atol=1e-5)


def test_statistics_are_gathered_over_the_epoch(x, model):
    codes = array(model.encode(x).codes)
    logs = model.evaluate(x, batch_size=7, verbose=0, return_dict=True)
    share = np.bincount(codes.ravel(), minlength=K) / codes.size
    entropy = -np.sum(share[share > 0] * np.log(share[share > 0]))
    assert logs["perplexity"] == pytest.approx(np.exp(entropy), rel=1e-4)
    assert logs["codebook_usage"] == pytest.approx(np.mean(share > 0))
    parts = [
        np.exp(-np.sum(p[p > 0] * np.log(p[p > 0])))
        for p in (np.bincount(c.ravel(), minlength=K) / c.size for c in codes)
    ]
    assert logs["perplexity"] > np.mean(parts)  # not a mean over batches


def test_same_weights_give_the_same_figures_on_every_backend(x):
    # Written down once; agreeing with them is agreeing with each other.
    model = make("residual")
    random_weights(model, seed=5)
    codes = array(model.encode(x[:4]).codes)
    terms = model.elbo_terms(ops.convert_to_tensor(x[:4]))
    assert codes.sum() == EXPECTED["codes"]
    assert array(terms.extra["quantizer"]).sum() == pytest.approx(
        EXPECTED["loss"], rel=1e-4
    )
    assert model.elbo(x[:4])["elbo"].sum() == pytest.approx(EXPECTED["elbo"], rel=1e-4)


EXPECTED = {"codes": 957, "loss": 12.13022, "elbo": -813.3132}


@once
def test_gumbel_bounds_are_of_drawn_codes(x):
    model = make("gumbel")
    random_weights(model, seed=0)
    terms, again, other = (model.elbo(x[:8], seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(terms["elbo"], again["elbo"])
    assert np.all(terms["log_likelihood"] != other["log_likelihood"])
    np.testing.assert_allclose(terms["kl"], array(model.encode(x[:8]).kl()), rtol=1e-4)
    elbo = np.mean([model.elbo(x, seed=s)["elbo"].mean() for s in range(8)])
    bounds = [
        model.log_marginal_likelihood(x, num_importance_samples=k, seed=0).mean()
        for k in (5, 100)
    ]
    assert elbo < bounds[0] < bounds[1]


@once
def test_beta_weighs_the_kl_of_uncertain_codes(x):
    for beta in (0.0, 2.0):
        model = make("gumbel", beta=beta)
        quick_compile(model)
        logs = model.evaluate(x, batch_size=48, verbose=0, return_dict=True)
        expected = logs["reconstruction"] + beta * logs["kl"]
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)


@once
def test_sample_weights_scale_an_example_s_whole_loss(x):
    model = make("gradient")
    quick_compile(model)
    weights = np.r_[np.zeros(24), np.full(24, 2.0)].astype("float32")
    half = model.evaluate(
        x, sample_weight=weights, batch_size=48, verbose=0, return_dict=True
    )
    last = model.evaluate(x[24:], batch_size=24, verbose=0, return_dict=True)
    assert half["loss"] == pytest.approx(last["loss"], rel=1e-4)


@pytest.mark.parametrize(
    "image_shape, filters, grid",
    [
        ((28, 28, 1), (4, 4), (7, 7)),
        ((9, 17, 3), (2, 2, 2), (2, 3)),
    ],
)
@once
def test_any_image_size_becomes_a_grid(image_shape, filters, grid):
    model = make(shape=image_shape, filters=filters, likelihood="gaussian")
    random_weights(model, seed=0)
    images = np.random.default_rng(0).random((3, *image_shape), dtype="float32")
    codes = model.encode(images).codes
    assert tuple(codes.shape) == (3, *grid) == (3, *model.code_shape)
    decoded = array(model.decode(codes))
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() and decoded.max() <= 1


@once
def test_bits_per_dim_of_levels():
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)) / 255
    model = make(shape=(8, 8, 3), likelihood="discretized_logistic_mixture")
    quick_compile(model)
    logs = model.evaluate(images.astype("f4"), verbose=0, return_dict=True)
    expected = -logs["elbo"] / (192 * math.log(2))
    assert logs["bits_per_dim"] == pytest.approx(expected, rel=1e-4)


def test_mixed_precision_keeps_codes_and_terms_in_float32(x):
    model = make(dtype="mixed_bfloat16")
    quick_compile(model, keras.optimizers.Adam(0.01))
    history = model.fit(x, batch_size=16, epochs=3, verbose=0).history
    assert history["reconstruction"][-1] < history["reconstruction"][0]
    assert all(v.dtype == np.float32 for v in model.elbo(x[:4], seed=0).values())
    assert model.reconstruct(x[:4]).dtype == np.float32
    assert model.quantizer.codebook.dtype == "float32"


def test_codebook_starts_from_the_data_and_moves(x):
    model = make()
    before = array(model.quantizer.codebook)
    quick_compile(model)
    model.evaluate(x, verbose=0)
    np.testing.assert_array_equal(array(model.quantizer.codebook), before)
    assert float(model.quantizer.initialized) == 0
    model.fit(x, batch_size=16, verbose=0)
    assert float(model.quantizer.initialized) == 1
    assert np.all(array(model.quantizer.codebook) != before)


MODELS = {
    "ema": lambda: make(EMAQuantizer(K, D, decay=0.9, commitment=0.5, seed=1)),
    "gradient": lambda: make(GradientQuantizer(K, D, gradient_estimator="rotation")),
    "fsq": lambda: make(FiniteScalarQuantizer((4, 2), D), filters=(2, 3)),
    "fsq, by name": lambda: make("fsq", codebook_size=64),
    "residual": lambda: make(ResidualQuantizer(K, D, depth=3)),
    "gumbel": lambda: make(
        GumbelQuantizer(K, D, ExponentialDecay(100, 2.0, 0.5), hard=True), beta=0.5
    ),
    "options": lambda: make(
        "ema",
        (12, 8, 3),
        likelihood="discretized_logistic_mixture",
        block="plain",
        activation="relu",
        dynamic_binarization=True,
        dtype="mixed_bfloat16",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_preset_round_trip(name, tmp_path):
    model = MODELS[name]()
    random_weights(model, seed=1)
    model.steps_trained.assign(5)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    assert type(loaded) is zoo.VQVAE
    one, other = (
        json.dumps(m.get_config(), sort_keys=True, default=list)
        for m in (model, loaded)
    )
    assert one == other
    for mine, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    images = np.random.default_rng(0).random((4, *model.image_shape), dtype="float32")
    codes = array(model.encode(images).codes)
    np.testing.assert_array_equal(array(loaded.encode(images).codes), codes)
    np.testing.assert_allclose(
        array(loaded.decode(codes)), array(model.decode(codes)), atol=1e-6
    )
    info = zoo.preset_info(tmp_path / "preset")
    assert info["model"] == "VQVAE" and info["latent_dim"] is None
    assert info["codebook_size"] == model.codebook_size


def test_fit_goes_on_after_loading(x, model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.VQVAE.from_preset(tmp_path / "preset")
    codebook = array(loaded.quantizer.codebook)
    np.testing.assert_array_equal(codebook, array(model.quantizer.codebook))
    assert float(loaded.quantizer.initialized) == 1
    quick_compile(loaded)
    loaded.fit(x[:24], batch_size=24, verbose=0)
    assert int(loaded.steps_trained) == int(model.steps_trained) + 1
    # The averages moved on; they did not start anew.
    moved = np.abs(array(loaded.quantizer.codebook) - codebook)
    assert moved.max() > 0 and np.median(moved) < 0.1 * np.abs(codebook).mean()


def test_weight_paths_are_frozen(tmp_path):
    import h5py

    # Renaming any of these makes every preset that was ever saved unreadable.
    make(blocks_per_stage=0).save_to_preset(tmp_path / "p")
    paths = []
    with h5py.File(tmp_path / "p" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                paths.append(name) if isinstance(item, h5py.Dataset) else None
            )
        )
    kernels = ["encoder/downs/conv2d", "encoder/head", "decoder/stem"]
    kernels += ["decoder/ups/conv2d"]
    expected = [f"{name}/vars/{i}" for name in kernels for i in (0, 1)]
    expected += [f"layers/ema_quantizer/vars/{i}" for i in range(4)]
    assert sorted(paths) == sorted([*expected, "vars/0"])


def test_seed_makes_training_reproducible(x):
    def trained(seed):
        keras.utils.set_random_seed(0)  # the order of batches
        model = make(seed=seed)
        quick_compile(model)
        model.fit(x, batch_size=16, verbose=0)
        return model

    one, again, other = trained(1), trained(1), trained(2)
    np.testing.assert_allclose(
        array(one.quantizer.codebook), array(again.quantizer.codebook), atol=1e-5
    )
    assert np.any(array(one.quantizer.codebook) != array(other.quantizer.codebook))


def test_many_steps_in_one_call(x):
    if BACKEND == "torch":
        pytest.skip("steps_per_execution must be 1 on PyTorch")
    model = make()
    quick_compile(model, keras.optimizers.Adam(0.01), steps_per_execution=3)
    history = model.fit(x, batch_size=16, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert int(model.steps_trained) == 6


def test_sample_without_a_prior_says_so(model):
    with pytest.raises(ValueError, match="no learned prior over its codes") as caught:
        model.sample(3)
    assert "\n" not in str(caught.value)


GOOD = np.zeros((2, *GRID), "int32")


@pytest.mark.parametrize(
    "codes, error, said",
    [
        (GOOD[0], ValueError, r"of shape \(N, 5, 6\); got shape \(5, 6\)"),
        (GOOD[:, :4], ValueError, r"got shape \(2, 4, 6\)"),
        (GOOD[..., None], ValueError, r"got shape \(2, 5, 6, 1\)"),
        (3, ValueError, r"got shape \(\)"),
        (GOOD + 0.5, TypeError, "integers; got float64"),
        (GOOD + K, ValueError, "between 0 and 7; got values from 8 to 8"),
        (GOOD - 1, ValueError, "got values from -1 to -1"),
    ],
)
@once
def test_wrong_codes_are_refused(model, codes, error, said):
    with pytest.raises(error, match=f"^`codes` must .*{said}") as caught:
        model.decode(codes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["fit", "encode", "reconstruct", "elbo"])
@pytest.mark.parametrize(
    "change, said",
    [
        (lambda x: np.where(x > 0, np.nan, x), "NaN"),
        (lambda x: x[:, :8], "9x11 pixels"),
        (lambda x: np.repeat(x, 3, -1), "1 channel"),
    ],
)
@once
def test_bad_images_are_refused(model, x, method, change, said):
    before = array(model.quantizer.codebook)
    with pytest.raises(ValueError, match=f"^`x` .*{said}"):
        getattr(model, method)(change(x).astype("float32"))
    np.testing.assert_array_equal(array(model.quantizer.codebook), before)


@once
def test_labels_are_refused(model, x):
    for call in (
        lambda: model.fit(x, np.zeros(48), verbose=0),
        lambda: model.encode(x, np.zeros(48)),
        lambda: model.decode(GOOD, [1, 2]),
    ):
        with pytest.raises(ValueError, match="VQVAE takes no labels"):
            call()


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: make("vqgan"), "`quantizer` must be one of 'ema'.*got 'vqgan'"),
        (lambda: make(codebook_size=0), "`codebook_size` .*>= 1; got 0"),
        (lambda: make("fsq", codebook_size=1), "`codebook_size` .*>= 2; got 1"),
        (lambda: make(EMAQuantizer(9, D)), "`codebook_size` is 8, but the .* is 9"),
        (lambda: make(EMAQuantizer(K, 9)), "`code_dim` is 3, but the quantizer's is 9"),
        (lambda: make(filters=()), "`filters` must name at least one stage"),
        (lambda: make(shape=(7, 9, 1)), "at least 8 pixels"),
        (lambda: make(beta=-1), "`beta` .*got -1"),
    ],
)
@once
def test_bad_constructor_arguments_are_refused(build, said):
    with pytest.raises(ValueError, match=said) as caught:
        build()
    assert "\n" not in str(caught.value)
