"""scorer.onnx: an AnomalyDetector without Keras, and what is refused of it."""

import pickle

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from sklearn.exceptions import NotFittedError

import export
import zoo
from export.runtime.files import add_digest
from export.runtime.golden import replay
from zoo.applications import AnomalyDetector

SHAPE = (8, 10, 3)
X = np.random.default_rng(0).random((24, *SHAPE), dtype=np.float32)


def with_random_weights(model):
    rng = np.random.default_rng(1)
    values = [0.3 * rng.standard_normal(w.shape) for w in model.get_weights()]
    model.set_weights([np.zeros(()) if v.shape == () else v for v in values])
    return model


def ladder():
    """Of colour pixels, exact levels, and classes that are tried out."""
    return zoo.HierarchicalVAE(
        SHAPE,
        ((4, 1, 2), (2, 1, 1)),
        likelihood="discretized_logistic_mixture",
        filters=(4, 3),
        blocks_per_level=1,
        num_classes=3,
        seed=0,
    )


def dense():
    """Of a prior and a density that are not of one formula."""
    return zoo.DenseVAE(
        SHAPE, 3, (12,), "continuous_bernoulli", prior="mixture", seed=0
    )


MADE = {"level_ratio": ladder, "likelihood": dense}


@pytest.fixture(scope="module", params=MADE)
def exported(request, tmp_path_factory):
    """A detector, its file, and what the export reports."""
    model = with_random_weights(MADE[request.param]())
    detector = AnomalyDetector(model, request.param, 0.75, num_draws=3).fit(X)
    path = tmp_path_factory.mktemp("scorer") / "scorer.onnx"
    return detector, path, export.export_scorer(detector, path)


def test_scores_are_those_of_the_detector(exported):
    detector, path, report = exported
    assert report.max_abs_error <= 1e-4
    scorer = export.Scorer(path, threads=2)
    expected = detector.score_samples(X)
    assert np.std(expected) > 1e-2 * np.abs(expected).mean()
    decision, maps = detector.decision_function(X), detector.heat_map(X)
    # A ratio of levels is a small difference of large numbers, and rounds as they do.
    size = 1e-6 * np.abs(maps).sum((1, 2)).max() + 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(scorer.score_samples(X), expected, atol=size)
    np.testing.assert_allclose(scorer.decision_function(X), decision, atol=size)
    clear = np.abs(decision) > size
    assert clear.sum() > 20
    np.testing.assert_array_equal(scorer.predict(X)[clear], detector.predict(X)[clear])
    assert maps.shape == (24, 8, 10)
    np.testing.assert_allclose(scorer.heat_map(X), maps, rtol=1e-3, atol=1e-4)


def test_one_image_has_one_score_always(exported):
    _, path, _ = exported
    scorer = export.Scorer(path)
    together = scorer.score_samples(X)
    for again in (scorer, export.Scorer(path, threads=1), export.Scorer(str(path))):
        np.testing.assert_array_equal(again.score_samples(X), together)
    alone = [scorer.score_samples(x[None])[0] for x in X[:4]]
    np.testing.assert_allclose(alone, together[:4], rtol=1e-5)
    assert len(scorer.score_samples(X[:0])) == 0


def test_the_file_says_what_it_is_and_checks_itself(exported):
    detector, path, _ = exported
    scorer = export.Scorer(path)
    kept = scorer.metadata["anomaly"]
    assert kept == detector.to_json() and scorer.offset == detector.offset_
    assert scorer.metadata["model"] == type(detector.model).__name__
    assert f"score={detector.score!r}" in repr(scorer)
    assert scorer.verify()["max_abs_error"] == 0
    # Another program: onnx's own evaluator, operator by operator.
    golden = scorer._opened.main.golden
    names = list(golden["outputs"])
    run = ReferenceEvaluator(str(path)).run
    error = replay(
        lambda feeds: dict(zip(names, run(names, feeds), strict=True)), golden
    )
    assert error <= golden["tolerance"]
    for other in (
        export.Scorer(path.read_bytes()),
        pickle.loads(pickle.dumps(scorer)),
    ):
        np.testing.assert_array_equal(other.predict(X), scorer.predict(X))


def test_it_runs_without_keras(exported, run_python, tmp_path):
    _, path, _ = exported
    np.save(tmp_path / "x.npy", X)
    code = """
import sys
for name in ("keras", "tensorflow", "jax", "torch", "onnx", "sklearn"):
    sys.modules[name] = None
import numpy as np, export
x = np.load(sys.argv[2])
print(np.sum(export.Scorer(sys.argv[1]).predict(x) == -1))
"""
    assert run_python(code, path, tmp_path / "x.npy") == "6"  # a quarter of 24


def test_bad_input_is_refused_in_a_sentence(exported, tmp_path):
    detector, path, _ = exported
    scorer = export.Scorer(path)
    with pytest.raises(ValueError, match=r"`images` must have shape \(N, 8, 10, 3\)"):
        scorer.predict(X[0])
    with pytest.raises(ValueError, match="`images` must lie in .0, 1.; got .* 255"):
        scorer.predict(255 * X)
    with pytest.raises(ValueError, match="`images` must be finite"):
        scorer.predict(np.nan * X)
    with pytest.raises(export.RuntimeModelError, match="must be a decoder or a gen"):
        export.Sampler(path)
    with pytest.raises(FileExistsError, match="exists already"):
        export.export_scorer(detector, path)
    with pytest.raises(TypeError, match="`detector` must be .* got HierarchicalVAE"):
        export.export_scorer(ladder(), tmp_path / "s.onnx")
    with pytest.raises(NotFittedError):
        export.export_scorer(AnomalyDetector(dense()), tmp_path / "s.onnx")
    fitted = AnomalyDetector(dense(), "regret", num_draws=2).fit(X[:2])
    with pytest.raises(export.ExportError, match="'regret' fits a posterior to each"):
        export.export_scorer(fitted, tmp_path / "s.onnx")
    assert not list(tmp_path.iterdir())


def test_other_files_are_no_scorers(decoder_file):
    with pytest.raises(export.RuntimeModelError, match="must be a scorer .* 'decoder'"):
        export.Scorer(decoder_file)


@pytest.mark.parametrize(
    "kept", ["null", "{}", '{"score": "elbo"}', '{"score": 3, "offset": 1.0}']
)
def test_a_file_without_a_threshold_is_refused(exported, tmp_path, kept):
    _, path, _ = exported
    proto = onnx.load(path)
    for entry in list(proto.metadata_props):
        if entry.key == "anomaly":
            entry.value = kept
        elif entry.key == "content_sha256":
            proto.metadata_props.remove(entry)
    content = add_digest(proto.SerializeToString(deterministic=True))
    with pytest.raises(export.RuntimeModelError, match="of a scorer `anomaly`"):
        export.Scorer(content)
