"""The study of how well odd images are told: its areas, and its tables."""

import numpy as np

from recipes import anomaly_detection
from recipes.anomaly_detection import ANOTHER, ONE_CLASS, Reconstruction, area
from recipes.data import ImageData
from recipes.documents.readme import anomalies_section


def test_area_is_the_share_of_pairs_in_order():
    assert area(np.array([3.0, 1.0]), np.array([2.0, 0.0])) == 0.75
    assert area(np.arange(5.0), np.arange(5.0)) == 0.5


def test_reconstruction_is_that_of_the_components(monkeypatch):
    monkeypatch.setattr(anomaly_detection, "COMPONENTS", 1)
    line = np.outer(np.linspace(-1, 1, 9), [3.0, 4.0])
    detector = Reconstruction().fit(line)
    beside = line[:2] + [[0.8, -0.6]]  # one away from the line
    np.testing.assert_allclose(detector.score_samples(line), 0, atol=1e-9)
    np.testing.assert_allclose(detector.score_samples(beside), -1, atol=1e-9)


def test_one_class_tells_every_detector(monkeypatch):
    for name, value in {
        "EPOCHS": 20,
        "BATCH": 4,
        "COMPONENTS": 2,
        "UNITS": (16,),
    }.items():
        monkeypatch.setattr(anomaly_detection, name, value)
    rng = np.random.default_rng(0)
    patterns = rng.random((2, 8, 8, 1))
    labels = np.repeat([0, 1], 40)
    x = patterns[labels] + 0.05 * rng.standard_normal((80, 8, 8, 1))
    x = np.clip(x, 0, 1).astype("float32")
    data = ImageData("two", x, test=x, train_labels=labels, test_labels=labels)
    found = anomaly_detection.one_class(data, 1, seed=0)
    wanted = {f"VAE, {score}" for score in anomaly_detection.SCORES}
    assert wanted | {"isolation forest", "PCA, reconstruction"} <= set(found)
    assert found["VAE, elbo"] > 0.95 and found["PCA, reconstruction"] > 0.95


def test_tables_are_means_the_best_first():
    rows = [
        {"task": ONE_CLASS, "part": f"digit {d}, seed {s}", "areas": areas}
        for d, s, areas in (
            (0, 0, {"a": 0.9, "b": 0.5}),
            (1, 0, {"a": 0.7, "b": 1.0}),
            (0, 1, {"a": 0.9, "b": 0.5}),
            (1, 1, {"a": 0.9, "b": 1.0}),
        )
    ]
    rows.append({"task": ANOTHER, "part": "m, elbo", "areas": {"m, elbo": 0.25}})
    lines = anomalies_section(rows).splitlines()
    assert lines[2] == "| a | 0.850 | 0.800, 0.900 | digit 1: 0.800 |"
    assert lines[3] == "| b | 0.750 | 0.750, 0.750 | digit 0: 0.500 |"
    assert lines[-1] == "| m, elbo | 0.250 |"
