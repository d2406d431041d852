"""AnomalyDetector: scores against closed forms, and scikit-learn's conventions."""

import pickle

import keras
import numpy as np
import pytest
import test_zoo_exact_likelihood as exact
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy.ndimage import gaussian_filter
from sklearn.base import clone, is_outlier_detector
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_zoo_ladder_known import LATENTS, Known
from zoo_helpers import SHAPE, array, make_dense

import zoo
from zoo.applications import AnomalyDetector
from zoo.applications.scores import SCORES, smoothing_matrix

once = pytest.mark.one_backend("NumPy around scores that are exact on every backend")

BINARY = np.random.default_rng(2).integers(0, 2, (40, *SHAPE)).astype("float32")


def noise_of(draws, size, seed=0):
    """What a detector draws: the same numbers for every image."""
    return np.random.default_rng(seed).standard_normal((draws, size), np.float32)


def scores_of(model, score, x=exact.IMAGES, **options):
    return AnomalyDetector(model, score, **options).fit(x).score_samples(x)


def log_prob_given(z):
    """log p(x|z) of the linear-Gaussian model, of latents (K, N, D): (K, N)."""
    centred = exact.X - (z @ exact.W.T + exact.OFFSET)
    density = -0.5 * (centred / exact.SIGMA) ** 2 - np.log(exact.SIGMA)
    return np.sum(density - 0.5 * np.log(2 * np.pi), axis=-1)


def exact_draws(draws):
    """z (K, N, D) from the exact posterior, of a detector's noise."""
    mean = (exact.X - exact.OFFSET) @ (exact.W / exact.SIGMA**2 / exact.PRECISION)
    deviation = 1 / np.sqrt(exact.PRECISION)
    return mean + deviation * noise_of(draws, exact.LATENT_DIM)[:, None]


def test_likelihood_is_exact_under_the_exact_posterior_whatever_the_draws():
    for draws in (1, 7):
        found = scores_of(exact.linear_model(), "likelihood", num_draws=draws)
        np.testing.assert_allclose(found, exact.exact_log_likelihood(), atol=5e-3)


def test_scores_of_one_latent_group_are_those_of_the_formulas():
    z = exact_draws(5)
    reconstruction = log_prob_given(z).mean(axis=0)
    latent = (-0.5 * z**2 - 0.5 * np.log(2 * np.pi)).sum(-1).mean(axis=0)
    mean = (exact.X - exact.OFFSET) @ (exact.W / exact.SIGMA**2 / exact.PRECISION)
    variance = 1 / exact.PRECISION
    kl = 0.5 * np.sum(variance + mean**2 - 1 - np.log(variance), axis=-1)
    elbo = reconstruction - kl
    expected = {
        "reconstruction": reconstruction,
        "latent": latent,
        "elbo": elbo,
        "typicality": -np.abs(elbo - elbo.mean()),
    }
    for score, values in expected.items():
        found = scores_of(exact.linear_model(), score, num_draws=5)
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=5e-3)


@pytest.mark.parametrize("shift, factor", [(0.0, 1.0), (1.5, 1.0), (0.7, 3.0)])
def test_regret_is_the_kl_to_the_exact_posterior(shift, factor):
    model = exact.linear_model(shift, factor)
    regret = -scores_of(model, "regret", exact.IMAGES[:4], num_draws=100)
    # What 100 draws leave to chance, in the fit and in the bound.
    expected = exact.kl_to_exact_posterior(shift, factor)
    np.testing.assert_allclose(regret, expected, rtol=0.15, atol=0.05)


def test_regret_fits_all_levels_of_a_ladder():
    x = Known().images(4)
    # q(z_1|x) is off by 1.5 deviations, and q(z_2|x, z_1) is exact.
    regrets = [
        -scores_of(Known(shift).model, "regret", x, num_draws=100)
        for shift in (1.5, 0.0)
    ]
    np.testing.assert_allclose(regrets[0] - regrets[1], 0.5 * 1.5**2, rtol=0.1)
    assert np.all(regrets[1] < 0.2)  # what the draws leave to fit


def test_level_ratio_draws_the_finer_levels_from_the_prior():
    known, draws = Known(), 9
    model, x = known.model, known.images(6)
    noise = noise_of(draws, LATENTS)[:, None]
    first = model.encode(x)[model.latents[0].name]
    mean, log_var = (array(t).reshape(6, 1) for t in (first.mean, first.log_var))
    upper = mean + np.exp(0.5 * log_var) * noise[..., :1]
    lower = np.broadcast_to(noise[..., 1:], (draws, 6, LATENTS - 1))
    made = known.b + np.concatenate([upper, lower], -1) @ known.jacobian.T
    centred = (x.reshape(6, -1) - made) / exact.SIGMA
    log_prob = -0.5 * centred**2 - np.log(exact.SIGMA) - 0.5 * np.log(2 * np.pi)
    kl = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
    expected = log_prob.sum(-1).mean(0) - kl
    elbo = scores_of(model, "elbo", x, num_draws=draws)
    found = scores_of(model, "level_ratio", x, num_draws=draws)
    np.testing.assert_allclose(found + elbo, expected, rtol=1e-4)


@once
def test_classes_are_tried_out_and_the_best_is_taken():
    model = zoo.ConditionalVAE(SHAPE, 2, num_classes=3, hidden_units=(6,), seed=0)
    x = BINARY[:5]
    noise = np.broadcast_to(noise_of(4, 2)[:, None], (4, 5, 2))
    terms = [
        model.elbo_terms(
            ops.convert_to_tensor(x),
            ops.convert_to_tensor(np.full(5, y, "int32")),
            noise=ops.convert_to_tensor(noise),
        )
        for y in range(3)
    ]
    elbos = np.stack([array(t.elbo) for t in terms])
    best = np.argmax(elbos, axis=0)
    assert len(set(best.tolist())) > 1
    detector = AnomalyDetector(model, num_draws=4).fit(x)
    np.testing.assert_allclose(detector.score_samples(x), elbos.max(0), rtol=1e-5)
    told = np.stack([-array(t.reconstruction) for t in terms])
    found = scores_of(model, "reconstruction", x, num_draws=4)
    np.testing.assert_allclose(found, told[best, range(5)], rtol=1e-5)
    maps = detector.heat_map(x)
    np.testing.assert_allclose(maps.sum((1, 2)), -told[best, range(5)], rtol=1e-4)
    assert np.all(np.isfinite(scores_of(model, "regret", x, num_draws=4)))


@once
def test_codes_are_scored_by_the_elbo():
    model = zoo.VQVAE(SHAPE, 8, 4, filters=(4,), seed=0)
    elbo = model.elbo(BINARY[:5], seed=3)["elbo"]
    np.testing.assert_allclose(scores_of(model, "elbo", BINARY[:5]), elbo, rtol=1e-5)
    with pytest.raises(ValueError, match="score='regret' fits .* are codes"):
        AnomalyDetector(model, "regret").fit(BINARY)


@once
def test_heat_map_adds_up_to_the_reconstruction(model):
    detector = AnomalyDetector(model, "reconstruction").fit(BINARY)
    total = -detector.heat_map(BINARY).sum(axis=(1, 2))
    np.testing.assert_allclose(total, detector.score_samples(BINARY), rtol=1e-5)


@once
def test_smoothed_error_is_that_of_a_gaussian_filter(model):
    """By SciPy's filter; the edge, where its filters end otherwise, is left out."""
    x = np.zeros((2, *SHAPE), "float32")
    x[0, 3, 4], x[1, 4, 3] = 1, 0.5
    certain = zoo.likelihoods.Gaussian(scale=1.0)
    model = make_dense(likelihood=certain)
    # The same image for every z: its difference from x is known.
    weights = [0 * array(w) for w in model.weights]
    model.set_weights(weights)
    found = scores_of(model, "smoothed_error", x)
    smooth = [
        gaussian_filter(each[..., 0] - 0.5, 1.0, mode="constant", cval=-0.5)
        for each in x
    ]
    wanted = [-np.sum(each**2) / (2 * 0.1**2) for each in smooth]
    np.testing.assert_allclose(found, wanted, rtol=0.02)


@once
def test_smoothed_error_is_that_of_the_mean_of_all_draws(model):
    spec = AnomalyDetector(model, "smoothed_error", num_draws=5).fit(BINARY).spec
    noise = np.repeat(spec.noise(model), len(BINARY), axis=1)
    z = array(model.elbo_terms(BINARY, noise=noise).groups[0].z)
    mean = np.mean([array(model.decode(each)) for each in z], axis=0)
    filters = [smoothing_matrix(size) for size in SHAPE[:2]]
    smooth = np.einsum("ih,nhwc,jw->nijc", filters[0], BINARY - mean, filters[1])
    wanted = -np.sum(smooth**2, axis=(1, 2, 3)) / (2 * 0.1**2)
    found = scores_of(model, "smoothed_error", BINARY, num_draws=5)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("score", [s for s in SCORES if s != "level_ratio"])
@once
def test_one_image_has_one_score(model, score):
    detector = AnomalyDetector(model, score, num_draws=3).fit(BINARY)
    together = detector.score_samples(BINARY)
    alone = [detector.score_samples(x[None])[0] for x in BINARY[:3]]
    np.testing.assert_allclose(alone, together[:3], rtol=1e-5, atol=2e-4)
    again = AnomalyDetector(model, score, num_draws=3).fit(BINARY)
    np.testing.assert_array_equal(again.score_samples(BINARY), together)
    if score != "typicality":
        other = AnomalyDetector(model, score, num_draws=3, seed=1).fit(BINARY)
        assert not np.allclose(other.score_samples(BINARY), together, rtol=1e-5)


@pytest.mark.parametrize("quantile", [0.5, 0.9])
@once
def test_quantile_is_the_share_of_normal_images(model, quantile):
    detector = AnomalyDetector(model, quantile=quantile).fit(BINARY)
    found = detector.predict(BINARY)
    assert set(found) == {-1, 1} and found.dtype == np.int64
    assert np.mean(found == 1) == pytest.approx(quantile, abs=1 / len(BINARY))
    decision = detector.decision_function(BINARY)
    np.testing.assert_array_equal(found == -1, decision < 0)
    np.testing.assert_allclose(
        decision, detector.score_samples(BINARY) - detector.offset_, atol=1e-4
    )
    np.testing.assert_array_equal(detector.fit_predict(BINARY), found)


@once
def test_it_is_an_estimator_of_scikit_learn(model):
    detector = AnomalyDetector(model, "elbo", num_draws=2)
    assert is_outlier_detector(detector)
    copy = clone(detector.set_params(quantile=0.9))
    assert copy.model is model and copy.quantile == 0.9 and not hasattr(copy, "offset_")
    rows = FunctionTransformer(lambda x: x.reshape(len(x), -1))
    pipeline = make_pipeline(rows, detector).fit(BINARY)
    expected = AnomalyDetector(model, num_draws=2).fit(BINARY).score_samples(BINARY)
    np.testing.assert_array_equal(pipeline.score_samples(BINARY), expected)
    truth = np.where(expected > np.median(expected), 1, -1)
    scored = cross_val_score(detector, BINARY, truth, scoring="roc_auc", cv=2)
    np.testing.assert_array_equal(scored, 1)


@once
def test_detectors_are_kept_whole(tmp_path, model):
    detector = AnomalyDetector(model, "typicality", 0.8, num_draws=3).fit(BINARY)
    detector.save_to_preset(tmp_path / "kept", {"summary": "Of noise."})
    loaded = AnomalyDetector.from_preset(tmp_path / "kept")
    pickled = pickle.loads(pickle.dumps(detector))
    for other in (loaded, pickled):
        assert other.offset_ == detector.offset_
        found = other.score_samples(BINARY)
        np.testing.assert_allclose(found, detector.score_samples(BINARY), atol=1e-4)
    assert zoo.preset_info(tmp_path / "kept")["summary"] == "Of noise."
    model.save_to_preset(tmp_path / "plain")
    with pytest.raises(ValueError, match="holds no fitted detector"):
        AnomalyDetector.from_preset(tmp_path / "plain")


def test_scores_follow_weights_that_are_trained_on():
    model = make_dense()
    detector = AnomalyDetector(model).fit(BINARY)
    before = detector.score_samples(BINARY)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(BINARY, epochs=2, verbose=0)
    assert detector.score_samples(BINARY).mean() > before.mean()


BAD = {
    "score": ({"score": "luck"}, "`score` must be one of 'elbo', .* got 'luck'"),
    "quantile": ({"quantile": 1.0}, "`quantile` must be .* between 0 and 1; got 1.0"),
    "no share": ({"quantile": "all"}, "`quantile` must be .* got 'all'"),
    "draws": ({"num_draws": 0}, "`num_draws` must be a whole number >= 1; got 0"),
    "one draw": ({"score": "regret", "num_draws": 1}, "`num_draws` must .* >= 2"),
    "seed": ({"seed": -1}, "`seed` must be a whole number >= 0"),
    "levels": ({"score": "level_ratio"}, "compares the levels of a HierarchicalVAE"),
}


@pytest.mark.parametrize("options, sentence", BAD.values(), ids=BAD)
@once
def test_options_out_of_range_are_refused(model, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        AnomalyDetector(model, **options).fit(BINARY)


@once
def test_what_is_no_model_and_what_cannot_be_scored_is_refused(model):
    with pytest.raises(TypeError, match="`model` must be a model of the zoo.* got str"):
        AnomalyDetector("dense_vae_mnist").fit(BINARY)
    attributes = zoo.ConditionalVAE(SHAPE, 2, num_attributes=2, hidden_units=(4,))
    with pytest.raises(ValueError, match="takes attributes as labels"):
        AnomalyDetector(attributes).fit(BINARY)
    ladder = zoo.HierarchicalVAE(SHAPE, ((4, 1, 1), (2, 1, 1)), filters=2, seed=0)
    with pytest.raises(ValueError, match="`levels` must be .* >= 1 and <= 1; got 2"):
        AnomalyDetector(ladder, "level_ratio", levels=2).fit(BINARY)
    broken = make_dense()
    broken.set_weights([np.full(w.shape, np.nan) for w in broken.get_weights()])
    with pytest.raises(ValueError, match="40 of 40 images a score that is no finite"):
        AnomalyDetector(broken).fit(BINARY)


@pytest.mark.parametrize("method", ["score_samples", "predict", "heat_map"])
@once
def test_nothing_is_scored_before_fit(model, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(AnomalyDetector(model), method)(BINARY)


@settings(max_examples=15, deadline=None)
@given(shape=st.lists(st.integers(0, 9), max_size=5).map(tuple))
@once
def test_images_of_other_shapes_are_refused_in_a_sentence(model, shape):
    if shape[1:] == SHAPE or shape[1:] == (64,):
        return
    with pytest.raises(ValueError, match="`x` must"):
        AnomalyDetector(model).fit(np.zeros(shape, "float32"))
