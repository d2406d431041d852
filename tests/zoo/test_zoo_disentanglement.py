"""Scores of disentanglement, on representations whose scores are known."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from zoo_helpers import array, make_dense

import zoo
from zoo.evaluation.disentanglement import (
    METRICS,
    Representation,
    beta_vae_score,
    dci,
    disentanglement,
    factor_vae_score,
    mig,
    mig_per_factor,
    mutual_information,
    sap,
)

pytestmark = pytest.mark.one_backend("metrics of NumPy")

SMALL = {"num_train": 400, "num_test": 200}
SCORES = {
    "mig",
    "factor_vae_score",
    "beta_vae_score",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
}


def make_grid(*sizes):
    """A grid whose "images" are the factors themselves."""
    names = tuple("abcde"[: len(sizes)])
    return SimpleNamespace(factor_names=names, factor_sizes=sizes, images=lambda f: f)


def represent(function, *sizes):
    return Representation(function, make_grid(*sizes))


def noise(factors, dims=4):
    """Numbers that tell nothing of the factors, but are the same every time."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((10_000, dims))
    return table[(factors @ [2089, 3701, 811][: factors.shape[1]]) % 10_000]


def rotated(factors):
    """Two factors, each spread over two dimensions."""
    return factors @ np.array([[1.0, -1.0], [1.0, 1.0]])


# Known answers.


def test_factors_themselves_are_disentangled():
    scores = disentanglement(lambda f: f, make_grid(4, 3, 3), **SMALL)
    assert scores.keys() == SCORES | {"mig_per_factor"}
    assert scores["factor_vae_score"] == scores["beta_vae_score"] == 1
    assert scores["mig"] == pytest.approx(1, abs=0.02)
    for part in ("disentanglement", "completeness", "informativeness"):
        assert scores[f"dci_{part}"] == pytest.approx(1, abs=1e-6)


def test_noise_scores_chance():
    scores = disentanglement(noise, make_grid(6, 6, 5), **SMALL)
    assert scores["factor_vae_score"] == pytest.approx(1 / 3, abs=0.1)
    assert scores["beta_vae_score"] == pytest.approx(1 / 3, abs=0.1)
    assert scores["sap"] < 0.05 and scores["mig"] < 0.05
    assert scores["dci_disentanglement"] < 0.1 and scores["dci_completeness"] < 0.1


def test_rotation_costs():
    grid = make_grid(5, 5)
    metrics = ("mig", "factor_vae_score", "dci", "sap")
    straight = disentanglement(lambda f: f, grid, metrics=metrics, **SMALL)
    turned = disentanglement(rotated, grid, metrics=metrics, **SMALL)
    assert turned["mig"] < 0.1 < 0.9 < straight["mig"]
    assert turned["factor_vae_score"] < 0.7
    assert turned["dci_disentanglement"] < 0.2 < 0.9 < straight["dci_disentanglement"]
    assert turned["sap"] < 0.1 < straight["sap"]


def test_mutual_information_by_hand():
    # Counts (2, 1; 0, 1) of 4: 1/2 ln 4/3 + 1/4 ln 2/3 + 1/4 ln 2.
    expected = np.log(4 / 3) / 2 + np.log(2 / 3) / 4 + np.log(2) / 4
    assert mutual_information([0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx(expected)
    x = np.arange(1000)
    assert mutual_information(x % 5, x % 5) == pytest.approx(np.log(5))
    assert mutual_information(x % 5, x // 5 % 4) == pytest.approx(0, abs=1e-12)


def test_mig_by_hand():
    # Of factor a, the first dimension knows all, ln 4, the second half, ln 2; neither
    # knows anything of b: ((ln 4 - ln 2) / ln 4 + 0) / 2.
    def codes(factors):
        return np.stack([factors[:, 0], factors[:, 0] // 2], axis=1)

    representation = represent(codes, 4, 4)
    assert mig(representation, 20_000) == pytest.approx(1 / 4, abs=2e-3)
    each = mig_per_factor(representation, 20_000)
    assert list(each) == ["a", "b"]
    assert list(each.values()) == pytest.approx([1 / 2, 0], abs=2e-3)
    # A dimension with an outlier fits in one bin, and knows nothing.
    outlier = represent(lambda f: codes(f) + 1e6 * (f.sum(1) == 6)[:, None], 4, 4)
    assert mig(outlier, 2000) < 0.05


def test_sap_by_hand():
    # A line tells two values from each other; the other dimension guesses.
    representation = represent(lambda f: f, 2, 2)
    assert sap(representation, 2000, 2000) == pytest.approx(0.5, abs=0.05)
    # Three dimensions that know the same: no gap.
    assert sap(represent(lambda f: f[:, [0, 0, 0]], 2, 2), 500, 500) < 0.05


def test_dci_of_unequal_importance():
    # Both factors are in one dimension: complete, not disentangled.
    codes = represent(lambda f: np.stack([4 * f[:, 0] + f[:, 1], 0 * f[:, 0]], 1), 4, 4)
    scores = dci(codes, **SMALL)
    assert scores["completeness"] == pytest.approx(1)
    assert scores["disentanglement"] == pytest.approx(0, abs=0.01)
    assert scores["informativeness"] == 1
    # Each factor is in two dimensions: disentangled, not complete.
    scores = dci(represent(lambda f: f[:, [0, 0, 1, 1]], 4, 4), **SMALL)
    assert scores["disentanglement"] == pytest.approx(1)
    assert 0.3 < scores["completeness"] < 1 - 1e-3


def test_factor_vae_score_leaves_collapsed_dimensions_out():
    # Constant nearly everywhere, the first would vary least in most groups.
    def codes(factors):
        rare = 0.01 * np.all(factors == 0, axis=1)
        return np.column_stack([rare, factors])

    representation = represent(codes, 8, 8)
    assert factor_vae_score(representation, **SMALL) == 1
    loose = factor_vae_score(representation, **SMALL, min_std=0.0)
    assert loose < 0.9
    options = {"metrics": "factor_vae_score", "min_std": 0.0, **SMALL}
    assert disentanglement(codes, make_grid(8, 8), **options) == {
        "factor_vae_score": loose
    }
    with pytest.raises(ValueError, match="`min_std` must be a number >= 0; got -1"):
        disentanglement(codes, make_grid(8, 8), min_std=-1)
    assert factor_vae_score(represent(lambda f: f / 1000, 8, 8), **SMALL) == 0


def test_group_scores_need_no_order_or_scale():
    codes = represent(lambda f: 7 - 0.1 * f[:, ::-1], 8, 8, 3)
    assert factor_vae_score(codes, **SMALL) == 1
    assert beta_vae_score(codes, **SMALL) > 0.99


# How they are asked.


def test_scores_depend_on_the_seed_alone():
    def scores(**options):
        few = {"num_train": 100, "num_test": 50}
        return disentanglement(rotated, make_grid(4, 4), **few, **options)

    every = scores(seed=3)
    assert scores(seed=3) == every
    assert scores(seed=4) != every
    for name in METRICS:
        assert scores(seed=3, metrics=name).items() <= every.items()


def test_no_image_is_encoded_twice():
    seen = []

    def codes(factors):
        seen.extend(map(tuple, factors))
        return factors

    metrics = ("mig", "factor_vae_score", "beta_vae_score", "sap")
    disentanglement(codes, make_grid(6, 5), metrics=metrics, **SMALL)
    assert len(seen) == len(set(seen)) == 30


def test_codes_are_those_of_the_factors():
    representation = represent(lambda f: f + 0.5, 5, 7)
    for shape in ((3,), (40,), (2, 9)):
        factors = representation.sample_factors(shape, np.random.default_rng(0))
        assert factors.shape == (*shape, 2)
        np.testing.assert_array_equal(representation.codes(factors), factors + 0.5)


def bars(factors):
    """8x8 images with a bright row and a bright column."""
    images = np.zeros((len(factors), 8, 8, 1), "float32")
    each = np.arange(len(factors))
    images[each, factors[:, 0]] = 1
    images[each, :, factors[:, 1]] = 1
    return images


def bar_grid():
    return SimpleNamespace(**{**vars(make_grid(8, 8)), "images": bars})


def test_model_is_represented_by_posterior_means(model):
    representation = Representation(model, bar_grid())
    factors = representation.sample_factors((50,), np.random.default_rng(0))
    mean = array(model.encode(bars(factors)).mean)
    np.testing.assert_allclose(representation.codes(factors), mean, atol=1e-5)
    metrics = ("mig", "factor_vae_score")
    scores = disentanglement(model, bar_grid(), metrics=metrics, **SMALL)
    assert 0 <= scores["mig"] <= 1 and 0 < scores["factor_vae_score"] <= 1


def test_function_may_return_tensors():
    codes = represent(lambda f: keras.ops.convert_to_tensor(f.astype("f4")), 4, 4)
    assert mig(codes, 1000) > 0.95


# What is refused, in a sentence.


def refuses(match, model=lambda f: f, grid=None, error=ValueError, **options):
    with pytest.raises(error, match=match):
        disentanglement(model, grid or make_grid(4, 4), **{**SMALL, **options})


def test_bad_grid_is_refused():
    refuses("at least 2 factors", grid=make_grid(4))
    refuses(r"at least 2 values each; got .* sizes \(4, 1\)", grid=make_grid(4, 1))


def test_bad_representation_is_refused():
    refuses("is constant: it is .* for all 400 images", lambda f: 0 * f + 3)
    refuses("NaN or infinite", lambda f: np.where(f == 2, np.nan, f))
    refuses("NaN or infinite", lambda f: np.where(f == 2, np.inf, f))
    refuses(
        r"shape \(16, D\) with D >= 2 dimensions; got \(16, 1\)", lambda f: f[:, :1]
    )
    refuses(r"got \(2,\)", lambda f: f[0])
    refuses("a zoo.VAE or a function", "model", error=TypeError)


@pytest.mark.parametrize("metric", METRICS)
def test_constant_representation_is_refused_by_every_metric(metric):
    refuses("is constant", lambda f: np.ones((len(f), 3)), metrics=metric)


def test_too_few_samples_are_refused():
    one_value = "`num_train` = 2 is too few: the factor '[ab]' has the same value"
    refuses(one_value, grid=make_grid(2, 2), num_train=2, seed=1)
    one_factor = "`num_train` = 2 is too few: all groups share the same factor"
    refuses(one_factor, num_train=2, seed=0, metrics="beta_vae_score")
    refuses("`num_train` must be a whole number >= 2", num_train=1)
    refuses("`num_test` must be a whole number >= 1", num_test=0)
    refuses("`group_size` must be a whole number >= 2", group_size=1)
    refuses("`metrics` must be some of mig, .*; got .'fid'", metrics="fid")


def test_model_of_other_images_or_of_labels_is_refused(model):
    grid = bar_grid()
    grid.images = lambda f: np.zeros((len(f), 16, 16, 1), "float32")
    refuses("`grid.images` must be images of 8x8", model, grid)
    conditional = make_dense(zoo.ConditionalVAE, num_classes=3)
    refuses("label", conditional, bar_grid())


def test_scikit_learn_is_needed_by_its_metrics_alone(monkeypatch):
    for name in ("sklearn.svm", "sklearn.ensemble", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, name, None)
    grid = make_grid(4, 4)
    disentanglement(lambda f: f, grid, metrics=("mig", "factor_vae_score"), **SMALL)
    for name in ("beta_vae_score", "dci", "sap"):
        refuses("pip install scikit-learn", metrics=name, error=ImportError)
